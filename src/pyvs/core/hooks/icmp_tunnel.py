"""ICMP errors about packets that we put into tunnels: read through the tunnel's headers, tell the client.

Kernel: in `ip_vs_in_icmp`, `ipvs_udp_decap`, `ipvs_gre_decap`. IPv4 only, as there.
"""

from __future__ import annotations

from pyvs.core.connections.connection import Connection
from pyvs.core.flags import Family, Hook, Proto, TunType
from pyvs.core.namespace import Namespace
from pyvs.core.packet.header import DF, Header, Malformed, parse
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.stats.count import count_out
from pyvs.core.transmit import icmp
from pyvs.core.verdict import Verdict, accept, stolen

OUTER = 20
SMALLEST_MTU = 68


def find_tunnelled(ns: Namespace, packet: Packet, outer: Header) -> Header | Verdict | None:
    """The client's header in a quoted packet of a tunnel of ours; None when it is no tunnel.

    A Verdict: it is a tunnel, but not ours or not readable. Raises Malformed.
    """
    if outer.af != Family.INET:
        return None
    data, at = packet.data, outer.offset
    if outer.protocol == Proto.IPIP:
        if outer.fragment_offset or ns.hook != Hook.LOCAL_IN:
            return accept(Reason.ICMP_UNRELATED)
        dest = ns.services.find_tunnel(Family.INET, outer.dst, 0)
        if dest is None or dest.tun_type != TunType.IPIP:
            return accept(Reason.ICMP_UNRELATED)
        return parse(data, at, quoted=True)
    if outer.protocol not in (Proto.UDP, Proto.GRE) or ns.hook != Hook.LOCAL_IN:
        return None
    if outer.fragment_offset:
        return accept(Reason.ICMP_UNRELATED)
    if outer.protocol == Proto.UDP:
        length, inside = _gue(ns, data, at, outer)
    else:
        length, inside = _gre(ns, data, at, outer)
    if not length:
        return None
    inner = parse(data, at + length, quoted=True)
    if inner.af != Family.INET or inside != Proto.IPIP:
        return accept(Reason.ICMP_UNRELATED)
    return inner


def _gue(ns: Namespace, data: bytes, at: int, outer: Header) -> tuple[int, int]:
    """Length of UDP and GUE headers and the protocol inside; 0 when it isn't ours. Kernel: `ipvs_udp_decap`."""
    if len(data) < at + 12:
        return 0, 0
    dest = ns.services.find_tunnel(Family.INET, outer.dst, data[at + 2] << 8 | data[at + 3])
    if dest is None or dest.tun_type != TunType.GUE:
        return 0, 0
    first, inside = data[at + 8], data[at + 9]
    version, control, options = first >> 6, first >> 5 & 1, (first & 31) * 4
    if version == 0 and not control:
        return 12 + options, inside
    if version == 1:
        # The payload begins at once, its own version bits are the header's.
        return 8, Proto.IPIP if first >> 4 == 4 else Proto.IPV6 if first >> 4 == 6 else 0
    return 0, 0


def _gre(ns: Namespace, data: bytes, at: int, outer: Header) -> tuple[int, int]:
    """Length of the GRE header and the protocol inside; 0 when it isn't ours. Kernel: `ipvs_gre_decap`."""
    if len(data) < at + 4:
        return 0, 0
    flags, kind = data[at] << 8 | data[at + 1], data[at + 2] << 8 | data[at + 3]
    if flags & ~0x8000:
        return 0, 0  # keys, sequence numbers, routing or another version: not ours
    dest = ns.services.find_tunnel(Family.INET, outer.dst, 0)
    if dest is None or dest.tun_type != TunType.GRE:
        return 0, 0
    inside = {0x0800: Proto.IPIP, 0x86DD: Proto.IPV6}.get(kind)
    if inside is None:
        return 0, 0
    return (8 if flags & 0x8000 else 4), inside


def answer_tunnel_error(
    ns: Namespace, packet: Packet, header: Header, inner: Header, conn: Connection
) -> Verdict:
    """Note a smaller path, and tell the client what happened to its packet."""
    data, at = packet.data, header.offset
    kind, code, info = data[at], data[at + 1], int.from_bytes(data[at + 4 : at + 8], "big")
    quoted = parse(data, at + 8, quoted=True)
    original = Packet(data[inner.ip_offset : header.end], mark=packet.mark, iif=packet.iif)
    if kind == icmp.DEST_UNREACH and code == icmp.FRAG_NEEDED:
        mtu = info & 0xFFFF
        dest = conn.dest
        # The kernel reads the MTU of the route that it still holds: the one before, unless that came of an
        # earlier error, for those are changed in place.
        held = dest.route if dest is not None else None
        ns.environment.update_pmtu(quoted.dst, mtu)
        if held is not None and held.learnt:
            held = ns.environment.route(quoted.dst) or held
        if not (data[inner.ip_offset + 6] << 8 | data[inner.ip_offset + 7]) & DF:
            return stolen(Reason.TUNNEL_ICMP)
        if held is not None:
            mtu = held.mtu
        if mtu > SMALLEST_MTU + OUTER:
            mtu -= OUTER  # headers of GUE and GRE are not thought of
        info = mtu
    try:
        ns_header = parse(original.data, quoted=True)
    except Malformed:
        return stolen(Reason.TUNNEL_ICMP)
    icmp.send_error(ns, original, ns_header, kind, code, info)
    count_out(ns, conn, original)
    return stolen(Reason.TUNNEL_ICMP)
