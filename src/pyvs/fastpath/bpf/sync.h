// What a master is to tell the backups, decided here and written by the engine: connections go to it through a ring.
#pragma once
#include "entry.h"

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, REPORT_BYTES);
} reports SEC(".maps");

MAP(untold, BPF_MAP_TYPE_PERCPU_ARRAY, 1, __u32, __u64, 0);  // what found the ring full

// Whether the backups know nearly the same end, and have heard it often enough; else how often they will have.
static __always_inline bool refreshed(const struct conn *conn, __u32 now, __u8 *retries) {
    __u32 half = conn->timeout >> 1, near = half > settings.sync_least ? half : settings.sync_least;
    __s32 later = now + conn->timeout - conn->told;
    if (near > (__u32)settings.sync_refresh)
        near = settings.sync_refresh;
    if ((__u32)(later < 0 ? -later : later) >= near)
        return false;
    if (conn->told_retries >= settings.sync_retries ||
        (__s32)(now - (conn->told - conn->timeout + (settings.sync_refresh >> 3))) < 0)
        return true;
    *retries = conn->told_retries + 1;
    return false;
}

// Kernel: ip_vs_sync_conn_needed. Time counts in jiffies, as there.
static __always_inline bool needed(const struct conn *conn, __u8 protocol, __u32 now, __u8 *retries) {
    __u32 state = state_of(conn->status);
    if (settings.sync_persist && conn->status & STATUS_CONTROLLED)
        return false;
    if (protocol == IPPROTO_TCP) {
        if (!(TCP_SYNCED >> state & 1))
            return false;
        if (state != conn->told_state && state != TCP_ESTABLISHED)
            return true;
    }
    if (settings.sync_refresh > 0 && refreshed(conn, now, retries))
        return false;
    if (settings.sync_period)
        return conn->packets % settings.sync_period == settings.sync_threshold;
    return settings.sync_refresh || conn->packets == settings.sync_threshold;
}

// A connection had a packet of its client. One that belongs to a template is reported in any case: the template may be
// told at each packet. What finds no room in the ring is counted, and not noted: the next packet may try again.
static __noinline int report(const void *key, struct conn *conn, __u32 now, bool six) {
    if (!key || !conn)
        return 0;
    __u8 protocol = six ? ((const struct key6 *)key)->protocol : ((const struct key4 *)key)->protocol, retries = 0;
    bool old = settings.sync == SYNC_V0, tell = !(old && six) && needed(conn, protocol, now, &retries);
    if (!tell && (old || !(conn->status & STATUS_CONTROLLED)))
        return 0;
    struct report *report = bpf_ringbuf_reserve(&reports, sizeof *report, 0);
    if (!report) {
        __u32 zero = 0;
        __u64 *count = bpf_map_lookup_elem(&untold, &zero);
        if (count)
            *count += 1;
        return 0;
    }
    if (tell) {
        conn->told = now + conn->timeout;
        conn->told_state = state_of(conn->status);
        conn->told_retries = retries;
    }
    report->family = six ? AF_INET6 : AF_INET;
    report->tell = tell;
    if (six) {
        __builtin_memcpy(report->key, key, sizeof(struct key6));
        __builtin_memcpy(report->conn, conn, sizeof(struct conn6));
    } else {
        __builtin_memcpy(report->key, key, sizeof(struct key4));
        __builtin_memcpy(report->conn, conn, sizeof(struct conn4));
    }
    bpf_ringbuf_submit(report, 0);
    return 0;
}
