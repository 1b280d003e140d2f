// Tunnels: [outer IP][UDP and GUE | GRE | nothing][the client's packet]. Made without the inner packet's bytes: those
// tunnels whose header holds a checksum of all are left to the engine.
#pragma once
#include "csum.h"
#include "hop.h"

#define ECN_MASK 3
#define ECN_CE 3
#define ECN_ECT_0 2
#define GUE_BYTES (sizeof(struct udphdr) + sizeof(struct gue))

struct gue {
    __u8 version, protocol;
    __be16 flags;
};

struct gre {
    __be16 flags, protocol;
};

// What the outer headers take from the inner packet, read before it moves.
struct inner {
    __u32 length;
    __be16 sport;  // of GUE
    __be16 df;
    __u8 protocol, tos, ttl, kind;
};

static __always_inline bool encapsulable(const struct dest *dest) {
    return !(dest->tun_flags & (TUNFLAG_CSUM | TUNFLAG_REMCSUM)) && (dest->source[0] || dest->source[3]);
}

static __always_inline __u32 overhead(const struct dest *dest) {
    __u32 bytes = dest->af == AF_INET6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
    if (dest->tun_type == TUN_GUE)
        bytes += GUE_BYTES;
    else if (dest->tun_type == TUN_GRE)
        bytes += sizeof(struct gre);
    return bytes;
}

// The port that a client's packets have in GUE: the twelve bytes of its header from 12 on, modulo the range.
static __always_inline __be16 gue_port(const __be32 *words) {
    __u64 rest = bpf_ntohl(words[0]) % GUE_PORTS;
    rest = (rest << 32 | bpf_ntohl(words[1])) % GUE_PORTS;
    rest = (rest << 32 | bpf_ntohl(words[2])) % GUE_PORTS;
    return bpf_htons(GUE_PORT_LOW + rest);
}

// One less to live, and what the outer header is to say.
static __always_inline void read_inner(struct inner *inner, struct frame *f, const struct dest *dest, bool six) {
    void *network = f->data + ETH_HLEN;
    inner->length = f->length;
    inner->kind = dest->tun_type;
    inner->sport = gue_port(network + 12);
    if (six) {
        struct ipv6hdr *ip = network;
        inner->protocol = IPPROTO_IPV6;
        inner->tos = bpf_ntohs(*(__be16 *)network) >> 4;
        inner->ttl = --ip->hop_limit;
        inner->df = 0;
    } else {
        struct iphdr *ip = network;
        inner->protocol = IPPROTO_IPIP;
        inner->tos = ip->tos;
        decrease_ttl(ip);
        inner->ttl = ip->ttl;
        inner->df = settings.pmtu_disc ? ip->frag_off & bpf_htons(0x4000) : 0;
    }
    if ((inner->tos & ECN_MASK) == ECN_CE)
        inner->tos = (inner->tos & ~ECN_MASK) | ECN_ECT_0;
}

#ifdef PYVS_XDP
static __always_inline bool grow(ctx_t *ctx, int bytes, bool outer6, int kind) {
    return !bpf_xdp_adjust_head(ctx, -bytes);
}
#else
static __always_inline bool grow(ctx_t *ctx, int bytes, bool outer6, int kind) {
    __u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET;
    flags |= outer6 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 : BPF_F_ADJ_ROOM_ENCAP_L3_IPV4;
    if (kind == TUN_GUE)
        flags |= BPF_F_ADJ_ROOM_ENCAP_L4_UDP;
    else if (kind == TUN_GRE)
        flags |= BPF_F_ADJ_ROOM_ENCAP_L4_GRE;
    return !bpf_skb_adjust_room(ctx, bytes, BPF_ADJ_ROOM_MAC, flags);
}
#endif

// The shim between the outer header and the inner packet.
static __always_inline void put_shim(void *at, const struct inner *inner, __be16 tun_port, int kind) {
    if (kind == TUN_GUE) {
        struct udphdr *udp = at;
        struct gue *gue = (void *)(udp + 1);
        udp->source = inner->sport;
        udp->dest = tun_port;
        udp->len = bpf_htons(GUE_BYTES + inner->length);
        udp->check = 0;
        gue->version = 0;
        gue->protocol = inner->protocol;
        gue->flags = 0;
    } else if (kind == TUN_GRE) {
        struct gre *gre = at;
        gre->flags = 0;
        gre->protocol = bpf_htons(inner->protocol == IPPROTO_IPIP ? ETH_P_IP : ETH_P_IPV6);
    }
}

static __always_inline int wrap(ctx_t *ctx, const struct inner *inner, const struct dest *dest, const struct hop *hop,
                                const bool outer6, const int kind) {
    const int shim = kind == TUN_GUE ? GUE_BYTES : kind == TUN_GRE ? sizeof(struct gre) : 0;
    const int header = outer6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
    __u8 protocol = kind == TUN_GUE ? IPPROTO_UDP : kind == TUN_GRE ? IPPROTO_GRE : inner->protocol;
    if (!grow(ctx, header + shim, outer6, kind))
        return DROP;
    void *data = start(ctx), *network = data + ETH_HLEN;
    if (network + header + shim > end(ctx))
        return DROP;
    address_frame(data, hop);
    if (outer6) {
        struct ipv6hdr *ip = network;
        *(__be16 *)(data + 12) = bpf_htons(ETH_P_IPV6);
        *(__be32 *)network = bpf_htonl(6u << 28 | (__u32)inner->tos << 20);
        ip->payload_len = bpf_htons(shim + inner->length);
        ip->nexthdr = protocol;
        ip->hop_limit = inner->ttl;
        __builtin_memcpy(&ip->saddr, dest->source, 16);
        __builtin_memcpy(&ip->daddr, dest->addr, 16);
    } else {
        struct iphdr *ip = network;
        *(__be16 *)(data + 12) = bpf_htons(ETH_P_IP);
        *(__be16 *)network = bpf_htons(0x4500 | inner->tos);
        ip->tot_len = bpf_htons(header + shim + inner->length);
        ip->id = inner->df ? 0 : (__u16)bpf_get_prandom_u32();
        ip->frag_off = inner->df;
        ip->ttl = inner->ttl;
        ip->protocol = protocol;
        ip->check = 0;
        ip->saddr = dest->source[0];
        ip->daddr = dest->addr[0];
        ip->check = ~fold(sum_words(ip, sizeof *ip));
    }
    put_shim(network + header, inner, dest->tun_port, kind);
    return leave_by(ctx, (struct hop *)hop);
}

// Each form has its sizes as constants, which the verifier wants to see.
static __noinline int encapsulate(ctx_t *ctx, const struct inner *inner, __u32 number) {
    struct dest *dest = bpf_map_lookup_elem(&dests, &number);
    if (!dest || !inner)
        return DROP;
    bool outer6 = dest->af == AF_INET6;
    if (inner->kind == TUN_GUE)
        return outer6 ? wrap(ctx, inner, dest, &dest->hop, true, TUN_GUE)
                      : wrap(ctx, inner, dest, &dest->hop, false, TUN_GUE);
    if (inner->kind == TUN_GRE)
        return outer6 ? wrap(ctx, inner, dest, &dest->hop, true, TUN_GRE)
                      : wrap(ctx, inner, dest, &dest->hop, false, TUN_GRE);
    return outer6 ? wrap(ctx, inner, dest, &dest->hop, true, TUN_IPIP)
                  : wrap(ctx, inner, dest, &dest->hop, false, TUN_IPIP);
}
