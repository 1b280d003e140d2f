"""SCTP of no association, where the host's module `sctp` is loaded. Kernel: `sctp_rcv`, `sctp_sf_ootb`.

ABORT answers most of it, SHUTDOWN COMPLETE a SHUTDOWN ACK; RFC 9260, 8.4.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from pyvs.core.flags import PacketType, Proto
from pyvs.core.packet.crc32c import crc32c
from pyvs.core.packet.header import Header
from pyvs.core.packet.packet import Packet
from pyvs.host import icmp

if TYPE_CHECKING:
    from pyvs.host.host import Host

INIT, ABORT, SHUTDOWN_ACK, ERROR, COOKIE_ACK, SHUTDOWN_COMPLETE = 1, 6, 8, 9, 11, 14
STALE_COOKIE: Final = 3
TAG_REFLECTED: Final = 1
"""Flag of a chunk: the packet has the tag of what it answers."""
ECN: Final = 2


def deliver(host: Host, packet: Packet, header: Header) -> None:
    """An SCTP packet for the host, of no association that it has."""
    data, at = packet.data, header.offset
    if packet.type != PacketType.HOST or header.end - at < 16:
        return
    segment = data[at : header.end]
    check = int.from_bytes(segment[8:12], "little")
    if check != crc32c(segment[:8] + bytes(4) + segment[12:]):
        return
    chunks = _chunks(segment)
    kinds = [kind for kind, _ in chunks]
    if not chunks or ABORT in kinds or SHUTDOWN_COMPLETE in kinds or INIT in kinds[1:]:
        return
    sport, dport, tag = struct.unpack_from("!HHI", segment)
    if kinds[0] == INIT:
        if len(chunks) > 1 or len(chunks[0][1]) < 16:
            return
        answer, flags, tag = ABORT, 0, int.from_bytes(chunks[0][1][:4], "big")
    elif kinds[0] == SHUTDOWN_ACK:
        answer, flags = SHUTDOWN_COMPLETE, TAG_REFLECTED
    elif kinds[0] == COOKIE_ACK or any(kind == ERROR and _is_stale(value) for kind, value in chunks):
        return
    else:
        answer, flags = ABORT, TAG_REFLECTED
    body = struct.pack("!BBH", answer, flags, 4)
    head = struct.pack("!HHI", dport, sport, tag)
    segment = head + crc32c(head + bytes(4) + body).to_bytes(4, "little") + body
    if len(header.src) == 4:
        reply = icmp.ipv4(header.dst, header.src, Proto.SCTP, segment, tos=ECN, df=True)
    else:
        reply = icmp.ipv6(header.dst, header.src, Proto.SCTP, segment, tclass=ECN, label=host.flow_label())
    host.send(Packet(reply))


def _chunks(segment: bytes) -> list[tuple[int, bytes]]:
    """The chunks that are whole: (type, value)."""
    found = []
    at = 12
    while at + 4 <= len(segment):
        kind, length = segment[at], int.from_bytes(segment[at + 2 : at + 4], "big")
        if length < 4 or at + (length + 3 & ~3) > len(segment):
            break
        found.append((kind, segment[at + 4 : at + length]))
        at += length + 3 & ~3
    return found


def _is_stale(value: bytes) -> bool:
    return int.from_bytes(value[:2], "big") == STALE_COOKIE
