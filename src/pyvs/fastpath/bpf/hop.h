// The next hop: kept for a while, then looked up again. A look-up costs more than all the rest.
#pragma once
#include "packet.h"

#ifndef AF_INET
#define AF_INET 2
#define AF_INET6 10
#endif

// Next hops that packets go to, and when one was looked up last: the host does not see that they are in use.
MAP(used_hops, BPF_MAP_TYPE_LRU_HASH, MAX_HOPS, __u64, __u32, 0);

static __noinline int note_use(__u64 hop, __u32 now) {
    __u32 *used = bpf_map_lookup_elem(&used_hops, &hop);
    if (used)
        *used = now;
    else
        bpf_map_update_elem(&used_hops, &hop, &now, BPF_ANY);
    return 0;
}

static __always_inline bool stale(struct frame *f, struct hop *hop) {
    return hop->generation != settings.generation || f->now - hop->seen > settings.hop_age || !hop->ifindex;
}

// Whether there is a next hop for an address; `fixed` ones serve even if they can't be looked up here.
static __always_inline bool look_up(ctx_t *ctx, struct frame *f, struct hop *hop, const void *src, const void *dst,
                                    bool six, bool fixed) {
    struct bpf_fib_lookup fib = {};
    fib.family = six ? AF_INET6 : AF_INET;
    fib.l4_protocol = f->protocol;
    fib.tot_len = 1;  // then it tells the MTU
    fib.ifindex = f->ifindex;
    if (six) {
        __builtin_memcpy(fib.ipv6_src, src, 16);
        __builtin_memcpy(fib.ipv6_dst, dst, 16);
    } else {
        __builtin_memcpy(&fib.ipv4_src, src, 4);
        __builtin_memcpy(&fib.ipv4_dst, dst, 4);
    }
    if (bpf_fib_lookup(ctx, &fib, sizeof fib, 0)) {
        if (!fixed || !hop->ifindex)
            return false;
        hop->seen = f->now;
        hop->generation = settings.generation;
        return true;
    }
    hop->ifindex = fib.ifindex;
#ifndef PYVS_XDP
    __u32 device = fib.ifindex;
    struct own_mac *own = bpf_map_lookup_elem(&own_macs, &device);
    if (own && own->reaches_out)
        hop->ifindex |= HOP_REACHES_OUT;
#endif
    hop->mtu = fib.mtu_result;
    __builtin_memcpy(hop->dmac, fib.dmac, 6);
    __builtin_memcpy(hop->smac, fib.smac, 6);
    hop->seen = f->now;
    hop->generation = settings.generation;
    union {
        __be16 words[4];
        __u64 whole;
    } used = {.words = {hop->dmac[0], hop->dmac[1], hop->dmac[2], fib.ifindex}};
    note_use(used.whole, f->now);
    return true;
}

static __always_inline __u32 device_of(const struct hop *hop) { return hop->ifindex & ~HOP_REACHES_OUT; }

static __always_inline int leave_by(ctx_t *ctx, struct hop *hop) {
#ifdef PYVS_XDP
    __u32 device = ctx->ingress_ifindex;
    if (hop->ifindex == device) {
        // XDP_TX does not wake the far end of a veth pair, so that packets would wait there.
        struct own_mac *own = bpf_map_lookup_elem(&own_macs, &device);
        if (!own || !own->reaches_out)
            return XDP_TX;
    }
    return bpf_redirect(hop->ifindex, 0);
#else
    if (hop->ifindex & HOP_REACHES_OUT)
        return bpf_redirect_peer(device_of(hop), 0);
    return bpf_redirect(hop->ifindex, 0);
#endif
}

static __always_inline void address_frame(void *frame, const struct hop *hop) {
    __be16 *mac = frame;
    mac[0] = hop->dmac[0];
    mac[1] = hop->dmac[1];
    mac[2] = hop->dmac[2];
    mac[3] = hop->smac[0];
    mac[4] = hop->smac[1];
    mac[5] = hop->smac[2];
}
