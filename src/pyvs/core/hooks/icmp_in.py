"""ICMP errors from the client's side, and about our tunnels. Kernel: `ip_vs_in_icmp`, `ip_vs_in_icmp_v6`."""

from __future__ import annotations

from pyvs.core.connections.connection import Connection
from pyvs.core.connections.expiry import put
from pyvs.core.flags import Family, Forward, Hook, Proto
from pyvs.core.hooks.icmp_out import ICMP_HEADER, WITH_PORTS, checksum_ok, is_error, rewrite_error
from pyvs.core.hooks.icmp_tunnel import answer_tunnel_error, find_tunnelled
from pyvs.core.namespace import Namespace
from pyvs.core.packet.header import Header, Malformed, parse
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.scheduling.begin import begin
from pyvs.core.stats.count import count_in
from pyvs.core.transmit import TRANSMITTERS
from pyvs.core.transmit.nat import to_server
from pyvs.core.transmit.send import send_or_continue
from pyvs.core.verdict import Verdict, accept, drop


def forward_icmp(ns: Namespace, packet: Packet, header: Header) -> Verdict:
    """ICMP errors that pass through this host. Kernel: `ip_vs_forward_icmp`, `ip_vs_forward_icmp_v6`."""
    if header.protocol != (Proto.ICMP if header.af == Family.INET else Proto.ICMPV6):
        return accept(Reason.NO_CONNECTION)
    if ns.sysctl.backup_only and ns.sync.is_backup:
        return accept(Reason.BACKUP_ONLY)
    return icmp_in(ns, packet, header) or accept(Reason.ICMP_NOT_AN_ERROR)


def icmp_in(ns: Namespace, packet: Packet, header: Header) -> Verdict | None:
    """Send an error on to the server that it concerns; None when it is no error."""
    error = is_error(packet, header)
    if error is None:
        return drop(Reason.TRUNCATED)
    if not error:
        return None
    if header.af == Family.INET6 and header.fragment:
        return drop(Reason.BAD_FRAGMENT)
    at = header.offset + ICMP_HEADER
    try:
        inner = parse(packet.data, at, quoted=True)
        tunnel = find_tunnelled(ns, packet, inner) if header.af == Family.INET else None
        if tunnel is not None:
            if isinstance(tunnel, Verdict):
                return tunnel
            inner = tunnel
    except Malformed:
        return accept(Reason.ICMP_UNRELATED)
    inner.inverse, inner.icmp = tunnel is None, True
    protocol = ns.protocols.get(inner.protocol)
    if protocol is None or inner.af != header.af:
        return accept(Reason.ICMP_UNRELATED)
    if inner.fragment_offset and (header.af == Family.INET6 or not protocol.reassemble):
        return accept(Reason.ICMP_UNRELATED)
    conn = protocol.find_in(packet.data, inner)
    new = False
    if conn is None:
        if tunnel is not None or not ns.sysctl.schedule_icmp:
            return accept(Reason.ICMP_UNRELATED)
        begun = begin(ns, packet, inner, protocol)
        if isinstance(begun, Verdict):
            return begun
        conn, new = begun, True
    verdict = _pass_on(ns, packet, header, inner, conn, tunnel is not None)
    if new:
        put(ns, conn)
    return verdict


def _pass_on(
    ns: Namespace, packet: Packet, header: Header, inner: Header, conn: Connection, tunnelled: bool
) -> Verdict:
    if header.af == Family.INET:
        if not checksum_ok(ns, packet, header):
            return drop(Reason.BAD_CHECKSUM)
        if tunnelled:
            return answer_tunnel_error(ns, packet, header, inner, conn)
    elif ns.hook == Hook.LOCAL_OUT and conn.forward != Forward.MASQ:
        return accept(Reason.ICMP_UNRELATED)
    ns.tell("connection", "an ICMP error about a connection, for its server")
    count_in(ns, conn, packet)
    return transmit_error(ns, conn, packet, header, inner)


def transmit_error(ns: Namespace, conn: Connection, packet: Packet, header: Header, inner: Header) -> Verdict:
    """Kernel: `ip_vs_icmp_xmit`, `ip_vs_icmp_xmit_v6`."""
    if conn.forward != Forward.MASQ:
        verdict = TRANSMITTERS[conn.forward](ns, conn, packet, inner)
        conn.in_pkts += 1
        return verdict
    if inner.protocol in WITH_PORTS and not inner.fragment_offset and len(packet.data) < inner.offset + 4:
        return drop(Reason.TRUNCATED)
    route = to_server(ns, conn, packet, inner)
    if isinstance(route, Verdict):
        return route
    packet.data = rewrite_error(packet.data, header, inner, conn, outward=False)
    packet.ignore_df = True
    return send_or_continue(ns, conn, packet, route, conn.daddr)
