"""What lies in the maps of the fast path: one table of structures for Python and C.

A test holds this table against the type information of the compiled programs. Numbers are the host's, what stands in
packets is as there.
"""

from __future__ import annotations

from typing import Final

from pyvs.fastpath.structure import Field, Layout


def _key(name: str, size: int) -> Layout:
    return Layout(
        name,
        Field("saddr", "be32", size // 4),
        Field("daddr", "be32", size // 4),
        Field("sport", "be16"),
        Field("dport", "be16"),
        Field("protocol", "u8"),
        Field("pad", "u8", 3),
    )


KEY4: Final = _key("key4", 4)
"""What stands in an IPv4 packet, of either direction."""
KEY6: Final = _key("key6", 16)

HOP: Final = Layout(
    "hop",
    Field("ifindex", "u32"),
    Field("seen", "u32"),
    Field("generation", "u16"),
    Field("mtu", "u16"),
    Field("dmac", "be16", 3),
    Field("smac", "be16", 3),
)
"""The next hop: device, link-layer addresses, and when (jiffies, generation of the routes) it was looked up."""

CONN: Final = Layout(
    "conn",
    Field("seen", "u32"),
    Field("timeout", "u32"),
    Field("packets", "u32"),
    Field("status", "u32"),
    Field("dest", "u32"),
    Field("port", "be16"),
    Field("check", "u16"),
    Field("addr_check", "u16"),
    Field("told_state", "u8"),
    Field("told_retries", "u8"),
    HOP,
    Field("told", "u32"),
    Field("template", "u32"),
)
"""One direction of a connection.

seen: jiffies of its last packet; timeout: jiffies of silence that it survives; status: the state in the lowest
byte, flags above; port: the new one; check: what rewriting adds to the transport's checksum, addr_check: the
addresses' part of that. told, in the client's entry: what the backups know, which is when it would end in jiffies
(of one that was never told of: when it began), its state, and how often they were told that again. template: the
number of the one that it belongs to, 0 if that is not in the maps. The new address follows. Of an engine's claim, whose
dest is CLAIMED, told is the engine's number and no other field counts.
"""

CONN4: Final = Layout("conn4", *CONN.fields, Field("addr", "be32"))
"""With the kernel's own part and its key 128 bytes, so that none spreads over three lines of the cache."""
CONN6: Final = Layout("conn6", *CONN.fields, Field("addr", "be32", 4))

DEST: Final = Layout(
    "dest",
    HOP,
    Field("flags", "u32"),
    Field("weight", "s32"),
    Field("active", "s32"),
    Field("inactive", "s32"),
    Field("persistent", "s32"),
    Field("u_threshold", "u32"),
    Field("l_threshold", "u32"),
    Field("addr", "be32", 4),
    Field("source", "be32", 4),
    Field("port", "be16"),
    Field("tun_port", "be16"),
    Field("af", "u8"),
    Field("method", "u8"),
    Field("tun_type", "u8"),
    Field("tun_flags", "u8"),
    Field("redirects", "u32"),
    Field("redirected", "u32"),
    Field("kept_active", "s32"),
    Field("kept_inactive", "s32"),
)
"""A destination. source: the address of this host in a tunnel's outer header; redirects: so many packets have gone up
for an ICMP redirect, the last at the jiffies `redirected`, or later one that would have; kept_active, kept_inactive:
connections that the engine has, which count as active and inactive do."""

SERVICE_KEY: Final = Layout(
    "service_key",
    Field("addr", "be32", 4),
    Field("port", "be16"),
    Field("protocol", "u8"),
    Field("af", "u8"),
)

SERVICE: Final = Layout(
    "service",
    Field("selector", "u32"),
    Field("base", "u32"),
    Field("size", "u32"),
    Field("cursor", "u32"),
    Field("persist", "u32"),
    Field("mask", "be32", 4),
)
"""A service whose new connections are scheduled here. base, size: its part of the slot table; persist: jiffies that its
templates live, 0 if it has none; mask: of the clients that have one template together."""

TEMPLATE_KEY: Final = Layout(
    "template_key",
    Field("caddr", "be32", 4),
    Field("vaddr", "be32", 4),
    Field("vport", "be16"),
    Field("protocol", "u8"),
    Field("af", "u8"),
)
"""What a template is found by. caddr: masked; vport: 0 for one of a service on all ports."""

TEMPLATE: Final = Layout(
    "template",
    Field("seen", "u32"),
    Field("timeout", "u32"),
    Field("dest", "u32"),
    Field("status", "u32"),
    Field("controls", "s32"),
    Field("engine", "s32"),
    Field("packets", "u32"),
    Field("told", "u32"),
    Field("dport", "be16"),
    Field("told_retries", "u8"),
    Field("pad", "u8"),
    TEMPLATE_KEY,
)
"""A persistence template. seen: jiffies of the last connection that began by it; controls: its connections in the maps;
engine: those that the engine has; packets, told and told_retries: what a sync master keeps of it."""

TEMPLATE_CHANGE: Final = Layout(
    "template_change",
    Field("head", "u8", 16),
    Field("number", "u32"),
    Field("set", "u32"),
    Field("engine", "s32"),
    Field("seen", "u32"),
    Field("timeout", "u32"),
    Field("status", "u32"),
    Field("packets", "u32"),
    Field("told", "u32"),
    Field("told_retries", "u32"),
)
"""What is to become of a template, as a frame for the program `pyvs_template`. set: 1 for seen and timeout, 2 for what
a master keeps, 4 to end it unless connections belong to it or one was established; engine is added, the flags of status
set."""

ONWARD: Final = Layout(
    "onward",
    Field("key", "be32", KEY6.size // 4),
    Field("length", "u32"),
    Field("longest", "u32"),
    Field("now", "u32"),
    Field("old_dest", "u32"),
    Field("old_template", "u32"),
    Field("old_since", "u32"),
    Field("protocol", "u8"),
    Field("flags", "u8"),
    Field("old_active", "u8"),
    Field("old_bound", "u8"),
    TEMPLATE_KEY,
)
"""What the program for persistent services is told by the one that called it. key: as long as either family's; old: of
a connection whose place the new one takes, which still counts at its destination if it is bound; the template's key is
the program's own scratch, for its stack is short."""

STATS: Final = Layout(
    "stats",
    Field("conns", "u64"),
    Field("inpkts", "u64"),
    Field("outpkts", "u64"),
    Field("inbytes", "u64"),
    Field("outbytes", "u64"),
)

OWNER: Final = Layout(
    "owner",
    Field("vaddr", "be32", 4),
    Field("fwmark", "u32"),
    Field("vport", "be16"),
    Field("protocol", "u8"),
    Field("af", "u8"),
    STATS,
)
"""Whose a destination is: the service, so that another daemon finds it again. af 0: nobody's. The counters are the
engine's share, of packets that went up, less what ZERO takes off: below nothing they are modulo 2**64."""

CHANGE: Final = Layout(
    "change",
    Field("head", "u8", 16),
    Field("number", "u32"),
    Field("set", "u32"),
    Field("persistent", "s32"),
    DEST,
)
"""What is to become of a destination, as a frame for the program `pyvs_change`. head: in the place of Ethernet's;
set: 1 to take what an administrator says from the destination that follows, 2 to take its next hop too, 4 to take the
engine's connections and whether it is overloaded; persistent is added to what is there."""

OWN_MAC: Final = Layout(
    "own_mac", Field("mac", "be16", 3), Field("attached", "u8"), Field("reaches_out", "u8")
)
"""reaches_out: by tc, to the far end of its pair at once; by XDP, redirect what came in by it and leaves by it."""

SETTINGS: Final = Layout(
    "settings",
    Field("now", "u32"),
    Field("hop_age", "u32"),
    Field("redirect_load", "u32"),
    Field("timeouts", "u32", 12),
    Field("udp_timeout", "u32"),
    Field("generation", "u16"),
    Field("reuse_mode", "u8"),
    Field("secure", "u8"),
    Field("sloppy_tcp", "u8"),
    Field("expire_nodest", "u8"),
    Field("new", "u8"),
    Field("pmtu_disc", "u8"),
    Field("drop_entries", "u8"),
    Field("sync", "u8"),
    Field("sync_persist", "u8"),
    Field("sync_retries", "u8"),
    Field("drop_rate", "u32"),
    Field("drop_counter", "s32"),
    Field("sync_threshold", "u32"),
    Field("sync_period", "u32"),
    Field("sync_refresh", "s32"),
    Field("sync_least", "u32"),
    Field("own_mark", "u32"),
    Field("later", "u32"),
    Field("claimant", "u32"),
    Field("claims_until", "u32"),
    Field("all_ports", "u8"),
    Field("quiescent", "u8"),
    Field("unplaced", "u8"),
    Field("pad", "u8"),
)
"""What an administrator sets. now: jiffies that count instead of the clock's, for tests; timeouts: of TCP, by state,
in jiffies; generation: grows with every change of routes or neighbours; new: schedule new connections; sync: 1 and
the version of its messages while a master runs, else 0; sync_refresh and sync_least, ten seconds, in jiffies;
own_mark: bits that tell our chains that a packet has been served; later: jiffies that a template waits for its
connections; all_ports: there are services on port 0; quiescent: templates of a server with weight 0 don't count;
claimant: the number of the engine whose claims count, until the jiffies claims_until; unplaced: some of them found no
room among the connections."""

REPORT: Final = Layout(
    "report",
    Field("family", "u8"),
    Field("tell", "u8"),
    Field("pad", "u8", 6),
    Field("key", "u8", KEY6.size),
    Field("conn", "u8", CONN6.size),
)
"""A connection for the master to tell of: the client's key and entry, as they were after its packet. tell: 0 when only
its template is to be looked at."""

CLAIM: Final = Layout(
    "claim",
    Field("head", "u8", 16),
    Field("six", "u32"),
    Field("claimant", "u32"),
    Field("key", "u8", KEY6.size),
    Field("conn", "u8", CONN6.size),
)
"""A connection that the engine takes from the maps, as a frame for the program `pyvs_claim`, which puts its entry into
conn."""

GIVEN: Final = Layout(
    "given",
    Field("head", "u8", 16),
    Field("six", "u32"),
    Field("key", "u8", KEY6.size),
    Field("conn", "u8", CONN6.size),
    Field("back", "u8", KEY6.size),
    Field("reply", "u8", CONN6.size),
)
"""A connection that the engine gives to the maps, as a frame for the program `pyvs_give`: the client's key and entry,
and with NAT the server's."""

LAYOUTS: Final = (
    KEY4, KEY6, HOP, CONN, CONN4, CONN6, DEST, SERVICE_KEY, SERVICE, TEMPLATE_KEY, TEMPLATE, TEMPLATE_CHANGE, ONWARD,
    STATS, OWNER, CHANGE, OWN_MAC, SETTINGS, REPORT, CLAIM, GIVEN,
)  # fmt: skip

VERSION: Final = 1
"""Grows with every change that makes pinned maps of older programs useless."""
