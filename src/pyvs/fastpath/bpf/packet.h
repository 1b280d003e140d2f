// A packet: what tc and XDP call it, its headers, its key.
#pragma once
#include "maps.h"
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <stdbool.h>

#ifdef PYVS_XDP
typedef struct xdp_md ctx_t;
enum { UP = XDP_PASS, DROP = XDP_DROP };
#else
typedef struct __sk_buff ctx_t;
enum { UP = TC_ACT_OK, DROP = TC_ACT_SHOT };
#endif

#define IP_LAST_FRAGMENT_BITS 0x3fff
#define UNALIGNED_COPY(to, from, size) __builtin_memcpy(to, from, size)

struct frame {
    void *data, *end;
    __u32 ifindex;
    __u32 now;
    __u32 length;   // of the IP packet
    __u32 longest;  // of what it is on the wire: less when it will be cut into segments
    __u8 protocol;
    __u8 flags;  // of TCP
    bool six;
};

static __always_inline void *start(ctx_t *ctx) { return (void *)(long)ctx->data; }
static __always_inline void *end(ctx_t *ctx) { return (void *)(long)ctx->data_end; }

static __always_inline __u32 device(ctx_t *ctx) {
#ifdef PYVS_XDP
    return ctx->ingress_ifindex;
#else
    return ctx->ifindex;
#endif
}

static __always_inline __u32 clock(void) {
    __u32 set = settings.now;
    return set ? set : (__u32)bpf_jiffies64();
}

// Whether a frame is for this host: a device may hear others' too.
static __always_inline bool for_us(ctx_t *ctx, void *start) {
#ifdef PYVS_XDP
    __u32 ifindex = ctx->ingress_ifindex;
    struct own_mac *own = bpf_map_lookup_elem(&own_macs, &ifindex);
    if (!own)
        return false;
    __be16 *mac = start;
    return mac[0] == own->mac[0] && mac[1] == own->mac[1] && mac[2] == own->mac[2];
#else
    return ctx->pkt_type == PACKET_HOST;
#endif
}

static __always_inline __u32 row_of(__u8 flags) {
    if (flags & FLAG_RST)
        return ROW_RST;
    if (flags & FLAG_SYN)
        return ROW_SYN;
    if (flags & FLAG_FIN)
        return ROW_FIN;
    return flags & FLAG_ACK ? ROW_ACK : ROW_NONE;
}

static __always_inline void key4_of(struct key4 *key, struct iphdr *ip, void *ports) {
    UNALIGNED_COPY(&key->saddr, &ip->saddr, 8);
    UNALIGNED_COPY(&key->sport, ports, 4);
    *(__u32 *)&key->protocol = bpf_htonl((__u32)ip->protocol << 24);
}

static __always_inline void key6_of(struct key6 *key, struct ipv6hdr *ip, void *ports) {
    UNALIGNED_COPY(key->saddr, &ip->saddr, 32);
    UNALIGNED_COPY(&key->sport, ports, 4);
    *(__u32 *)&key->protocol = bpf_htonl((__u32)ip->nexthdr << 24);
}
