// A packet of no connection: may it begin one, with which server?
#pragma once
#include "entry.h"
#include "persist.h"
#include "select.h"
#include "send.h"
#include "sync.h"

#define FTP_DATA_PORT 20
#define ALREADY_THERE -17  // EEXIST

#ifndef PYVS_NO_TAIL
MAP(PERSISTENT, BPF_MAP_TYPE_PROG_ARRAY, 2, __u32, __u32, 0);  // by family, of either kind of program
#endif

MAP(unplaced, BPF_MAP_TYPE_HASH, MAX_UNPLACED, union any_key, __u32, BPF_F_NO_PREALLOC);  // claims without room

// Whether the engine whose claims these are is alive.
static __always_inline bool claims_count(__u32 now) { return (__s32)(now - settings.claims_until) < 0; }

static __noinline bool claimed_elsewhere(const void *key, bool six) {
    union any_key whole = {};
    if (!key)
        return false;
    if (six)
        whole.six = *(const struct key6 *)key;
    else
        whole.four = *(const struct key4 *)key;
    return bpf_map_lookup_elem(&unplaced, &whole);
}

static __always_inline bool to_drop(void) {
    if (!settings.drop_rate)
        return false;
    if (__sync_fetch_and_add(&settings.drop_counter, -1) - 1 > 0)
        return false;
    settings.drop_counter = settings.drop_rate;
    return true;
}

// The key of a server's entry, by the client's and the port that the server will see.
static __always_inline void back4(struct key4 *back, const struct key4 *key, const struct dest *dest, __be16 port) {
    *back = (struct key4){.saddr = dest->addr[0], .daddr = key->saddr, .sport = port, .dport = key->sport};
    back->protocol = key->protocol;
}

static __always_inline void back6(struct key6 *back, const struct key6 *key, const struct dest *dest, __be16 port) {
    *back = (struct key6){.sport = port, .dport = key->sport, .protocol = key->protocol};
    __builtin_memcpy(back->saddr, dest->addr, 16);
    __builtin_memcpy(back->daddr, key->saddr, 16);
}

// Both entries of a connection with NAT, or none. What stands in the place of the server's may be an older one's, never
// what stands in the client's: another processor was faster then.
static __always_inline long insert_pair(const void *key, const void *in, const void *back, const void *out, bool six) {
    long why = insert(key, in, six, BPF_NOEXIST);
    if (why)
        return why;
    why = insert(back, out, six, BPF_ANY);
    if (why)
        forget(key, six);
    return why;
}

static __always_inline long insert_both4(const struct key4 *key, struct conn4 *in, const struct dest *dest) {
    struct key4 back;
    struct conn4 out = {};
    back4(&back, key, dest, in->port);
    in->addr = dest->addr[0];
    in->addr_check = delta(&key->daddr, dest->addr, 4);
    in->check = fold((__u32)in->addr_check + delta(&key->dport, &in->port, 2));
    out.seen = in->seen;
    out.timeout = in->timeout;
    out.status = (in->status & ~(__u32)STATUS_INACTIVE) | STATUS_REPLY;
    out.dest = in->dest;
    out.template = in->template;
    out.addr = key->daddr;
    out.port = key->dport;
    out.addr_check = delta(dest->addr, &key->daddr, 4);
    out.check = fold((__u32)out.addr_check + delta(&in->port, &key->dport, 2));
    return insert_pair(key, in, &back, &out, false);
}

static __always_inline long insert_both6(const struct key6 *key, struct conn6 *in, const struct dest *dest) {
    struct key6 back;
    struct conn6 out = {};
    back6(&back, key, dest, in->port);
    __builtin_memcpy(in->addr, dest->addr, 16);
    in->addr_check = delta(key->daddr, dest->addr, 16);
    in->check = fold((__u32)in->addr_check + delta(&key->dport, &in->port, 2));
    out.seen = in->seen;
    out.timeout = in->timeout;
    out.status = (in->status & ~(__u32)STATUS_INACTIVE) | STATUS_REPLY;
    out.dest = in->dest;
    out.template = in->template;
    __builtin_memcpy(out.addr, key->daddr, 16);
    out.port = key->dport;
    out.addr_check = delta(dest->addr, key->daddr, 16);
    out.check = fold((__u32)out.addr_check + delta(&in->port, &key->dport, 2));
    return insert_pair(key, in, &back, &out, true);
}

static __always_inline void service_key_of(struct service_key *wanted, const void *key, bool six) {
    __builtin_memset(wanted, 0, sizeof *wanted);
    if (six) {
        const struct key6 *k = key;
        __builtin_memcpy(wanted->addr, k->daddr, 16);
        wanted->port = k->dport;
        wanted->protocol = k->protocol;
        wanted->af = AF_INET6;
    } else {
        const struct key4 *k = key;
        wanted->addr[0] = k->daddr;
        wanted->port = k->dport;
        wanted->protocol = k->protocol;
        wanted->af = AF_INET;
    }
}

// Look where the server's entry will lie if a connection begins, before the client's is looked for: the places of both in
// a large table are in no cache, and are then fetched at once. Only by a cursor it costs little to guess who is next.
static __always_inline void foresee(const struct frame *f, const void *key, bool six) {
    if ((f->flags & (FLAG_SYN | FLAG_ACK)) != FLAG_SYN || !settings.new)
        return;
    struct service_key wanted;
    service_key_of(&wanted, key, six);
    struct service *service = bpf_map_lookup_elem(&services, &wanted);
    if (!service || service->selector != SELECT_CURSOR)
        return;
    struct dest *dest = dest_at(slot(service, service->cursor < service->size ? service->cursor : 0));
    if (!dest || (dest->method & 7) != FORWARD_MASQ)
        return;
    if (six) {
        const struct key6 *k = key;
        struct key6 back;
        back6(&back, k, dest, dest->port ? dest->port : k->dport);
        find(&back, true);
    } else {
        const struct key4 *k = key;
        struct key4 back;
        back4(&back, k, dest, dest->port ? dest->port : k->dport);
        find(&back, false);
    }
}

// The server of a connection that was over, whose place a new one takes.
struct old {
    struct dest *dest;
    bool active, anew;
    __u32 number, template, since;
};

// Not before the new one was scheduled: what was over still counted then.
static __always_inline void replaced(const struct old *old) {
    if (old->dest)
        unbound(old->dest, old->active);
    if (old->template)
        release(old->template, old->since, false);
}

// To the program for persistent services, which does not come back. The verifier would not take both in one.
static __always_inline int onward(ctx_t *ctx, struct frame *f, const void *key, const struct old *old, bool six) {
#ifndef PYVS_NO_TAIL
    __u32 zero = 0;
    struct onward *o = bpf_map_lookup_elem(&onwards, &zero);
    if (!o)
        return miss(MISS_ODD, UP);
    if (six)
        *(struct key6 *)o->key = *(const struct key6 *)key;
    else
        *(struct key4 *)o->key = *(const struct key4 *)key;
    o->length = f->length;
    o->longest = f->longest;
    o->now = f->now;
    o->protocol = f->protocol;
    o->flags = f->flags;
    o->old_bound = !!old->dest;
    o->old_active = old->active;
    o->old_dest = old->number;
    o->old_template = old->template;
    o->old_since = old->since;
    bpf_tail_call(ctx, &PERSISTENT, six ? 1 : 0);
#endif
    return miss(MISS_NOT_HERE, UP);
}

// No connection begins at an address that packets can't come from: the host drops these before any hook. Its own
// addresses stand in a table of bits by hash.
static __always_inline bool from_nobody(const void *key, bool six) {
    __u8 first = *(const __u8 *)key;  // of the source address
    if (six)
        return first == 0xff;
    __u32 place = hash_32(folded(key, false), OWN_BITS), word = place >> 5;
    __u32 *own = bpf_map_lookup_elem(&own_addresses, &word);
    return first == 0 || (first & 0xf0) == 0xe0 || *(const __be32 *)key == 0xffffffff ||
           (own && *own >> (place & 31) & 1);
}

// Whether a service's new connections are scheduled here; 0, or why not.
static __always_inline int elsewhere(ctx_t *ctx, const struct service *service, const void *key, bool six) {
    __be16 sport = six ? ((const struct key6 *)key)->sport : ((const struct key4 *)key)->sport;
    if (!settings.new || service->selector == SELECT_NONE || sport == bpf_htons(FTP_DATA_PORT))
        return MISS_NOT_HERE;
#ifndef PYVS_XDP
    if (ctx->mark)
        return MISS_MARKED;
#endif
    return from_nobody(key, six) ? MISS_LOOPBACK : 0;
}

static __always_inline __u32 chosen(struct service *service, const void *key, bool six, __u32 *cursor) {
    if (six) {
        const struct key6 *k = key;
        return choose(service, k->saddr, k->daddr, k->sport, true, cursor);
    }
    const struct key4 *k = key;
    return choose(service, &k->saddr, &k->daddr, k->sport, false, cursor);
}

// A new connection with a server, and its first packet sent. `by`: the template of a persistent service, else 0.
static __always_inline int begin_with(ctx_t *ctx, struct frame *f, const void *key, __u32 row, struct service *service,
                                      __u32 cursor, __u32 number, struct by *by, bool six) {
    __be16 vport = six ? ((const struct key6 *)key)->dport : ((const struct key4 *)key)->dport;
    struct dest *dest = dest_at(number);
    if (!dest)
        return miss(MISS_NO_SERVER, UP);
    __u32 method = dest->method & 7;
    bool here = is_here(dest, method);
    int why = here ? 0 : not_served(f, dest, method, six);
    if (why)
        return miss(why, UP);
    struct conn6 new_ = {};  // as long as either family's
    struct conn *conn = (void *)&new_;
    conn->status = method << 16;
    if (method != FORWARD_MASQ)
        conn->status |= STATUS_SINGLE | STATUS_INPUT_ONLY;
    why = refuses(f, conn->status, six);
    if (why)
        return miss(why, UP);
    if (!here) {
        if (stale(f, &dest->hop) && !reach(ctx, f, dest, key, six))
            return miss(MISS_NO_HOP, UP);
        if (f->longest > room(&dest->hop, dest, conn->status))
            return miss(MISS_TOO_BIG, UP);
    }
    if (to_drop())  // after all that may go up: the engine counts that itself
        return miss(MISS_DROP_PACKET, DROP);
    __u32 state = f->protocol == IPPROTO_TCP ? next_state(conn->status, row) : 0;
    bool active = f->protocol == IPPROTO_TCP && TCP_ACTIVE >> state & 1;
    conn->status |= state | (active ? 0 : STATUS_INACTIVE);
    conn->seen = f->now;
    conn->timeout = timeout_of(f->protocol, state);
    conn->packets = 1;
    conn->told = f->now;
    conn->dest = number;
    conn->port = dest->port && !(by && by->other) ? dest->port : vport;
    if (by) {
        why = adopt(by, service, number, dest->port, f->now);
        if (why)
            return miss(why, why == MISS_TABLE_FULL ? DROP : UP);
        conn->template = by->number;
        conn->status |= STATUS_CONTROLLED | (f->protocol == IPPROTO_UDP ? STATUS_TO_ASSURE : 0);
        if (f->protocol == IPPROTO_TCP && state == TCP_ESTABLISHED)
            assure(by->number);
    }
    long not_made = method != FORWARD_MASQ ? insert(key, &new_, six, BPF_NOEXIST)
                    : six                  ? insert_both6(key, (void *)&new_, dest)
                                           : insert_both4(key, (void *)&new_, dest);
    if (not_made) {
        if (by)
            leave(by->number, by->first);
        return not_made == ALREADY_THERE ? miss(MISS_NOT_HERE, UP) : miss(MISS_TABLE_FULL, DROP);
    }
    service->cursor = cursor;
    bound(dest, active);
    count_in(number, f->length, true);
    if (settings.sync)
        report(key, find(key, six), f->now, six);
    return send(ctx, f, conn, address(conn), dest, &dest->hop, six);
}

static __always_inline bool opens(const struct frame *f) {
    return f->protocol != IPPROTO_TCP || (!(f->flags & FLAG_RST) && (f->flags & FLAG_SYN || settings.sloppy_tcp));
}

// Schedule a new connection and send its first packet.
static __always_inline int schedule(ctx_t *ctx, struct frame *f, const void *key, const struct old *old, __u32 row,
                                    bool six) {
    if (!opens(f))
        return miss(MISS_NOT_AN_OPENER, UP);
    if (settings.unplaced && claims_count(f->now) && claimed_elsewhere(key, six))
        return miss(MISS_CLAIMED, UP);
    struct service_key wanted;
    service_key_of(&wanted, key, six);
    struct service *service = bpf_map_lookup_elem(&services, &wanted);
    if (service ? service->persist : settings.all_ports)
        return onward(ctx, f, key, old, six);
    if (!service)
        return miss(MISS_NO_SERVICE, UP);
    int why = elsewhere(ctx, service, key, six);
    if (why)
        return miss(why, UP);
    __u32 cursor = service->cursor;
    __u32 number = chosen(service, key, six, &cursor);
    return begin_with(ctx, f, key, row, service, cursor, number, 0, six);
}

static __always_inline int begin(ctx_t *ctx, struct frame *f, const void *key, const struct old *old, bool six) {
    int verdict = schedule(ctx, f, key, old, f->protocol == IPPROTO_TCP ? row_of(f->flags) : 0, six);
    replaced(old);
    return verdict;
}
