// A connection's state: one word that both processors of a connection's two directions may change.
#pragma once
#include "packet.h"

static __always_inline __u32 state_of(__u32 status) { return status & 0xff; }

static __always_inline __u32 next_state(__u32 status, __u32 row) {
    __u32 way = status & STATUS_REPLY ? 1 : status & STATUS_INPUT_ONLY ? 2 : 0;
    if (settings.secure)
        way += 3;
    return tcp_next[way & 7][row & 7][status & 15];
}

static __always_inline __u32 timeout_of(__u8 protocol, __u32 state) {
    if (protocol != IPPROTO_TCP)
        return settings.udp_timeout;
    return state < 12 ? settings.timeouts[state] : 0;
}

static __always_inline bool expired(struct frame *f, const struct conn *conn) {
    // Signed: another processor may have seen a packet since this one looked at the clock.
    return (__s32)(f->now - conn->seen) >= (__s32)conn->timeout;
}

// ---- a destination's counters ---------------------------------------------

static __always_inline void count_in(__u32 number, __u32 length, bool new_) {
    struct stats *s = bpf_map_lookup_elem(&stats, &number);
    if (!s)
        return;
    s->inpkts++;
    s->inbytes += length;
    if (new_)
        s->conns++;
}

static __always_inline void count_out(__u32 number, __u32 length) {
    struct stats *s = bpf_map_lookup_elem(&stats, &number);
    if (!s)
        return;
    s->outpkts++;
    s->outbytes += length;
}

// ---- a destination's connections -----------------------------------------

// Those of the engine count as ours do.
static __always_inline __u32 active_of(struct dest *dest) { return dest->active + dest->kept_active; }

static __always_inline __u32 inactive_of(struct dest *dest) { return dest->inactive + dest->kept_inactive; }

static __always_inline __u32 connections(struct dest *dest) {
    return active_of(dest) + inactive_of(dest);
}

static __always_inline void bound(struct dest *dest, bool active) {
    __sync_fetch_and_add(active ? &dest->active : &dest->inactive, 1);
    if (dest->u_threshold && connections(dest) >= dest->u_threshold)
        __sync_fetch_and_or(&dest->flags, DEST_OVERLOAD);
}

// Something that was bound is not any more. Kernel: end of ip_vs_unbind_dest.
static __always_inline void relieved(struct dest *dest) {
    if (!(dest->flags & DEST_OVERLOAD))
        return;
    __u32 total = connections(dest);
    if (dest->l_threshold ? total < dest->l_threshold
                          : !dest->u_threshold || (__u64)total * 4 < (__u64)dest->u_threshold * 3)
        __sync_fetch_and_and(&dest->flags, ~(__u32)DEST_OVERLOAD);
}

static __always_inline void unbound(struct dest *dest, bool active) {
    __sync_fetch_and_add(active ? &dest->active : &dest->inactive, -1);
    relieved(dest);
}

// Bring the connection to the state that a packet leads to. `way` is the status of the packet's direction. Returns
// the new status of the client's entry, where the truth is.
static __always_inline __u32 transition(struct conn *truth, struct dest *dest, __u32 way, __u32 row) {
    __u32 old = truth->status, new_ = old;
    for (int tries = 0; tries < 4; tries++) {
        if (old & STATUS_CLAIMED)
            return old;  // the engine has just taken it, and counts it
        __u32 state = next_state((way & ~0xffu) | state_of(old), row);
        if (state == state_of(old))
            return old;
        bool active = TCP_ACTIVE >> state & 1;
        new_ = (old & ~(0xffu | STATUS_INACTIVE)) | state | (active ? 0 : STATUS_INACTIVE);
        if (state == TCP_ESTABLISHED)
            new_ |= STATUS_ASSURED;
        __u32 seen = __sync_val_compare_and_swap(&truth->status, old, new_);
        if (seen == old) {
            if (active && old & STATUS_INACTIVE) {
                __sync_fetch_and_add(&dest->active, 1);
                __sync_fetch_and_add(&dest->inactive, -1);
            } else if (!active && !(old & STATUS_INACTIVE)) {
                __sync_fetch_and_add(&dest->active, -1);
                __sync_fetch_and_add(&dest->inactive, 1);
            }
            return new_;
        }
        old = seen;
    }
    return old;
}
