// A packet of no connection: may it begin one, with which server?
#pragma once
#include "select.h"
#include "send.h"

#define FTP_DATA_PORT 20

static __always_inline bool to_drop(void) {
    if (!settings.drop_rate)
        return false;
    if (__sync_fetch_and_add(&settings.drop_counter, -1) - 1 > 0)
        return false;
    settings.drop_counter = settings.drop_rate;
    return true;
}

static __always_inline bool insert(const void *key, const void *conn, bool six, __u64 flags) {
    return !(six ? bpf_map_update_elem(&conns6, key, conn, flags) : bpf_map_update_elem(&conns4, key, conn, flags));
}

// Both entries of a connection, from the client's key and its server.
static __always_inline bool insert_both(const void *key, struct conn *in, const struct dest *dest, bool six) {
    if (six) {
        const struct key6 *k = key;
        struct conn6 *c = (void *)in;
        struct key6 back = {.sport = in->port, .dport = k->sport, .protocol = k->protocol};
        struct conn6 out = {};
        __builtin_memcpy(back.saddr, dest->addr, 16);
        __builtin_memcpy(back.daddr, k->saddr, 16);
        __builtin_memcpy(out.addr, k->daddr, 16);
        out.seen = in->seen;
        out.timeout = in->timeout;
        out.status = (in->status & ~(__u32)STATUS_INACTIVE) | STATUS_REPLY;
        out.dest = in->dest;
        out.port = k->dport;
        out.addr_check = ~in->addr_check;
        out.check = ~in->check;
        return insert(&back, &out, true, BPF_ANY) && insert(key, c, true, BPF_ANY);
    }
    const struct key4 *k = key;
    struct conn4 *c = (void *)in;
    struct key4 back = {.sport = in->port, .dport = k->sport, .protocol = k->protocol};
    struct conn4 out = {};
    back.saddr = dest->addr[0];
    back.daddr = k->saddr;
    out.addr = k->daddr;
    out.seen = in->seen;
    out.timeout = in->timeout;
    out.status = (in->status & ~(__u32)STATUS_INACTIVE) | STATUS_REPLY;
    out.dest = in->dest;
    out.port = k->dport;
    out.addr_check = delta(dest->addr, &k->daddr, 4);
    out.check = fold((__u32)out.addr_check + delta(&in->port, &k->dport, 2));
    return insert(&back, &out, false, BPF_ANY) && insert(key, c, false, BPF_ANY);
}

// Schedule a new connection and send its first packet. `old` is the server of the one that it takes the place of.
static __always_inline int begin(ctx_t *ctx, struct frame *f, const void *key, __u32 row, struct dest *old,
                                 bool old_active, bool six) {
    return miss(MISS_NO_SERVICE, UP);
}
