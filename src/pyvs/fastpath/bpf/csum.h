// Checksums: RFC 1624 differences, in the host's byte order, as in the core.
#pragma once
#include "maps.h"
#include <linux/ip.h>

#define TTL_LESS bpf_htons(0xfeff)  // what a time to live that is one less adds to the sum of an IPv4 header

static __always_inline __u16 fold(__u32 sum) {
    sum = (sum & 0xffff) + (sum >> 16);
    return (sum & 0xffff) + (sum >> 16);
}

// Whether an IPv4 header without options bears a right checksum.
static __always_inline bool right(const struct iphdr *ip) {
    const __u32 *word = (const void *)ip;
    asm volatile("" : "+r"(word));  // what is read again as a byte must not be cut out of these: the verifier loses it
    __u64 sum = (__u64)word[0] + word[1] + word[2] + word[3] + word[4];
    sum = (__u32)sum + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    return fold(sum) == 0xffff;
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
