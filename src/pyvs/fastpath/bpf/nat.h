// New addresses and ports. Everything that may send the packet up has been asked before.
#pragma once
#include "csum.h"
#include "hop.h"

// The transport's checksum, last: the helper for tc knows unfinished ones (of local stacks), and makes pointers void.
static __always_inline void fix_transport(ctx_t *ctx, struct frame *f, const struct conn *conn, void *transport,
                                          __u16 old_port) {
    int at = f->protocol == IPPROTO_TCP ? 16 : 6;
#ifdef PYVS_XDP
    __u16 *check = transport + at;
    __u16 sum = changed(*check, conn->check);
    *check = f->protocol == IPPROTO_UDP && !sum ? 0xffff : sum;
#else
    __u64 zero = f->protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
    __u32 offset = ETH_HLEN + (f->six ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) + at;
    bpf_l4_csum_replace(ctx, offset, 0, conn->addr_check, zero | BPF_F_PSEUDO_HDR);
    if (old_port != conn->port)
        bpf_l4_csum_replace(ctx, offset, old_port, conn->port, zero | 2);
#endif
}

static __always_inline void nat(ctx_t *ctx, struct frame *f, const struct conn *conn, const void *addr,
                                const struct hop *hop) {
    void *network = f->data + ETH_HLEN;
    void *transport = network + (f->six ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
    __u16 *ports = transport;
    bool reply = conn->status & STATUS_REPLY;
    __u16 old_port;
    address_frame(f->data, hop);
    if (reply) {
        old_port = ports[0];
        ports[0] = conn->port;
    } else {
        old_port = ports[1];
        ports[1] = conn->port;
    }
    if (f->six) {
        struct ipv6hdr *ip = network;
        if (reply)
            __builtin_memcpy(&ip->saddr, addr, 16);
        else
            __builtin_memcpy(&ip->daddr, addr, 16);
        ip->hop_limit--;
    } else {
        struct iphdr *ip = network;
        if (reply)
            ip->saddr = *(const __be32 *)addr;
        else
            ip->daddr = *(const __be32 *)addr;
        ip->ttl--;
        ip->check = changed(ip->check, (__u32)conn->addr_check + TTL_LESS);
    }
    fix_transport(ctx, f, conn, transport, old_port);
}
