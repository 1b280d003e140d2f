// A destination as an administrator wants it, and connections that come from or go to the engine: its counts change
// under the programs' feet, so they are added to here, never overwritten. Called by test run, with a frame of ours.
#include "entry.h"
#include "template.h"

enum { SET = 1, SET_HOP = 2, SET_KEPT = 4, SET_TIME = 1, SET_TOLD = 2, SET_OVER = 4 };

MAP(owners, BPF_MAP_TYPE_ARRAY, MAX_DESTS, __u32, struct owner, 0);

SEC("tc") int pyvs_change(struct __sk_buff *skb) {
    struct change *change = (void *)(long)skb->data;
    if ((void *)(change + 1) > (void *)(long)skb->data_end)
        return 1;
    __u32 number = change->number, zero = 0;
    struct dest *dest = bpf_map_lookup_elem(&dests, &number), *wanted = &change->dest;
    if (!dest || !bpf_map_lookup_elem(&owners, &zero))
        return 1;
    if (change->set & SET) {
        dest->weight = wanted->weight;
        dest->u_threshold = wanted->u_threshold;
        dest->l_threshold = wanted->l_threshold;
        dest->port = wanted->port;
        dest->tun_port = wanted->tun_port;
        dest->af = wanted->af;
        dest->method = wanted->method;
        dest->tun_type = wanted->tun_type;
        dest->tun_flags = wanted->tun_flags;
        for (int i = 0; i < 4; i++) {
            dest->addr[i] = wanted->addr[i];
            dest->source[i] = wanted->source[i];
        }
        if (change->set & SET_HOP)
            dest->hop = wanted->hop;
        dest->flags = wanted->flags;
    }
    if (change->set & SET_KEPT) {
        dest->kept_active = wanted->kept_active;
        dest->kept_inactive = wanted->kept_inactive;
        if (wanted->flags & DEST_OVERLOAD)
            __sync_fetch_and_or(&dest->flags, DEST_OVERLOAD);
        else
            __sync_fetch_and_and(&dest->flags, ~(__u32)DEST_OVERLOAD);
    }
    if (change->persistent)
        __sync_fetch_and_add(&dest->persistent, change->persistent);
    return 0;
}

// The same for a template that the engine has used. Answers 1 if there is none.
SEC("tc") int pyvs_template(struct __sk_buff *skb) {
    struct template_change *change = (void *)(long)skb->data;
    if ((void *)(change + 1) > (void *)(long)skb->data_end)
        return 1;
    struct template *t = template_at(change->number);
    if (!t)
        return 1;
    if (change->set & SET_TIME) {
        t->seen = change->seen;
        t->timeout = change->timeout;
    }
    if (change->set & SET_TOLD) {
        t->packets = change->packets;
        t->told = change->told;
        t->told_retries = change->told_retries;
    }
    if (change->engine)
        __sync_fetch_and_add(&t->engine, change->engine);
    if (change->status)
        __sync_fetch_and_or(&t->status, change->status);
    if (change->set & SET_OVER && !in_use(t) && !(t->status & TEMPLATE_ASSURED)) {
        t->timeout = 0;
        t->seen = clock();
    }
    return 0;
}

// A connection goes to the maps (1) or to the engine (-1), where it counts as it did: who is killed afterwards has miscounted
// none. What the engine has no longer of a template it says itself, later: a template must not be without any meanwhile.
static __always_inline void wander(struct dest *dest, __u32 status, __u32 number, int way) {
    if (status & STATUS_INACTIVE) {
        __sync_fetch_and_add(&dest->inactive, way);
        __sync_fetch_and_add(&dest->kept_inactive, -way);
    } else {
        __sync_fetch_and_add(&dest->active, way);
        __sync_fetch_and_add(&dest->kept_active, -way);
    }
    struct template *t = number ? template_at(number) : 0;
    if (t && way < 0)
        __sync_fetch_and_add(&t->engine, 1);
    if (t)
        __sync_fetch_and_add(&t->controls, way);
}

// The engine takes a connection: its entry, which changes no more, goes into the frame, and is the engine's claim from now
// on, if there is a claimant; else it is gone. Programs that are at a claim write to what they had found, never to another
// connection. Answers 1 if there is none.
static __always_inline int take(struct claim *claim, bool six) {
    union any_key key = {};
    __builtin_memcpy(&key, claim->key, sizeof key);
    struct conn *conn = find(&key, six);
    if (!conn || conn->dest == CLAIMED || conn->status & STATUS_REPLY)
        return 1;
    __u32 status = last_status(conn);
    if (status & STATUS_CLAIMED)
        return 1;  // it is just ending
    __builtin_memcpy(claim->conn, conn, six ? sizeof(struct conn6) : sizeof(struct conn4));
    ((struct conn *)claim->conn)->status = status;
    __u32 number = conn->dest, template = conn->template;
    if (claim->claimant) {
        conn->told = claim->claimant;
        conn->dest = CLAIMED;
    } else if (!forget(&key, six)) {
        return 1;
    }
    struct dest *dest = bpf_map_lookup_elem(&dests, &number);
    if (dest)
        wander(dest, status, template, -1);
    return 0;
}

SEC("tc") int pyvs_claim(struct __sk_buff *skb) {
    struct claim *claim = (void *)(long)skb->data;
    if ((void *)(claim + 1) > (void *)(long)skb->data_end)
        return 1;
    return claim->six ? take(claim, true) : take(claim, false);
}

// The engine gives a connection: one entry or two, of which the client's is the last. Whose place it takes is over. Answers
// 1 if there is no room.
static __always_inline int give(struct given *given, bool six) {
    union any_key key = {}, back = {};
    const struct conn *conn = (void *)given->conn;
    __u32 number = conn->dest, status = conn->status;
    struct dest *dest = bpf_map_lookup_elem(&dests, &number);
    if (!dest)
        return 1;
    __builtin_memcpy(&key, given->key, sizeof key);
    __builtin_memcpy(&back, given->back, sizeof back);
    struct conn *old = find(&key, six);
    __u32 left = old && !(old->status & (STATUS_REPLY | STATUS_CLAIMED)) ? old->template : 0;
    if (!(status & STATUS_SINGLE) && insert(&back, given->reply, six, BPF_ANY))
        return 1;
    if (insert(&key, given->conn, six, BPF_ANY)) {
        if (!(status & STATUS_SINGLE))
            forget(&back, six);
        return 1;
    }
    wander(dest, status, conn->template, 1);
    struct template *t = left ? template_at(left) : 0;
    if (t)
        __sync_fetch_and_add(&t->controls, -1);
    return 0;
}

SEC("tc") int pyvs_give(struct __sk_buff *skb) {
    struct given *given = (void *)(long)skb->data;
    if ((void *)(given + 1) > (void *)(long)skb->data_end)
        return 1;
    return given->six ? give(given, true) : give(given, false);
}

char _license[] SEC("license") = "GPL";
