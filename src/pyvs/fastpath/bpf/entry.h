// Entries of the connection tables: the other direction's key, whether it belongs, the end of both.
#pragma once
#include "states.h"

union any_key {
    struct key4 four;
    struct key6 six;
};

static __always_inline struct conn *find(const void *key, bool six) {
    return six ? bpf_map_lookup_elem(&conns6, key) : bpf_map_lookup_elem(&conns4, key);
}

static __always_inline long insert(const void *key, const void *conn, bool six, __u64 flags) {
    return six ? bpf_map_update_elem(&conns6, key, conn, flags) : bpf_map_update_elem(&conns4, key, conn, flags);
}

// Whether it was there.
static __always_inline bool forget(const void *key, bool six) {
    return !(six ? bpf_map_delete_elem(&conns6, key) : bpf_map_delete_elem(&conns4, key));
}

static __always_inline void *address(struct conn *conn) { return conn + 1; }

// The key of a connection's other direction, from that of this one and what rewriting puts into its packets.
static __always_inline void turn(void *other, const void *key, const struct conn *conn, const void *addr, bool six) {
    bool reply = conn->status & STATUS_REPLY;
    const __be32 *a = addr;
    if (six) {
        const struct key6 *k = key;
        struct key6 *o = other;
#pragma unroll
        for (int i = 0; i < 4; i++) {
            o->saddr[i] = reply ? k->daddr[i] : a[i];
            o->daddr[i] = reply ? a[i] : k->saddr[i];
        }
        o->sport = reply ? k->dport : conn->port;
        o->dport = reply ? conn->port : k->sport;
        o->protocol = k->protocol;
    } else {
        const struct key4 *k = key;
        struct key4 *o = other;
        o->saddr = reply ? k->daddr : a[0];
        o->daddr = reply ? a[0] : k->saddr;
        o->sport = reply ? k->dport : conn->port;
        o->dport = reply ? conn->port : k->sport;
        o->protocol = k->protocol;
    }
}

// Whether an entry is the other direction of the connection with this key, the server's if `reply`: a newer one may have
// taken its place.
static __always_inline bool belongs(const struct conn *other, const void *addr, const void *key, bool reply, bool six) {
    if (six) {
        const struct key6 *k = key;
        const __u64 *a = addr, *b = (const void *)(reply ? k->saddr : k->daddr);
        return other->port == (reply ? k->sport : k->dport) && a[0] == b[0] && a[1] == b[1];
    }
    const struct key4 *k = key;
    return other->port == (reply ? k->sport : k->dport) && *(const __be32 *)addr == (reply ? k->saddr : k->daddr);
}

// When a connection was over, of which both directions have been silent for too long.
static __always_inline __u32 last_end(const struct conn *conn, const struct conn *partner) {
    __u32 end = conn->seen + conn->timeout, other = partner ? partner->seen + partner->timeout : end;
    return (__s32)(other - end) > 0 ? other : end;
}

// The status that a connection has when it is over or taken: from now on no packet changes it any more.
static __always_inline __u32 last_status(struct conn *conn) {
    return __sync_fetch_and_or(&conn->status, STATUS_CLAIMED);
}

// Of both directions, the other's only if it is still this connection's. Whether it was there: another processor may have
// ended it, and has counted that.
static __always_inline bool end_connection(const void *key, void *other, bool single, bool six) {
    bool ended = forget(key, six);
    if (!single) {
        struct conn *reply = find(other, six);
        if (reply && belongs(reply, address(reply), key, false, six))
            forget(other, six);
    }
    return ended;
}
