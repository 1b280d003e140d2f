"""NAT: the destination becomes the server. Kernel: `ip_vs_nat_xmit`, `ip_vs_nat_xmit_v6`."""

from __future__ import annotations

from typing import Final

from pyvs.core.apps.run import app_in
from pyvs.core.connections.connection import Connection
from pyvs.core.connections.expiry import fill_cport
from pyvs.core.environment import Route
from pyvs.core.express import TCP_CHECK, UDP_CHECK, board
from pyvs.core.flags import ConnFlag, Direction, Family, Hook, Proto
from pyvs.core.namespace import Namespace
from pyvs.core.packet.header import Header, Malformed, parse
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.transmit.rewrite import ip_header
from pyvs.core.transmit.route import Mode, out_route
from pyvs.core.transmit.send import send_or_continue
from pyvs.core.verdict import Verdict, drop

ANY_WAY: Final = Mode.LOCAL | Mode.NON_LOCAL | Mode.RDR
_LOOPBACK6 = bytes(15) + b"\x01"


def nat(ns: Namespace, conn: Connection, packet: Packet, header: Header) -> Verdict:
    """Send a client's packet to its server under the server's address."""
    if conn.flags & ConnFlag.NO_CPORT:
        fill_cport(ns, conn, ns.protocols[conn.protocol].ports(packet.data, header)[0])
    if conn.express is None:
        board(conn)
    passage = conn.express
    data = packet.data
    check_at = TCP_CHECK if header.protocol == Proto.TCP else UDP_CHECK
    plain = bool(
        passage is not None
        and header.offset == 20
        and header.protocol == conn.protocol  # AH and ESP go with a UDP connection
        and not packet.checksum_partial
        and len(data) >= check_at + 2
        and (check_at == TCP_CHECK or data[26] or data[27])
    )
    route = out_route(ns, packet, header, conn.dest, conn.daddr, ANY_WAY, leave_ttl=plain)
    if isinstance(route, Verdict):
        return route
    if route.local and is_loopback(conn) and was_input(ns, packet):
        return drop(Reason.NOT_LOOPBACK)
    if plain:
        hop = 1 if packet.data is data and not route.local else 0
        packet.data = passage.inward(packet.data, check_at, hop)
        packet.ignore_df = True
        return send_or_continue(ns, conn, packet, route, conn.daddr)
    protocol = ns.protocols[header.protocol]
    changed = False
    if conn.app is not None:
        if not protocol.checksum_ok(packet, header) or _sum_spoilt(ns, header):
            return drop(Reason.BAD_CHECKSUM)
        if not app_in(ns, conn, packet, header):
            return drop(Reason.HELPER)
        header = parse(packet.data)
        changed = True
    try:
        part = protocol.rewrite(packet, header, conn, Direction.INPUT, payload_changed=changed)
    except Malformed as malformed:
        return drop(malformed.reason)
    packet.data = ip_header(packet.data[: header.offset] + part, dst=conn.daddr)
    packet.ignore_df = True
    return send_or_continue(ns, conn, packet, route, conn.daddr)


def _sum_spoilt(ns: Namespace, header: Header) -> bool:
    """Connection tracking has left a sum of the whole IPv6 packet, which the kernel takes for the transport's."""
    return header.af == Family.INET6 and ns.hook == Hook.LOCAL_IN and ns.differences.helper_drops_ipv6


def is_loopback(conn: Connection) -> bool:
    """The server has a loopback address."""
    return conn.daddr[0] == 127 if conn.daf == Family.INET else conn.daddr == _LOOPBACK6


def was_input(ns: Namespace, packet: Packet) -> bool:
    """The packet came from outside."""
    return ns.hook != Hook.LOCAL_OUT and packet.iif not in ("", "lo")


def to_server(ns: Namespace, conn: Connection, packet: Packet, header: Header) -> Route | Verdict:
    """The route of an ICMP error to its server; from FORWARD not to this host. Kernel: in `ip_vs_icmp_xmit`."""
    mode: int = Mode.NON_LOCAL
    if ns.hook != Hook.FORWARD:
        mode |= Mode.LOCAL | Mode.RDR
    route = out_route(ns, packet, header, conn.dest, conn.daddr, mode)
    if not isinstance(route, Verdict) and route.local and is_loopback(conn) and was_input(ns, packet):
        return drop(Reason.NOT_LOOPBACK)
    return route
