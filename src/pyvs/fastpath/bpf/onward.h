// The program for new connections of persistent services; the other one calls it, and has read the packet.
#pragma once
#include "new.h"

// As `schedule`, with a template.
static __always_inline int schedule_persistent(ctx_t *ctx, struct frame *f, const void *key,
                                               struct template_key *client, bool six) {
    struct by by = {.client = client};
    struct service_key wanted;
    __u32 row = f->protocol == IPPROTO_TCP ? row_of(f->flags) : 0;
    service_key_of(&wanted, key, six);
    struct service *service = bpf_map_lookup_elem(&services, &wanted);
    if (!service) {
        wanted.port = 0;
        by.other = true;
        service = bpf_map_lookup_elem(&services, &wanted);
    }
    if (!service)
        return miss(MISS_NO_SERVICE, UP);
    int why = elsewhere(ctx, service, key, six);
    if (why)
        return miss(why, UP);
    __u32 cursor = service->cursor, number;
    client_of(client, service, key, by.other, six);
    by.number = template_of(client, f->now);
    struct template *template = by.number ? template_at(by.number) : 0;
    number = template ? template->dest : chosen(service, key, six, &cursor);
    return begin_with(ctx, f, key, row, service, cursor, number, &by, six);
}

static __always_inline int go_on(ctx_t *ctx, bool six) {
    __u32 zero = 0;
    struct onward *o = bpf_map_lookup_elem(&onwards, &zero);
    if (!o)
        return miss(MISS_ODD, UP);
    struct frame f = {.data = start(ctx), .end = end(ctx), .ifindex = device(ctx), .six = six};
    void *transport = f.data + ETH_HLEN + (six ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
    f.now = o->now;
    f.length = o->length;
    f.longest = o->longest;
    f.protocol = o->protocol;
    f.flags = o->flags;
    if (f.protocol == IPPROTO_TCP) {
        if (transport + sizeof(struct tcphdr) > f.end)
            return miss(MISS_TRUNCATED, UP);
    } else if (f.protocol != IPPROTO_UDP || transport + sizeof(struct udphdr) > f.end) {
        return miss(MISS_TRUNCATED, UP);
    }
    int verdict = schedule_persistent(ctx, &f, o->key, &o->template_key, six);
    struct old old = {.active = o->old_active, .template = o->old_template, .since = o->old_since};
    old.dest = o->old_bound ? dest_at(o->old_dest) : 0;
    replaced(&old);
    return verdict;
}
