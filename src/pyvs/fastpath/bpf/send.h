// To the server: what may not go, how much room there is, and the methods.
#pragma once
#include "encap.h"
#include "nat.h"

// Why a packet of a connection with this status is not for the programs; 0 if it is.
static __always_inline int refuses(struct frame *f, __u32 status, bool six) {
    void *network = f->data + ETH_HLEN;
    bool natted = (status >> 16 & 7) == FORWARD_MASQ;
    if (six) {
        struct ipv6hdr *ip = network;
        if (ip->hop_limit < 2)
            return MISS_TTL;
        if (!ip->saddr.in6_u.u6_addr32[0] && !ip->saddr.in6_u.u6_addr32[1] && !ip->saddr.in6_u.u6_addr32[2] &&
            ip->saddr.in6_u.u6_addr32[3] == bpf_htonl(1))
            return MISS_LOOPBACK;
    } else {
        struct iphdr *ip = network;
        if (ip->ttl < 2)
            return MISS_TTL;
        if (*(__u8 *)&ip->saddr == 127)
            return MISS_LOOPBACK;
    }
    if (natted && f->protocol == IPPROTO_UDP) {
        struct udphdr *udp = network + (six ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
        if (!udp->check)
            return MISS_NO_CHECKSUM;
    }
    return 0;
}

// Bytes that an IP packet may have on its way.
static __always_inline __u32 room(const struct hop *hop, const struct dest *dest, __u32 status) {
    if ((status >> 16 & 7) != FORWARD_TUNNEL)
        return hop->mtu;
    __u32 taken = overhead(dest), least = dest->af == AF_INET6 ? LEAST_MTU6 : LEAST_MTU4;
    return hop->mtu >= taken + least ? hop->mtu - taken : 0;
}

// Whether the packet is as long as it says; notes how long it is on the wire.
static __always_inline bool fits(ctx_t *ctx, struct frame *f, __u32 network, struct tcphdr *tcp) {
    __u32 least = network + (f->protocol == IPPROTO_TCP ? sizeof(struct tcphdr) : sizeof(struct udphdr));
    f->longest = f->length;
#ifdef PYVS_XDP
    return f->length >= least && (__u64)(f->end - f->data) >= (__u64)f->length + ETH_HLEN;
#else
    if (f->length < least || ctx->len < f->length + ETH_HLEN)
        return false;
    __u32 segment = ctx->gso_size;
    if (segment)
        f->longest = segment + network + (f->protocol == IPPROTO_TCP ? tcp->doff * 4 : sizeof(struct udphdr));
    return true;
#endif
}

// The way back goes by the address that the reply will come from, as with sysctl snat_reroute.
static __always_inline bool reach_client(ctx_t *ctx, struct frame *f, struct hop *hop, const void *key,
                                         const void *virtual, bool six) {
    if (six)
        return look_up(ctx, f, hop, virtual, ((const struct key6 *)key)->daddr, true, false);
    return look_up(ctx, f, hop, virtual, &((const struct key4 *)key)->daddr, false, false);
}

static __always_inline bool reach(ctx_t *ctx, struct frame *f, struct dest *dest, const void *key, bool six) {
    bool fixed = dest->flags & DEST_FIXED_HOP;
    if (dest->method == FORWARD_TUNNEL)
        return dest->af == AF_INET6 ? look_up(ctx, f, &dest->hop, dest->source, dest->addr, true, fixed)
                                    : look_up(ctx, f, &dest->hop, dest->source, dest->addr, false, fixed);
    if (six)
        return look_up(ctx, f, &dest->hop, ((const struct key6 *)key)->saddr, dest->addr, true, fixed);
    return look_up(ctx, f, &dest->hop, &((const struct key4 *)key)->saddr, dest->addr, false, fixed);
}

// Why a packet can't go by a method here; 0 if it can.
static __always_inline int not_served(const struct frame *f, const struct dest *dest, __u32 method, bool six) {
    if (method == FORWARD_TUNNEL)
        return not_wrapped(f, dest, six);
    bool known = method == FORWARD_MASQ || method == FORWARD_DROUTE;
    return known && dest->af == (six ? AF_INET6 : AF_INET) ? 0 : MISS_METHOD;
}

// Whether the server is this host, which takes packets as they are. By XDP they can't be marked, and are the engine's.
static __always_inline bool is_here(const struct dest *dest, __u32 method) {
#ifdef PYVS_XDP
    return false;
#else
    return method != FORWARD_MASQ && dest->flags & DEST_HERE;
#endif
}

static __always_inline int send(ctx_t *ctx, struct frame *f, const struct conn *conn, const void *addr,
                                struct dest *dest, const struct hop *hop, bool six) {
    __u32 method = conn->status >> 16 & 7;
    if (method == FORWARD_MASQ) {
        nat(ctx, f, conn, addr, hop);
        return leave_by(ctx, (struct hop *)hop);
    }
#ifndef PYVS_XDP
    if (dest->flags & DEST_HERE) {
        ctx->mark |= settings.own_mark;
        return UP;
    }
#endif
    if (method == FORWARD_TUNNEL) {
        struct inner inner = {};
        read_inner(&inner, f, dest, six);
        return encapsulate(ctx, &inner, conn->dest);
    }
    void *network = f->data + ETH_HLEN;
    if (six)
        ((struct ipv6hdr *)network)->hop_limit--;
    else
        decrease_ttl(network);
    address_frame(f->data, hop);
    return leave_by(ctx, (struct hop *)hop);
}
