// Who will serve a new connection: a cursor or a hash over slots, or the least loaded of them.
#pragma once
#include "states.h"

#define NOBODY 0xffffffffu

static __always_inline __u32 slot(struct service *service, __u32 at) {
    __u32 place = service->base + at;
    __u32 *dest = bpf_map_lookup_elem(&slots, &place);
    return dest ? *dest : NOBODY;
}

static __always_inline bool able(struct dest *dest) { return dest->weight > 0 && !(dest->flags & DEST_OVERLOAD); }

static __always_inline struct dest *dest_at(__u32 number) { return bpf_map_lookup_elem(&dests, &number); }

// ---- cursor: rr, wrr -------------------------------------------------------

// One step after another until one returns 1. Loops of unknown length need Linux 5.17; without them it is a short one,
// and a packet that needs more steps goes up. Step and loop are then functions that the verifier takes by themselves.
#ifdef PYVS_NO_LOOP
#define LEAST_MOST_HERE SHORT_MOST
#define APART __attribute__((noinline, weak))
#define CONTEXT(name) struct name
#define STEPS(step, name)                                        \
    APART int step##_all(struct name *context, __u32 times) {    \
        for (__u32 i = 0; context && i < SHORT_MOST && i < times; i++) \
            if (step(i, context))                                \
                break;                                           \
        return 0;                                                \
    }
#else
#define LEAST_MOST_HERE LEAST_MOST
#define APART static
#define CONTEXT(name) void
#define STEPS(step, name)                                                         \
    static __always_inline void step##_all(struct name *context, __u32 times) {   \
        bpf_loop(times, step, context, 0);                                        \
    }
#endif

struct round {
    __u32 base, size, at, found;
};

APART long ask(__u32 turn, CONTEXT(round) *context) {
    struct round *r = context;
    if (!r)
        return 1;
    if (r->at >= r->size)
        r->at = 0;
    __u32 place = r->base + r->at;
    r->at++;
    __u32 *number = bpf_map_lookup_elem(&slots, &place);
    struct dest *dest = number ? dest_at(*number) : 0;
    if (!dest || !able(dest))
        return 0;
    r->found = *number;
    return 1;
}

STEPS(ask, round)

static __always_inline __u32 by_cursor(struct service *service, __u32 *cursor) {
    struct round r = {service->base, service->size, service->cursor, NOBODY};
    if (r.size && !ask(0, &r))
        ask_all(&r, r.size < CURSOR_MOST ? r.size - 1 : CURSOR_MOST);
    *cursor = r.at;
    return r.found;
}

// ---- hash: sh, dh, mh ------------------------------------------------------

static __always_inline __u32 folded(const void *addr, bool six) {
    const __u32 *word = addr;
    if (six)
        return bpf_ntohl(word[0] ^ word[1] ^ word[2] ^ word[3]);
    return bpf_ntohl(word[0]);
}

static __always_inline __u32 hash_32(__u32 value, int bits) { return value * GOLDEN_RATIO_32 >> (32 - bits); }

#define ROTATE(value, bits) ((value) << (bits) | (value) >> (64 - (bits)))

static __always_inline __u32 hsiphash(__u32 value) {
    __u64 word = 4ull << 56 | value;
    __u64 v0 = 0x736f6d6570736575ull ^ MH_KEY_0, v1 = 0x646f72616e646f6dull ^ MH_KEY_1;
    __u64 v2 = 0x6c7967656e657261ull ^ MH_KEY_0, v3 = 0x7465646279746573ull ^ MH_KEY_1 ^ word;
#pragma unroll
    for (int round = 0; round < 4; round++) {
        v0 += v1;
        v2 += v3;
        v1 = ROTATE(v1, 13) ^ v0;
        v3 = ROTATE(v3, 16) ^ v2;
        v0 = ROTATE(v0, 32) + v3;
        v2 += v1;
        v1 = ROTATE(v1, 17) ^ v2;
        v3 = ROTATE(v3, 21) ^ v0;
        v2 = ROTATE(v2, 32);
        if (!round) {
            v0 ^= word;
            v2 ^= 0xff;
        }
    }
    return v0 ^ v1 ^ v2 ^ v3;
}

struct again {
    __u32 base, client, home, maglev, found;
};

// Where sh and mh look when the first server can't take it. Kernel: ip_vs_sh_get_fallback, ip_vs_mh_get_fallback.
APART long retry(__u32 offset, CONTEXT(again) *context) {
    struct again *a = context;
    if (!a)
        return 1;
    __u32 at = a->maglev ? hsiphash(a->client + (offset + a->home) % MH_SLOTS) % MH_SLOTS
                         : (2 * a->home + offset) % (1 << SH_BITS);
    __u32 place = a->base + at;
    __u32 *number = bpf_map_lookup_elem(&slots, &place);
    struct dest *dest = number ? dest_at(*number) : 0;
    if (!dest || !able(dest))
        return 0;
    a->found = *number;
    return 1;
}

STEPS(retry, again)

static __always_inline __u32 by_hash(struct service *service, const void *src, const void *dst, __be16 sport,
                                     bool six) {
    __u32 kind = service->selector & SELECT_KIND, at, client = 0;
    bool maglev = kind == SELECT_MAGLEV || kind == SELECT_MAGLEV_PORT;
    if (!service->size)
        return NOBODY;
    if (kind == SELECT_DESTINATION) {
        at = hash_32(folded(dst, six), DH_BITS);
    } else {
        client = folded(src, six);
        if (kind == SELECT_SOURCE_PORT || kind == SELECT_MAGLEV_PORT)
            client += bpf_ntohs(sport);
        at = maglev ? hsiphash(client) % MH_SLOTS : hash_32(client, SH_BITS);
    }
    __u32 number = slot(service, at);
    struct dest *dest = dest_at(number);
    if (dest && able(dest))
        return number;
    struct again a = {service->base, client, at, maglev, NOBODY};
    if (service->selector & SELECT_FALLBACK)
        retry_all(&a, FALLBACK_MOST);
    return a.found;
}

// ---- least: lc, wlc, sed, nq, fo, ovf --------------------------------------

struct search {
    __u64 load;
    __u32 kind, base, best;
    __s32 weight;
};

// One server after another, in the order of the service's list. Returns 1 to stop.
APART long consider(__u32 at, CONTEXT(search) *context) {
    struct search *s = context;
    if (!s)
        return 1;
    __u32 place = s->base + at;
    __u32 *number = bpf_map_lookup_elem(&slots, &place);
    if (!number)
        return 1;
    struct dest *dest = dest_at(*number);
    if (!dest || !able(dest))
        return 0;
    __u64 active = active_of(dest), load;
    __s32 weight = dest->weight;
    switch (s->kind) {
    case SELECT_FO:
    case SELECT_OVF:
        if (s->kind == SELECT_OVF && (__s64)active > weight)
            return 0;
        if (weight > s->weight) {
            s->weight = weight;
            s->best = *number;
        }
        return 0;
    case SELECT_NQ:
        if (!active) {
            s->best = *number;
            return 1;
        }
        load = active + 1;
        break;
    case SELECT_SED:
        load = active + 1;
        break;
    case SELECT_LC:
        load = (active << 8) + inactive_of(dest);
        weight = 1;
        break;
    default:
        load = (active << 8) + inactive_of(dest);
    }
    if (s->best == NOBODY || s->load * (__u32)weight > load * (__u32)s->weight) {
        s->best = *number;
        s->load = load;
        s->weight = weight;
    }
    return 0;
}

STEPS(consider, search)

static __always_inline __u32 by_load(struct service *service) {
    struct search s = {.kind = service->selector, .base = service->base, .best = NOBODY};
    __u32 size = service->size;
    if (size > LEAST_MOST_HERE)
        return NOBODY;  // the best of some is not the best of all
    consider_all(&s, size);
    return s.best;
}

static __always_inline __u32 choose(struct service *service, const void *src, const void *dst, __be16 sport, bool six,
                                    __u32 *cursor) {
    __u32 kind = service->selector & SELECT_KIND;
    if (kind == SELECT_CURSOR)
        return by_cursor(service, cursor);
    if (kind >= SELECT_LC)
        return by_load(service);
    return by_hash(service, src, dst, sport, six);
}
