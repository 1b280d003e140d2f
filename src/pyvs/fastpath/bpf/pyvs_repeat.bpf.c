// For measuring: BPF_PROG_TEST_RUN does not restore the packet between repeats, so a program that rewrites it would see
// its own output. This does, makes it a packet of the next flow, and calls the program under test.
#include "csum.h"
#include <linux/pkt_cls.h>

struct course {
    __u32 length, mask, sequence, multiplier;
    __u64 packet[8];
};

MAP(courses, BPF_MAP_TYPE_ARRAY, 1, __u32, struct course, 0);
MAP(tested_xdp, BPF_MAP_TYPE_PROG_ARRAY, 1, __u32, __u32, 0);
MAP(tested_tc, BPF_MAP_TYPE_PROG_ARRAY, 1, __u32, __u32, 0);

static __always_inline bool put(void *data, void *end, struct course *course) {
    __u64 *words = data;
    if ((void *)(words + 8) > end)
        return false;
#pragma unroll
    for (int i = 0; i < 8; i++)
        words[i] = course->packet[i];
    if (course->mask) {
        __u32 flow = course->sequence++ * course->multiplier & course->mask;
        __be16 low = bpf_htons(flow & 0xffff);  // that of the packet is 0
        __u16 *check = data + 24;
        *(__be32 *)(data + 26) = bpf_htonl(0x0a000000 + (flow & 0xffff));
        *check = changed(*check, low);
        *(__be16 *)(data + 34) = bpf_htons(1024 + (flow >> 16));
    }
    return true;
}

SEC("xdp") int repeat_xdp(struct xdp_md *ctx) {
    __u32 zero = 0;
    struct course *course = bpf_map_lookup_elem(&courses, &zero);
    if (!course)
        return XDP_ABORTED;
    int grown = (int)(ctx->data_end - ctx->data) - (int)course->length;
    if (grown && bpf_xdp_adjust_head(ctx, grown))
        return XDP_ABORTED;
    if (!put((void *)(long)ctx->data, (void *)(long)ctx->data_end, course))
        return XDP_ABORTED;
    bpf_tail_call(ctx, &tested_xdp, 0);
    return XDP_ABORTED;
}

SEC("tc") int repeat_tc(struct __sk_buff *skb) {
    __u32 zero = 0;
    struct course *course = bpf_map_lookup_elem(&courses, &zero);
    if (!course || !put((void *)(long)skb->data, (void *)(long)skb->data_end, course))
        return TC_ACT_SHOT;
    bpf_tail_call(skb, &tested_tc, 0);
    return TC_ACT_SHOT;
}

char _license[] SEC("license") = "GPL";
