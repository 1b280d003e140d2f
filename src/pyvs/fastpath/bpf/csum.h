// Checksums: RFC 1624 differences, in the host's byte order, as in the core.
#pragma once
#include "maps.h"
#include <linux/ip.h>

#define TTL_LESS bpf_htons(0xfeff)  // what a time to live that is one less adds to the sum of an IPv4 header

static __always_inline __u16 fold(__u32 sum) {
    sum = (sum & 0xffff) + (sum >> 16);
    return (sum & 0xffff) + (sum >> 16);
}

// The checksum after a change; the sum of it and what is left stays distinguishable from nothing.
static __always_inline __u16 changed(__u16 check, __u32 change) { return ~fold((__u16)~check + change); }

static __always_inline __u32 sum_words(const void *data, int bytes) {
    const __u16 *word = data;
    __u32 sum = 0;
#pragma unroll
    for (int i = 0; i < bytes / 2; i++)
        sum += word[i];
    return sum;
}

// What to add for `old` becoming `new_`, folded.
static __always_inline __u16 delta(const void *old, const void *new_, int bytes) {
    const __u16 *from = old;
    __u32 sum = sum_words(new_, bytes);
#pragma unroll
    for (int i = 0; i < bytes / 2; i++)
        sum += (__u16)~from[i];
    return fold(sum);
}

// Kernel: ip_decrease_ttl.
static __always_inline void decrease_ttl(struct iphdr *ip) {
    __u32 check = (__u32)ip->check + bpf_htons(0x100);
    ip->check = check + (check >= 0xffff);
    ip->ttl--;
}
