"""Tunnel: the packet in another, to the server. Kernel: `ip_vs_tunnel_xmit`, `ip_vs_tunnel_xmit_v6`.

[outer IP: our address -> server][UDP, GUE | GRE | nothing][the client's packet as it came]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import Struct
from typing import Final

from pyvs.core.connections.connection import Connection
from pyvs.core.flags import Family, Proto, TunFlag, TunType
from pyvs.core.namespace import Namespace
from pyvs.core.packet.checksum import CHECKSUM_AT, checksum, pseudo_sum
from pyvs.core.packet.header import DF, IPV4, IPV6, Header, parse
from pyvs.core.packet.packet import Packet
from pyvs.core.services.destination import Destination
from pyvs.core.transmit.local import local
from pyvs.core.transmit.route import Mode, out_route
from pyvs.core.transmit.send import send_or_continue
from pyvs.core.verdict import Verdict

ECN_MASK: Final = 3
ECN_CE: Final = 3
ECN_ECT_0: Final = 2
FRAG_PMTU: Final = 0x40
"""Kernel: `IPSKB_FRAG_PMTU`, which stands in IPv4 where IPv6 has `frag_max_size`."""
GRE_CSUM: Final = 0x8000
GUE_PRIVATE: Final = 0x0001
"""Kernel: `GUE_FLAG_PRIV`: a word of private flags follows."""
GUE_REMCSUM: Final = 0x8000_0000
"""Kernel: `GUE_PFLAG_REMCSUM`: after the private flags, where the inner checksum is to be finished."""
EPHEMERAL: Final = (32768, 60999)
"""Kernel: sysctl net.ipv4.ip_local_port_range, of which a GUE source port is hashed."""

_UDP: Final = Struct("!HHHH")
_GUE: Final = Struct("!BBH")
_REMCSUM: Final = Struct("!IHH")
_GRE: Final = Struct("!HH")

Encapsulation = tuple[int, bytes]
"""The outer header's protocol, and what stands between it and the inner packet, with that packet."""


def tunnel(ns: Namespace, conn: Connection, packet: Packet, header: Header) -> Verdict:
    """Send a client's packet to its server inside of another."""
    route = out_route(ns, packet, header, conn.dest, conn.daddr, Mode.LOCAL | Mode.NON_LOCAL | Mode.TUNNEL)
    if isinstance(route, Verdict):
        return route
    dest = conn.dest
    if route.local or dest is None:
        return local(ns, conn, packet, header)
    inner = packet.data
    if inner[0] >> 4 == 4:
        inner_protocol, tos, ttl = int(Proto.IPIP), inner[1], inner[8]
        df = (inner[6] << 8 | inner[7]) & DF if ns.sysctl.pmtu_disc else 0
    else:
        inner_protocol, tos, ttl = int(Proto.IPV6), (inner[0] << 8 | inner[1]) >> 4 & 0xFF, inner[7]
        df = 0
    if tos & ECN_MASK == ECN_CE:
        tos = tos & ~ECN_MASK | ECN_ECT_0
    protocol, body = ENCAPSULATIONS[dest.tun_type](ns, dest, route.source, inner_protocol, packet)
    if dest.af == Family.INET:
        ident = 0 if df else ns.identification()
        outer = IPV4.pack(0x45, tos, 20 + len(body), ident, df, ttl, protocol, 0, route.source, dest.addr)
        outer = outer[:10] + checksum(outer).to_bytes(2, "big") + outer[12:]
    else:
        outer = IPV6.pack(6 << 28 | tos << 20, len(body), protocol, ttl, route.source, dest.addr)
    packet.data = outer + body
    packet.ignore_df = True
    _keep_fragments(ns, packet, len(body), inner[0] >> 4)
    return send_or_continue(ns, conn, packet, route, dest.addr)


def _keep_fragments(ns: Namespace, packet: Packet, length: int, inner: int) -> None:
    """What came in fragments leaves in fragments no longer than those; length: what the outer header is followed by.

    Kernel: `IPCB(skb)->frag_max_size` outlives the tunnel, unless the family changes. The pieces do only where the
    first, now longer, still fits: if it is a multiple of eight, and not in IPv4 within IPv4.
    """
    outer = packet.data[0] >> 4
    if outer != inner:
        mistaken = outer == 4 and bool(packet.fragment_size & FRAG_PMTU)
        packet.fragment_df = mistaken and ns.differences.tunnel_fragments_say_df
        packet.fragment_size = 0
    pieces = packet.pieces
    packet.pieces = ()
    if len(pieces) > 1 and inner == 6:
        first = length - sum(pieces[1:])
        if not first % 8:
            packet.pieces = (first, *pieces[1:])


def _ipip(
    ns: Namespace, dest: Destination, source: bytes, inner_protocol: int, packet: Packet
) -> Encapsulation:
    return inner_protocol, packet.data


def _gue(
    ns: Namespace, dest: Destination, source: bytes, inner_protocol: int, packet: Packet
) -> Encapsulation:
    """Kernel: `ipvs_gue_encap`. Remote checksum offload is for unfinished checksums: the server finishes them."""
    low, high = EPHEMERAL
    sport = low + int.from_bytes(packet.data[12:24], "big") % (high - low + 1)
    place = (
        _checksum_place(packet.data) if packet.checksum_partial and dest.tun_flags & TunFlag.REMCSUM else None
    )
    if place is None:
        inside = _GUE.pack(0, inner_protocol, 0) + packet.data
    else:
        inside = _GUE.pack(2, inner_protocol, GUE_PRIVATE) + _REMCSUM.pack(GUE_REMCSUM, *place) + packet.data
        packet.checksum_partial = False
    length = 8 + len(inside)
    check = 0
    if dest.tun_flags & (TunFlag.CSUM | TunFlag.REMCSUM):
        total = pseudo_sum(source, dest.addr, Proto.UDP, length)
        check = checksum(_UDP.pack(sport, dest.tun_port, length, 0) + inside, total) or 0xFFFF
    return int(Proto.UDP), _UDP.pack(sport, dest.tun_port, length, check) + inside


def _checksum_place(data: bytes) -> tuple[int, int] | None:
    """Where the summing begins and where the sum goes; None for what is neither TCP nor UDP."""
    header = parse(data)
    field = CHECKSUM_AT.get(header.protocol)
    return None if field is None else (header.offset, header.offset + field)


def _gre(
    ns: Namespace, dest: Destination, source: bytes, inner_protocol: int, packet: Packet
) -> Encapsulation:
    """Kernel: `ipvs_gre_encap`."""
    ethertype = 0x0800 if inner_protocol == Proto.IPIP else 0x86DD
    if not dest.tun_flags & TunFlag.CSUM:
        return int(Proto.GRE), _GRE.pack(0, ethertype) + packet.data
    head = _GRE.pack(GRE_CSUM, ethertype)
    check = checksum(head + b"\0\0\0\0" + packet.data)
    return int(Proto.GRE), head + check.to_bytes(2, "big") + b"\0\0" + packet.data


ENCAPSULATIONS: Final[Mapping[int, Callable[[Namespace, Destination, bytes, int, Packet], Encapsulation]]] = {
    TunType.IPIP: _ipip,
    TunType.GUE: _gue,
    TunType.GRE: _gre,
}
