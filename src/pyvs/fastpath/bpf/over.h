// The end of what has been silent for too long, whoever goes through the table.
#pragma once
#include "entry.h"
#include "template.h"

enum { DROP_SHARE = 32 };

struct ended {
    __u32 kind;  // the family, or 0 for nothing
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
    return dest && !(dest->flags & (DEST_AVAILABLE | DEST_ELSEWHERE | DEST_RESTS));
}

// Ends the connection of an entry if its time is over; whether it did, as `ended` tells. `ended->key` is the entry's.
static __always_inline bool end_if_over(struct conn *conn, struct ended *ended, bool six) {
    struct frame f = {.now = clock()};
    bool at_once = false;
    if (conn->dest == CLAIMED) {
        if (conn->told != settings.claimant)
            forget(&ended->key, six);  // of an engine that is gone
        return false;
    }
    __u8 protocol = six ? ended->key.six.protocol : ended->key.four.protocol;
    if (!(conn->status & STATUS_REPLY))
        at_once = (protocol == IPPROTO_TCP && too_much(conn->status)) || deserted(conn->dest);
    if (!at_once && !expired(&f, conn))
        return false;
    union any_key other = {};
    struct conn *partner = 0;
    if (!(conn->status & STATUS_SINGLE)) {
        turn(&other, &ended->key, conn, address(conn), six);
        partner = find(&other, six);
        if (conn->status & STATUS_REPLY) {
            // Only one that was left behind: the rest ends with the client's entry.
            if (!partner || !belongs(partner, address(partner), &ended->key, true, six))
                forget(&ended->key, six);
            return false;
        }
        if (partner && !belongs(partner, address(partner), &ended->key, false, six))
            partner = 0;
    }
    if (partner && !at_once && !expired(&f, partner))
        return false;
    ended->status = last_status(conn) & ~(__u32)STATUS_CLAIMED;
    if (protocol == IPPROTO_UDP && partner && partner->packets)
        ended->status |= STATUS_ASSURED;  // it was answered
    ended->dest = conn->dest;
    ended->packets = conn->packets;
    __u32 template = conn->template, since = at_once ? f.now : last_end(conn, partner);
    if (!end_connection(&ended->key, &other, !partner, six))
        return false;
    ended->kind = six ? 10 : 2;
    struct dest *dest = bpf_map_lookup_elem(&dests, &ended->dest);
    if (dest)
        unbound(dest, protocol == IPPROTO_TCP && !(ended->status & STATUS_INACTIVE));
    if (template)
        release(template, since, at_once);
    return true;
}

// Ends a template if its time is over and nothing belongs to it.
static __noinline int end_template_if_over(__u32 number) {
    struct template *t = template_at(number);
    __u32 now = clock();
    if (!t)
        return 0;
    if (in_use(t)) {
        prolong(t, now);
        return 0;
    }
    bool unproven = settings.drop_entries && !(t->status & TEMPLATE_ASSURED);
    if (!passed(t, now) && !deserted(t->dest) && !(unproven && bpf_get_prandom_u32() % DROP_SHARE == 0))
        return 0;
    __u32 *named = bpf_map_lookup_elem(&template_numbers, &t->template_key);
    if (named && *named == number)
        bpf_map_delete_elem(&template_numbers, &t->template_key);
    struct dest *dest = bpf_map_lookup_elem(&dests, &t->dest);
    if (bpf_map_delete_elem(&templates, &number) || !dest)
        return 0;
    __sync_fetch_and_add(&dest->persistent, -1);
    relieved(dest);
    return 1;
}
