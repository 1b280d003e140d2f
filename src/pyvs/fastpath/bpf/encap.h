// Tunnels: [outer IP][UDP and GUE | GRE | nothing][the client's packet]. Made without looking at more than the inner
// packet's headers: where the outer one holds a checksum of all, the inner transport's says what its bytes add up to.
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

struct gre_sum {
    __u16 check, reserved;
};

// What the outer headers take from the inner packet, read before it moves.
struct inner {
    __u32 length;
    __be16 sport;  // of GUE
    __be16 df;
    __u8 protocol, tos, ttl, kind;
    __u16 sum;  // of all its bytes, where the outer header holds a checksum
    bool summed;
};

// Whether the outer header holds a checksum of the inner packet.
static __always_inline bool sums(const struct dest *dest) {
    return dest->tun_flags & TUNFLAG_CSUM && dest->tun_type != TUN_IPIP;
}

// Why a packet can't be wrapped up here, or 0: a datagram without a checksum doesn't tell its sum, and what will be cut
// into segments has several.
static __always_inline int not_wrapped(const struct frame *f, const struct dest *dest, bool six) {
    if (dest->tun_flags & TUNFLAG_REMCSUM || !(dest->source[0] || dest->source[3]))
        return MISS_METHOD;
    if (!sums(dest))
        return 0;
    const struct udphdr *udp = f->data + ETH_HLEN + (six ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
    if (f->protocol == IPPROTO_UDP && !udp->check)
        return MISS_NO_CHECKSUM;
    return f->longest == f->length ? 0 : MISS_SEGMENTS;
}

static __always_inline __u32 overhead(const struct dest *dest) {
    __u32 bytes = dest->af == AF_INET6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
    if (dest->tun_type == TUN_GUE)
        bytes += GUE_BYTES;
    else if (dest->tun_type == TUN_GRE)
        bytes += sizeof(struct gre) + (sums(dest) ? sizeof(struct gre_sum) : 0);
    return bytes;
}

// The port that a client's packets have in GUE: the twelve bytes of its header from 12 on, modulo the range.
static __always_inline __be16 gue_port(const __be32 *words) {
    __u64 rest = bpf_ntohl(words[0]) % GUE_PORTS;
    rest = (rest << 32 | bpf_ntohl(words[1])) % GUE_PORTS;
    rest = (rest << 32 | bpf_ntohl(words[2])) % GUE_PORTS;
    return bpf_htons(GUE_PORT_LOW + rest);
}

// What an inner packet adds to a checksum. A right transport checksum makes of the pseudo-header and what follows it
// nothing, and a right one of IPv4 of its header: then the pseudo-header alone tells. Kernel: lco_csum, which goes by an
// unfinished checksum likewise. Differs: where it is wrong the outer one is too, and the server drops the packet there.
static __always_inline __u16 inner_sum(const void *network, __u32 length, bool six) {
    if (six) {
        const struct ipv6hdr *ip = network;
        // The addresses stand in the header and in the pseudo-header, so they are nothing too.
        __u32 pseudo = bpf_htons(length - sizeof *ip) + bpf_htons(ip->nexthdr);
        return fold(sum_words(ip, 8) + (__u16)~fold(pseudo));
    }
    const struct iphdr *ip = network;
    return ~fold(sum_words(&ip->saddr, 8) + bpf_htons(length - sizeof *ip) + bpf_htons(ip->protocol));
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
    inner->summed = sums(dest);
    if (inner->summed)
        inner->sum = inner_sum(network, f->length, six);
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

// The shim between the outer header and the inner packet; pseudo: the sum of the outer addresses.
static __always_inline void put_shim(void *at, const struct inner *inner, __be16 tun_port, __u32 pseudo, int kind,
                                     bool summed) {
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
        if (inner->summed) {
            __u32 sum = pseudo + bpf_htons(IPPROTO_UDP) + udp->len + inner->sum;
            __u16 check = ~fold(sum + sum_words(at, GUE_BYTES));
            udp->check = check ? check : 0xffff;
        }
    } else if (kind == TUN_GRE) {
        struct gre *gre = at;
        gre->flags = summed ? bpf_htons(GRE_CSUM) : 0;
        gre->protocol = bpf_htons(inner->protocol == IPPROTO_IPIP ? ETH_P_IP : ETH_P_IPV6);
        if (summed) {
            struct gre_sum *sum = (void *)(gre + 1);
            sum->check = ~fold((__u32)gre->flags + gre->protocol + inner->sum);
            sum->reserved = 0;
        }
    }
}

static __always_inline int wrap(ctx_t *ctx, const struct inner *inner, const struct dest *dest, const struct hop *hop,
                                const bool outer6, const int kind, const bool summed) {
    const int shim = kind == TUN_GUE   ? GUE_BYTES
                     : kind != TUN_GRE ? 0
                                       : sizeof(struct gre) + (summed ? sizeof(struct gre_sum) : 0);
    const int header = outer6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
    __u8 protocol = kind == TUN_GUE ? IPPROTO_UDP : kind == TUN_GRE ? IPPROTO_GRE : inner->protocol;
    if (!grow(ctx, header + shim, outer6, kind))
        return DROP;
    void *data = start(ctx), *network = data + ETH_HLEN;
    if (network + header + shim > end(ctx))
        return DROP;
    address_frame(data, hop);
    __u32 pseudo;
    if (outer6) {
        struct ipv6hdr *ip = network;
        *(__be16 *)(data + 12) = bpf_htons(ETH_P_IPV6);
        *(__be32 *)network = bpf_htonl(6u << 28 | (__u32)inner->tos << 20);
        ip->payload_len = bpf_htons(shim + inner->length);
        ip->nexthdr = protocol;
        ip->hop_limit = inner->ttl;
        __builtin_memcpy(&ip->saddr, dest->source, 16);
        __builtin_memcpy(&ip->daddr, dest->addr, 16);
        pseudo = sum_words(&ip->saddr, 32);
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
        pseudo = sum_words(&ip->saddr, 8);
    }
    put_shim(network + header, inner, dest->tun_port, pseudo, kind, summed);
    return leave_by(ctx, (struct hop *)hop);
}

// Each form has its sizes as constants, which the verifier wants to see.
static __noinline int encapsulate(ctx_t *ctx, const struct inner *inner, __u32 number) {
    struct dest *dest = bpf_map_lookup_elem(&dests, &number);
    if (!dest || !inner)
        return DROP;
    bool outer6 = dest->af == AF_INET6;
    if (inner->kind == TUN_GUE)
        return outer6 ? wrap(ctx, inner, dest, &dest->hop, true, TUN_GUE, false)
                      : wrap(ctx, inner, dest, &dest->hop, false, TUN_GUE, false);
    if (inner->kind == TUN_GRE && inner->summed)
        return outer6 ? wrap(ctx, inner, dest, &dest->hop, true, TUN_GRE, true)
                      : wrap(ctx, inner, dest, &dest->hop, false, TUN_GRE, true);
    if (inner->kind == TUN_GRE)
        return outer6 ? wrap(ctx, inner, dest, &dest->hop, true, TUN_GRE, false)
                      : wrap(ctx, inner, dest, &dest->hop, false, TUN_GRE, false);
    return outer6 ? wrap(ctx, inner, dest, &dest->hop, true, TUN_IPIP, false)
                  : wrap(ctx, inner, dest, &dest->hop, false, TUN_IPIP, false);
}
