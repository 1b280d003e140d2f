"""ICMP errors from servers about our connections. Kernel: `ip_vs_out_icmp`, `ip_vs_out_icmp_v6`."""

from __future__ import annotations

from pyvs.core.connections.connection import Connection
from pyvs.core.flags import Family, Proto
from pyvs.core.namespace import Namespace
from pyvs.core.packet.checksum import checksum, pseudo_sum
from pyvs.core.packet.header import Header, Malformed, parse
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.stats.count import count_out
from pyvs.core.transmit.rewrite import ip_header
from pyvs.core.transmit.send import mark_owned
from pyvs.core.verdict import Verdict, accept, drop

ICMP_HEADER = 8
V4_ERRORS = frozenset({3, 4, 11})
"""Destination unreachable, source quench, time exceeded. Parameter problem is not among them."""
V6_INFORMATIONAL = 0x80
WITH_PORTS = frozenset({Proto.TCP, Proto.UDP, Proto.SCTP})


def is_error(packet: Packet, header: Header) -> bool | None:
    """Whether the ICMP message is an error of the kinds that count; None when it is cut off."""
    data, at = packet.data, header.offset
    if len(data) < at + ICMP_HEADER or header.fragment_offset:
        return None
    return data[at] in V4_ERRORS if header.af == Family.INET else not data[at] & V6_INFORMATIONAL


def icmp_out(ns: Namespace, packet: Packet, header: Header) -> Verdict | None:
    """Rewrite an error from a server to come from the virtual service; None when it is no error."""
    error = is_error(packet, header)
    if error is None:
        return drop(Reason.TRUNCATED)
    if not error:
        return None
    if header.af == Family.INET6 and header.fragment:
        return drop(Reason.BAD_FRAGMENT)  # errors can't come in fragments
    try:
        inner = parse(packet.data, header.offset + ICMP_HEADER, quoted=True)
    except Malformed:
        return accept(Reason.ICMP_UNRELATED)
    inner.inverse = inner.icmp = True
    protocol = ns.protocols.get(inner.protocol)
    if protocol is None or inner.af != header.af or inner.fragment_offset:
        return accept(Reason.ICMP_UNRELATED)
    conn = protocol.find_out(packet.data, inner)
    if conn is None:
        return accept(Reason.ICMP_UNRELATED)
    ns.tell("connection", "an ICMP error from a server about a connection")
    if conn.masqueraded:
        if not checksum_ok(ns, packet, header, from_server=True):
            return drop(Reason.BAD_CHECKSUM)
        packet.data = rewrite_error(packet.data, header, inner, conn, outward=True)
    count_out(ns, conn, packet)
    mark_owned(ns, conn, packet, inward=False)
    return accept(Reason.ICMP_REPLY)


def checksum_ok(ns: Namespace, packet: Packet, header: Header, *, from_server: bool = False) -> bool:
    """Whether an ICMP message's checksum is right.

    Differs: the kernel forgets the pseudo header of ICMPv6 from servers, so that no such error passes
    (`icmpv6_server_errors_dropped`).
    """
    body = packet.data[header.offset : header.end]
    if header.af == Family.INET:
        return checksum(body) == 0
    if from_server and ns.differences.icmpv6_server_errors_dropped:
        return checksum(body) == 0
    return checksum(body, pseudo_sum(header.src, header.dst, Proto.ICMPV6, len(body))) == 0


def rewrite_error(data: bytes, header: Header, inner: Header, conn: Connection, *, outward: bool) -> bytes:
    """The error with addresses and port changed, outside and in what it quotes. Kernel: `ip_vs_nat_icmp`."""
    if outward:
        data = ip_header(data, src=conn.vaddr)
        data = ip_header(data, dst=conn.vaddr, at=inner.ip_offset)
        place, port = inner.offset + 2, conn.vport
    else:
        data = ip_header(data, dst=conn.daddr)
        data = ip_header(data, src=conn.daddr, at=inner.ip_offset)
        place, port = inner.offset, conn.dport
    if inner.protocol in WITH_PORTS and not inner.fragment_offset and len(data) >= place + 2:
        data = data[:place] + port.to_bytes(2, "big") + data[place + 2 :]
    at = header.offset
    body = data[at : at + 2] + b"\0\0" + data[at + 4 : header.end]
    if header.af == Family.INET:
        check = checksum(body)
    else:
        check = checksum(body, pseudo_sum(data[8:24], data[24:40], Proto.ICMPV6, len(body))) or 0xFFFF
    return data[:at] + body[:2] + check.to_bytes(2, "big") + body[4:] + data[header.end :]
