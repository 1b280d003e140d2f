// What has been silent for too long ends. An iterator of the connection table: each read() of the daemon goes on where
// the last one stopped, and looks at no more entries than it has room for marks.
#include "over.h"

struct bpf_iter_meta {
    struct seq_file *seq;
    __u64 session_id, seq_num;
} __attribute__((preserve_access_index));

struct bpf_iter__bpf_map_elem {
    struct bpf_iter_meta *meta;
    struct bpf_map *map;
    void *key, *value;
} __attribute__((preserve_access_index));

enum { MARK_EVERY = 256 };

static __always_inline int look(struct bpf_iter__bpf_map_elem *ctx, bool six) {
    struct seq_file *seq = ctx->meta->seq;
    const void *key = ctx->key;
    struct conn *conn = ctx->value;
    if (!key || !conn)
        return 0;
    struct ended ended = {};
    if (!(ctx->meta->seq_num % MARK_EVERY))
        bpf_seq_write(seq, &ended, sizeof ended);
    if (six)
        ended.key.six = *(const struct key6 *)key;
    else
        ended.key.four = *(const struct key4 *)key;
    if (end_if_over(conn, &ended, six))
        bpf_seq_write(seq, &ended, sizeof ended);
    return 0;
}

SEC("iter/bpf_map_elem") int sweep4(struct bpf_iter__bpf_map_elem *ctx) { return look(ctx, false); }
SEC("iter/bpf_map_elem") int sweep6(struct bpf_iter__bpf_map_elem *ctx) { return look(ctx, true); }

SEC("iter/bpf_map_elem") int sweep_templates(struct bpf_iter__bpf_map_elem *ctx) {
    const __u32 *number = ctx->key;
    struct ended mark = {};
    if (!number || !ctx->value)
        return 0;
    if (!(ctx->meta->seq_num % MARK_EVERY))
        bpf_seq_write(ctx->meta->seq, &mark, sizeof mark);
    end_template_if_over(*number);
    return 0;
}

char _license[] SEC("license") = "GPL";
