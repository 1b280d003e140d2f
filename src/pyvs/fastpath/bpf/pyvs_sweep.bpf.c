// What has been silent for too long ends. An iterator of the connection table: each read() of the daemon goes on where
// the last one stopped, and looks at no more entries than it has room for marks.
#include "entry.h"

struct bpf_iter_meta {
    struct seq_file *seq;
    __u64 session_id, seq_num;
} __attribute__((preserve_access_index));

struct bpf_iter__bpf_map_elem {
    struct bpf_iter_meta *meta;
    struct bpf_map *map;
    void *key, *value;
} __attribute__((preserve_access_index));

enum { MARK = 0, MARK_EVERY = 256, DROP_SHARE = 32 };

struct ended {
    __u32 kind;  // MARK, or the family
    __u32 status, dest, packets;
    union any_key key;
};

static __always_inline bool too_much(__u32 status) {
    __u32 state = state_of(status);
    return settings.drop_entries && (state == TCP_SYN_RECV || state == TCP_SYNACK) &&
           bpf_get_prandom_u32() % DROP_SHARE == 0;
}

// Its server was removed, and connections are not to outlive that.
static __always_inline bool deserted(__u32 number) {
    struct dest *dest = settings.expire_nodest ? bpf_map_lookup_elem(&dests, &number) : 0;
    return dest && !(dest->flags & DEST_AVAILABLE);
}

static __always_inline int look(struct bpf_iter__bpf_map_elem *ctx, bool six) {
    struct seq_file *seq = ctx->meta->seq;
    const void *key = ctx->key;
    struct conn *conn = ctx->value;
    if (!key || !conn)
        return 0;
    struct ended ended = {};
    if (!(ctx->meta->seq_num % MARK_EVERY))
        bpf_seq_write(seq, &ended, sizeof ended);
    struct frame f = {.now = clock()};
    bool at_once = false;
    if (six)
        ended.key.six = *(const struct key6 *)key;
    else
        ended.key.four = *(const struct key4 *)key;
    __u8 protocol = six ? ended.key.six.protocol : ended.key.four.protocol;
    if (!(conn->status & STATUS_REPLY))
        at_once = (protocol == IPPROTO_TCP && too_much(conn->status)) || deserted(conn->dest);
    if (!at_once && !expired(&f, conn))
        return 0;
    union any_key other = {};
    struct conn *partner = 0;
    if (!(conn->status & STATUS_SINGLE)) {
        turn(&other, &ended.key, conn, address(conn), six);
        partner = find(&other, six);
        if (conn->status & STATUS_REPLY) {
            // Only one that was left behind: the rest ends with the client's entry.
            if (!partner || !belongs(partner, address(partner), &ended.key, six))
                forget(&ended.key, six);
            return 0;
        }
        if (partner && !belongs(partner, address(partner), &ended.key, six))
            partner = 0;
    }
    if (partner && !at_once && !expired(&f, partner))
        return 0;
    ended.kind = six ? 10 : 2;
    ended.status = conn->status;
    ended.dest = conn->dest;
    ended.packets = conn->packets;
    end_connection(&ended.key, &other, !partner, six);
    struct dest *dest = bpf_map_lookup_elem(&dests, &ended.dest);
    if (dest)
        unbound(dest, protocol == IPPROTO_TCP && !(ended.status & STATUS_INACTIVE));
    bpf_seq_write(seq, &ended, sizeof ended);
    return 0;
}

SEC("iter/bpf_map_elem") int sweep4(struct bpf_iter__bpf_map_elem *ctx) { return look(ctx, false); }
SEC("iter/bpf_map_elem") int sweep6(struct bpf_iter__bpf_map_elem *ctx) { return look(ctx, true); }

char _license[] SEC("license") = "GPL";
