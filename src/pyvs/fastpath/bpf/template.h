// Templates of persistent services: which server a client stays with, and until when. Its connections know a template by
// its number; while it counts it is found by its client.
//
// The functions that are not static are verified by themselves, once: as parts of every way through the programs they
// would be too much for the verifier.
#pragma once
#include "states.h"

static __always_inline struct template *template_at(__u32 number) { return bpf_map_lookup_elem(&templates, &number); }

static __always_inline bool passed(const struct template *t, __u32 now) {
    return (__s32)(now - t->seen) >= (__s32)t->timeout;
}

static __always_inline bool in_use(const struct template *t) { return t->controls + t->engine > 0; }

// One that has connections when its time is over waits another minute for them, and another. Kernel: ip_vs_conn_expire.
static __always_inline void prolong(struct template *t, __u32 now) {
    __u32 seen = t->seen, timeout = t->timeout, later = settings.later;
    if ((__s32)(now - seen) < (__s32)timeout || !later)
        return;
    __u32 end = seen + timeout, next = end + (now - end) / later * later;
    if (__sync_val_compare_and_swap(&t->seen, seen, next) == seen)
        t->timeout = later;
}

__noinline int assure(__u32 number) {
    struct template *t = template_at(number);
    if (t && !(t->status & TEMPLATE_ASSURED))
        __sync_fetch_and_or(&t->status, TEMPLATE_ASSURED);
    return 0;
}

// A connection of it is over since a moment. `chain`: by force, which takes one along that led to nothing.
__noinline int release(__u32 number, __u32 since, bool chain) {
    struct template *t = template_at(number);
    if (!t)
        return 0;
    prolong(t, since);
    __sync_fetch_and_add(&t->controls, -1);
    if (chain && !in_use(t) && !(t->status & TEMPLATE_ASSURED)) {
        t->timeout = 0;
        t->seen = since;
    }
    return 0;
}
