// A persistent service: the client's template says which server. Kernel: ip_vs_sched_persist.
#pragma once
#include "hop.h"
#include "template.h"

#define NO_TEMPLATE 0xffffffffu
#define NO_ROOM -7  // E2BIG

// What a client's template is found by. other: of a service on all ports.
static __always_inline void client_of(struct template_key *client, const struct service *service, const void *key,
                                      bool other, bool six) {
    __builtin_memset(client, 0, sizeof *client);
    if (six) {
        const struct key6 *k = key;
#pragma unroll
        for (int i = 0; i < 4; i++) {
            client->caddr[i] = k->saddr[i] & service->mask[i];
            client->vaddr[i] = k->daddr[i];
        }
        client->vport = k->dport;
        client->protocol = k->protocol;
        client->af = AF_INET6;
    } else {
        const struct key4 *k = key;
        client->caddr[0] = k->saddr & service->mask[0];
        client->vaddr[0] = k->daddr;
        client->vport = k->dport;
        client->protocol = k->protocol;
        client->af = AF_INET;
    }
    if (other)
        client->vport = 0;
}

// The number of the client's template, if there is one that counts, else 0. One whose server is gone, or rests, counts no
// more. Kernel: ip_vs_check_template.
__noinline __u32 template_of(const struct template_key *client, __u32 now) {
    if (!client)
        return 0;
    __u32 *named = bpf_map_lookup_elem(&template_numbers, client);
    if (!named)
        return 0;
    __u32 number = *named;
    struct template *t = template_at(number);
    if (t && (in_use(t) || !passed(t, now))) {
        struct dest *dest = bpf_map_lookup_elem(&dests, &t->dest);
        if (dest && dest->flags & DEST_AVAILABLE && !(settings.quiescent && !dest->weight))
            return number;
        __sync_fetch_and_or(&t->status, TEMPLATE_NOWHERE);
    }
    bpf_map_delete_elem(&template_numbers, client);
    return 0;
}

// A connection begins by a template. It is counted before it is there: nobody must find fewer than none.
static __always_inline void join(struct template *t, __u32 now) {
    prolong(t, now);
    __sync_fetch_and_add(&t->controls, 1);
    t->seen = now;
}

// A connection that was counted did not begin, and so its template did not if it was the first.
__noinline int leave(__u32 number, bool first) {
    struct template *t = template_at(number);
    if (!t)
        return 0;
    __sync_fetch_and_add(&t->controls, -1);
    if (first)
        t->timeout = 0;
    return 0;
}

// The first connection of a client makes its template. Returns its number; 0: there is no room; NO_TEMPLATE: another
// processor was faster, or the number is another's.
__noinline __u32 new_template(const struct template_key *client, __u32 timeout, __u32 server, __u32 dport, __u32 now) {
    struct template t = {.seen = now, .told = now, .timeout = timeout, .dest = server, .controls = 1};
    __u32 number = bpf_get_prandom_u32() | 1;
    struct dest *dest = bpf_map_lookup_elem(&dests, &server);
    if (!client || !dest)
        return 0;
    t.dport = dport;
    t.template_key = *client;
    long why = bpf_map_update_elem(&templates, &number, &t, BPF_NOEXIST);
    if (why)
        return why == NO_ROOM ? 0 : NO_TEMPLATE;
    why = bpf_map_update_elem(&template_numbers, client, &number, BPF_NOEXIST);
    if (why) {
        bpf_map_delete_elem(&templates, &number);
        return why == NO_ROOM ? 0 : NO_TEMPLATE;
    }
    __sync_fetch_and_add(&dest->persistent, 1);
    return number;
}

// The template by which a connection begins. number: 0 while there is none; other: it is one of a service on all ports.
struct by {
    const struct template_key *client;
    __u32 number;
    bool other;
    bool first;
};

// Join the template, or make it; 0, or why not.
static __always_inline int adopt(struct by *by, const struct service *service, __u32 server, __u32 dport, __u32 now) {
    struct template *t = by->number ? template_at(by->number) : 0;
    by->first = !t;
    if (t) {
        join(t, now);
        return 0;
    }
    by->number = new_template(by->client, service->persist, server, by->other ? 0 : dport, now);
    return by->number == NO_TEMPLATE ? MISS_NOT_HERE : by->number ? 0 : MISS_TABLE_FULL;
}
