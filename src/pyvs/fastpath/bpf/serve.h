// The walk of a packet: key, connection, state, next hop, then new bytes. Up to the last step nothing is changed.
#pragma once
#include "onward.h"

enum { GO_ON = -1 };

// A packet of a known connection that may change it: its state, its life, its owner. GO_ON: it is to be sent. If
// `old->anew` then the connection is over and the packet is to be scheduled.
static __always_inline int unusual(ctx_t *ctx, struct frame *f, const void *key, struct conn *conn, struct dest *dest,
                                   __u32 row, bool six, struct old *old) {
    if (dest->flags & DEST_RESTS)
        return miss(MISS_RESTS, UP);
    if (dest->flags & DEST_ELSEWHERE && !(conn->status & STATUS_REPLY))
        return miss(MISS_ELSEWHERE, UP);
    union any_key other = {};
    bool reply = conn->status & STATUS_REPLY, single = conn->status & STATUS_SINGLE;
    struct conn *partner = 0, *truth = conn;
    if (!single) {
        turn(&other, key, conn, address(conn), six);
        partner = find(&other, six);
    }
    if (reply) {
        if (!partner || !belongs(partner, address(partner), key, true, six)) {
            forget(key, six);
            return miss(MISS_NO_SERVICE, UP);
        }
        truth = partner;
    } else if (partner && !belongs(partner, address(partner), key, false, six)) {
        partner = 0;
    }
    bool over = expired(f, conn) && (!partner || expired(f, partner));
    if (reply) {
        if (over)
            return miss(MISS_NO_SERVICE, UP);  // the sweep will find it
    } else {
        __u32 state = state_of(truth->status);
        bool again = over;
        if (f->flags & FLAG_SYN) {
            if (settings.expire_nodest && !dest->weight)
                again = true;
            else if (settings.reuse_mode && !(truth->status & STATUS_CONTROLLED) &&
                     (state == TCP_TIME_WAIT || state == TCP_CLOSE ||
                      (settings.reuse_mode & 2 && state == TCP_FIN_WAIT && truth->status & STATUS_INPUT_ONLY)))
                again = true;
        }
        if (!again && !(dest->flags & DEST_AVAILABLE)) {
            if (!settings.expire_nodest)
                return miss(MISS_SERVER_GONE, DROP);
            again = true;
        }
        if (again) {
            __u32 last = last_status(conn), number = conn->dest, template = conn->template;
            if (last & STATUS_CLAIMED)
                return miss(MISS_NOT_HERE, UP);  // another processor is at its end
            old->since = over ? last_end(conn, partner) : f->now;
            if (end_connection(key, &other, !partner, six)) {
                old->active = !(last & STATUS_INACTIVE);
                old->template = template;
                if (over) {
                    unbound(dest, old->active);
                } else {
                    old->dest = dest;
                    old->number = number;
                }
            }
            old->anew = true;
            return UP;
        }
    }
    if (f->protocol == IPPROTO_TCP) {
        __u32 status = transition(truth, dest, conn->status, row);
        __u32 state = state_of(status), timeout = timeout_of(f->protocol, state);
        conn->timeout = timeout;
        if (partner) {
            // The server's has a copy. The client's is not written: another processor may have changed it once more.
            struct conn *copy = reply ? conn : partner;
            partner->timeout = timeout;
            copy->status = (copy->status & ~0xffu) | state;
        }
        if (state == TCP_ESTABLISHED && truth->template)
            assure(truth->template);
    } else {
        conn->timeout = timeout_of(f->protocol, 0);
        if (reply && conn->status & STATUS_TO_ASSURE) {
            conn->status &= ~(__u32)STATUS_TO_ASSURE;
            assure(conn->template);
        }
    }
    return GO_ON;
}

// A server's packet that leaves where it came in: its host would be told of the shorter way, ever more rarely, which
// takes a packet that goes up. Kernel: ip_rt_send_redirect.
static __always_inline bool redirects(struct frame *f, struct dest *dest) {
    __u32 many = dest->redirects, passed = f->now - dest->redirected;
    if (!settings.redirect_load)
        return false;
    if (many && passed > settings.redirect_load << 10)
        many = 0;
    bool up = !many || (many < REDIRECTS && passed > settings.redirect_load << many);
    if (up || many >= REDIRECTS) {
        dest->redirected = f->now;
        dest->redirects = many + up;
    }
    return up;
}

// An entry without a destination: the engine has the connection, or had it and is gone, as if there were none.
static __always_inline int claimed(struct frame *f, const void *key, const struct conn *conn, bool six,
                                   struct old *old) {
    if (conn->dest != CLAIMED)
        return miss(MISS_ODD, UP);
    if (conn->told == settings.claimant && claims_count(f->now))
        return miss(MISS_CLAIMED, UP);
    forget(key, six);
    old->anew = true;
    return UP;
}

static __always_inline int known(ctx_t *ctx, struct frame *f, const void *key, struct conn *conn, bool six,
                                 struct old *old) {
    struct dest *dest = dest_at(conn->dest);
    if (!dest)
        return claimed(f, key, conn, six, old);
    __u32 status = conn->status, row = f->protocol == IPPROTO_TCP ? row_of(f->flags) : 0;
    bool reply = status & STATUS_REPLY;
    int why = refuses(f, status, six);
    if (why)
        return miss(why, UP);
    __u32 method = status >> 16 & 7;
    bool here = is_here(dest, method);
    struct hop *hop = reply ? &conn->hop : &dest->hop;
    if (!here) {
        why = method != FORWARD_MASQ ? not_served(f, dest, method, six) : 0;
        if (why)
            return miss(why, UP);
        if (stale(f, hop) &&
            !(reply ? reach_client(ctx, f, hop, key, address(conn), six) : reach(ctx, f, dest, key, six)))
            return miss(MISS_NO_HOP, UP);
        if (f->longest > room(hop, dest, status))
            return miss(MISS_TOO_BIG, UP);
    }
    if (!six && reply && device_of(hop) == f->ifindex && redirects(f, dest))
        return miss(MISS_REDIRECT, UP);
    bool changes = f->protocol == IPPROTO_TCP && next_state(status, row) != state_of(status);
    if (changes || expired(f, conn) || !(dest->flags & DEST_AVAILABLE) ||
        (reply ? status & STATUS_TO_ASSURE : f->flags & FLAG_SYN)) {
        int verdict = unusual(ctx, f, key, conn, dest, row, six, old);
        if (verdict != GO_ON)
            return verdict;
    } else {
        conn->timeout = timeout_of(f->protocol, state_of(status));
    }
    conn->seen = f->now;
    conn->packets++;
    if (reply) {
        if (dest->flags & (DEST_AVAILABLE | DEST_ELSEWHERE))
            count_out(conn->dest, f->length);
        nat(ctx, f, conn, address(conn), hop);
        return leave_by(ctx, hop);
    }
    count_in(conn->dest, f->length, false);
    if (settings.sync)
        report(key, conn, f->now, six);
    return send(ctx, f, conn, address(conn), dest, hop, six);
}

static __always_inline int serve4(ctx_t *ctx, struct frame *f) {
    struct iphdr *ip = f->data + ETH_HLEN;
    struct tcphdr *tcp = (void *)(ip + 1);
    if ((void *)(ip + 1) + sizeof(struct udphdr) > f->end)
        return miss(MISS_TRUNCATED, UP);
    if (*(__u8 *)ip != 0x45)
        return miss(MISS_OPTIONS, UP);
    if (!right(ip))
        return miss(MISS_BAD_HEADER, UP);  // the host drops it before any hook
    if (ip->frag_off & bpf_htons(IP_LAST_FRAGMENT_BITS))
        return miss(MISS_FRAGMENT, UP);
    f->protocol = ip->protocol;
    if (ip->protocol == IPPROTO_TCP) {
        if ((void *)(tcp + 1) > f->end)
            return miss(MISS_TRUNCATED, UP);
        f->flags = ((__u8 *)tcp)[13];
    } else if (ip->protocol != IPPROTO_UDP) {
        return miss(MISS_PROTOCOL, UP);
    }
    f->length = bpf_ntohs(ip->tot_len);
    if (!fits(ctx, f, sizeof *ip, tcp))
        return miss(MISS_TRUNCATED, UP);
    struct key4 key;
    key4_of(&key, ip, tcp);
    foresee(f, &key, false);
    struct conn *conn = find(&key, false);
    struct old old = {};
    if (conn) {
        int verdict = known(ctx, f, &key, conn, false, &old);
        if (!old.anew)
            return verdict;
    }
    return begin(ctx, f, &key, &old, false);
}

static __always_inline int serve6(ctx_t *ctx, struct frame *f) {
    struct ipv6hdr *ip = f->data + ETH_HLEN;
    struct tcphdr *tcp = (void *)(ip + 1);
    if ((void *)(ip + 1) + sizeof(struct udphdr) > f->end)
        return miss(MISS_TRUNCATED, UP);
    f->six = true;
    f->protocol = ip->nexthdr;
    if (ip->nexthdr == IPPROTO_TCP) {
        if ((void *)(tcp + 1) > f->end)
            return miss(MISS_TRUNCATED, UP);
        f->flags = ((__u8 *)tcp)[13];
    } else if (ip->nexthdr != IPPROTO_UDP) {
        return miss(MISS_PROTOCOL, UP);
    }
    f->length = bpf_ntohs(ip->payload_len) + sizeof *ip;
    if (!fits(ctx, f, sizeof *ip, tcp))
        return miss(MISS_TRUNCATED, UP);
    struct key6 key;
    key6_of(&key, ip, tcp);
    foresee(f, &key, true);
    struct conn *conn = find(&key, true);
    struct old old = {};
    if (conn) {
        int verdict = known(ctx, f, &key, conn, true, &old);
        if (!old.anew)
            return verdict;
    }
    return begin(ctx, f, &key, &old, true);
}

#ifndef PYVS_XDP
#define HEADERS4 (ETH_HLEN + sizeof(struct iphdr) + sizeof(struct tcphdr))
#define HEADERS6 (ETH_HLEN + sizeof(struct ipv6hdr) + sizeof(struct tcphdr))

// Drivers may leave the headers where programs can't read them. Not more than those: what follows would be copied.
static __always_inline void gather(ctx_t *ctx) {
    __u32 there = ctx->data_end - ctx->data, wanted = ctx->protocol == bpf_htons(ETH_P_IPV6) ? HEADERS6 : HEADERS4;
    if (there < wanted && ctx->len > there)
        bpf_skb_pull_data(ctx, ctx->len < wanted ? ctx->len : wanted);
}
#endif

static __always_inline int serve(ctx_t *ctx) {
#ifndef PYVS_XDP
    if (ctx->vlan_present)
        return miss(MISS_NOT_IP, UP);  // its tag lies beside the packet, and would leave with it
    gather(ctx);
#endif
    struct frame f = {.data = start(ctx), .end = end(ctx)};
    __be16 *kind = f.data + 12;  // not by struct ethhdr, which is packed: the compiler would read single bytes
    if (f.data + ETH_HLEN > f.end)
        return miss(MISS_TRUNCATED, UP);
    if (!for_us(ctx, f.data))
        return miss(MISS_NOT_FOR_HOST, UP);
    f.ifindex = device(ctx);
    f.now = clock();
    if (*kind == bpf_htons(ETH_P_IP))
        return serve4(ctx, &f);
    if (*kind == bpf_htons(ETH_P_IPV6))
        return serve6(ctx, &f);
    return miss(MISS_NOT_IP, UP);
}
