"""The host's own stack: who answers packets that are for the host itself.

No program listens, so TCP is answered by RST and UDP by port unreachable; echo requests get their reply. The only
sockets are those of synchronisation. Kernel: `tcp_v4_send_reset`, `__udp4_lib_rcv`, `icmp_echo`, their IPv6 kin.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from pyvs.core.flags import PacketType, Proto
from pyvs.core.packet.checksum import checksum, fold, pseudo_sum, sum16
from pyvs.core.packet.header import Header, Malformed, parse
from pyvs.core.packet.packet import Packet
from pyvs.host import errors, icmp, options, sctp

if TYPE_CHECKING:
    from pyvs.host.host import Host

FIN, SYN, RST, ACK = 1, 2, 4, 16
IGMP: Final = 2
NEIGHBOUR_DISCOVERY: Final = range(133, 138)


def deliver(host: Host, packet: Packet) -> None:
    """A packet has arrived at the host's own transport protocols."""
    try:
        header = parse(packet.data)
    except Malformed:
        return
    if header.protocol == Proto.TCP:
        _tcp(host, packet, header)
    elif header.protocol == Proto.UDP:
        _udp(host, packet, header)
    elif header.protocol == Proto.SCTP and "sctp" in host.modules:
        sctp.deliver(host, packet, header)
    elif len(header.src) == 4:
        if header.protocol == Proto.ICMP:
            _icmp4(host, packet, header)
        elif header.protocol != IGMP:
            errors.send(host, packet, icmp.UNREACHABLE, icmp.PROTOCOL_UNREACHABLE, local=True)
    elif header.protocol == Proto.ICMPV6:
        _icmp6(host, packet, header)
    elif header.protocol != Proto.NONE:
        errors.send(host, packet, icmp.PARAMETER6, 1, _named_at(packet.data, header), local=True)


def _named_at(data: bytes, header: Header) -> int:
    """Where the number of the last header stands: in the fixed header or in the extension before it."""
    at, named = 40, 6
    while at < header.offset:
        named, at = at, at + (8 if data[named] == Proto.FRAGMENT else data[at + 1] * 8 + 8)
    return named


def _right(data: bytes, header: Header, end: int) -> bool:
    """Whether the transport checksum, pseudo header included, is right."""
    segment = data[header.offset : end]
    total = pseudo_sum(header.src, header.dst, header.protocol, len(segment)) + sum16(segment)
    return fold(total) == 0xFFFF


def _tcp(host: Host, packet: Packet, header: Header) -> None:
    data, at = packet.data, header.offset
    if packet.type != PacketType.HOST or header.end - at < 20:
        return
    sport, dport, seq, ack, length, flags = struct.unpack_from("!HHIIBB", data, at)
    length = (length >> 4) * 4
    if not 20 <= length <= header.end - at or not _right(data, header, header.end) or flags & RST:
        return
    if header.dst[0] >= 0xE0 and (len(header.dst) == 4 or header.dst[0] == 0xFF):
        return
    if flags & ACK:
        rseq, rack, rflags = ack, 0, RST
    else:
        rack = seq + bool(flags & SYN) + bool(flags & FIN) + header.end - at - length
        rseq, rflags = 0, RST | ACK
    segment = struct.pack("!HHIIBBHHH", dport, sport, rseq, rack & 0xFFFFFFFF, 0x50, rflags, 0, 0, 0)
    check = checksum(segment, pseudo_sum(header.dst, header.src, Proto.TCP, 20))
    segment = segment[:16] + check.to_bytes(2, "big") + segment[18:]
    if len(header.src) == 4:
        answer = icmp.ipv4(header.dst, header.src, Proto.TCP, segment, tos=header.tos & 0xFC, df=True,
                           options=options.echoed(host, data, header.dst))  # fmt: skip
    else:
        answer = icmp.ipv6(header.dst, header.src, Proto.TCP, segment, tclass=header.tos & 0xFC,
                           label=host.flow_label())  # fmt: skip
    host.send(Packet(answer))


def _udp(host: Host, packet: Packet, header: Header) -> None:
    data, at = packet.data, header.offset
    if header.end - at < 8:
        return
    _, dport, length, check = struct.unpack_from("!HHHH", data, at)
    end = at + length
    if length < 8 or end > header.end:
        return
    if check:
        if not _right(data, header, end):
            return
    elif len(header.src) == 16:
        return
    if host.datagram(packet.iif, header.src, header.dst, dport, data[at + 8 : end]):
        return
    if packet.type == PacketType.HOST and not (len(header.dst) == 16 and header.dst[0] == 0xFF):
        if len(header.src) == 4:
            errors.send(host, packet, icmp.UNREACHABLE, icmp.PORT_UNREACHABLE, local=True)
        else:
            errors.send(host, packet, icmp.UNREACHABLE6, icmp.PORT6, local=True)


def _icmp4(host: Host, packet: Packet, header: Header) -> None:
    body = packet.data[header.offset : header.end]
    if len(body) < 8 or checksum(body) or packet.type != PacketType.HOST:
        return
    if body[0] == icmp.ECHO:
        answer = icmp.message4(icmp.ECHO_REPLY, 0, int.from_bytes(body[4:8], "big"), body[8:])
    elif body[0] == icmp.TIMESTAMP and len(body) >= 20:
        clock = int(host.now * 1000) % 86_400_000
        rest = int.from_bytes(body[4:8], "big")
        answer = icmp.message4(14, 0, rest, body[8:12] + struct.pack("!II", clock, clock))
    else:
        return
    echoed = options.echoed(host, packet.data, header.dst)
    host.send(Packet(icmp.ipv4(header.dst, header.src, Proto.ICMP, answer, tos=header.tos,
                               ident=host.identification(), options=echoed)))  # fmt: skip


def _icmp6(host: Host, packet: Packet, header: Header) -> None:
    body = packet.data[header.offset : header.end]
    if len(body) < 8 or not _right(packet.data, header, header.end) or body[0] != icmp.ECHO6:
        return
    source = header.dst
    if source[0] == 0xFF:
        route = host.routing.route(header.src)
        if route is None:
            return
        source = route.source
    rest = int.from_bytes(body[4:8], "big")
    answer = icmp.message6(source, header.src, icmp.ECHO_REPLY6, 0, rest, body[8:])
    host.send(Packet(icmp.ipv6(source, header.src, Proto.ICMPV6, answer, tclass=header.tos,
                               label=host.flow_label())))  # fmt: skip
