// What servers on this host answer: counted and followed, and left as it is. A match of iptables in OUTPUT: 1 for what
// was dealt with, 0 for what our chains are to queue.
#include "entry.h"

// A packet from a server to a client. `key` is that of the client's packets. Kernel: handle_response.
static __always_inline int answer(const void *key, struct frame *f, bool six) {
    struct conn *conn = find(key, six);
    if (!conn || !(conn->status & STATUS_SINGLE) || expired(f, conn))
        return 0;
    __u32 number = conn->dest;
    struct dest *dest = bpf_map_lookup_elem(&dests, &number);
    if (!dest || !(dest->flags & DEST_HERE) || dest->flags & DEST_RESTS)
        return 0;
    if (dest->flags & (DEST_AVAILABLE | DEST_ELSEWHERE))
        count_out(number, f->length);
    if (f->protocol == IPPROTO_TCP) {
        if (conn->status & STATUS_INPUT_ONLY)
            __sync_fetch_and_and(&conn->status, ~(__u32)STATUS_INPUT_ONLY);
        __u32 status = transition(conn, dest, conn->status | STATUS_REPLY, row_of(f->flags));
        conn->timeout = timeout_of(f->protocol, state_of(status));
    } else {
        conn->timeout = settings.udp_timeout;
        if (!(conn->status & STATUS_ASSURED))
            __sync_fetch_and_or(&conn->status, STATUS_ASSURED);
    }
    conn->seen = f->now;
    return 1;
}

SEC("socket") int pyvs_answer(struct __sk_buff *skb) {
    struct frame f = {.now = clock()};
    struct {
        __be16 sport, dport;
        __u8 rest[9], flags;
    } transport = {};
    union any_key key = {};
    __u8 version = 0;
    if (bpf_skb_load_bytes(skb, 0, &version, 1))
        return 0;
    if (version == 0x45) {
        struct iphdr ip;
        if (bpf_skb_load_bytes(skb, 0, &ip, sizeof ip) || ip.frag_off & bpf_htons(IP_LAST_FRAGMENT_BITS))
            return 0;
        f.protocol = ip.protocol;
        f.length = bpf_ntohs(ip.tot_len);
        key.four.saddr = ip.daddr;
        key.four.daddr = ip.saddr;
    } else if (version >> 4 == 6) {
        struct ipv6hdr ip;
        if (bpf_skb_load_bytes(skb, 0, &ip, sizeof ip))
            return 0;
        f.six = true;
        f.protocol = ip.nexthdr;
        f.length = bpf_ntohs(ip.payload_len) + sizeof ip;
        __builtin_memcpy(key.six.saddr, &ip.daddr, 16);
        __builtin_memcpy(key.six.daddr, &ip.saddr, 16);
    } else {
        return 0;
    }
    __u32 at = f.six ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
    if (f.protocol != IPPROTO_TCP && f.protocol != IPPROTO_UDP)
        return 0;
    if (bpf_skb_load_bytes(skb, at, &transport, f.protocol == IPPROTO_TCP ? sizeof transport : 4))
        return 0;
    f.flags = transport.flags;
    if (f.six) {
        key.six.sport = transport.dport;
        key.six.dport = transport.sport;
        key.six.protocol = f.protocol;
        return answer(&key, &f, true);
    }
    key.four.sport = transport.dport;
    key.four.dport = transport.sport;
    key.four.protocol = f.protocol;
    return answer(&key, &f, false);
}

char _license[] SEC("license") = "GPL";
