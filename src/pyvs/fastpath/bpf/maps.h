// The maps. Both programs, and the one that sweeps, share them by their pins.
#pragma once
#include "tables.h"
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define MAP(name, kind, many, k, v, flags)                                                                             \
    struct {                                                                                                           \
        __uint(type, kind);                                                                                            \
        __uint(max_entries, many);                                                                                     \
        __uint(map_flags, flags);                                                                                      \
        __type(key, k);                                                                                                \
        __type(value, v);                                                                                              \
    } name SEC(".maps")

// Allocated beforehand: memory is bounded from the first packet on, and an insertion takes a third of the time.
MAP(conns4, BPF_MAP_TYPE_HASH, MAX_CONNECTIONS, struct key4, struct conn4, 0);
MAP(conns6, BPF_MAP_TYPE_HASH, MAX_CONNECTIONS, struct key6, struct conn6, 0);
MAP(dests, BPF_MAP_TYPE_ARRAY, MAX_DESTS, __u32, struct dest, 0);
MAP(services, BPF_MAP_TYPE_HASH, MAX_SERVICES, struct service_key, struct service, BPF_F_NO_PREALLOC);
MAP(templates, BPF_MAP_TYPE_HASH, MAX_TEMPLATES, __u32, struct template, BPF_F_NO_PREALLOC);
MAP(template_numbers, BPF_MAP_TYPE_HASH, MAX_TEMPLATES, struct template_key, __u32, BPF_F_NO_PREALLOC);
MAP(onwards, BPF_MAP_TYPE_PERCPU_ARRAY, 1, __u32, struct onward, 0);
MAP(slots, BPF_MAP_TYPE_ARRAY, MAX_SLOTS, __u32, __u32, 0);
MAP(stats, BPF_MAP_TYPE_PERCPU_ARRAY, MAX_DESTS, __u32, struct stats, 0);
MAP(misses, BPF_MAP_TYPE_PERCPU_ARRAY, MISSES, __u32, __u64, 0);
MAP(own_addresses, BPF_MAP_TYPE_ARRAY, OWN_WORDS, __u32, __u32, 0);
MAP(own_macs, BPF_MAP_TYPE_ARRAY, MAX_DEVICES, __u32, struct own_mac, 0);

// In a map as well, but read without a look-up.
struct settings settings SEC(".data");

// Only packets that are served on the usual way are not counted here: the destinations' counters tell them.
static __always_inline int miss(__u32 why, int verdict) {
    __u64 *count = bpf_map_lookup_elem(&misses, &why);
    if (count)
        *count += 1;
    return verdict;
}
