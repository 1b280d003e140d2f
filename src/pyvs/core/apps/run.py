"""Calling a connection's helper for a packet. Kernel: `ip_vs_app_pkt_out`, `ip_vs_app_pkt_in`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyvs.core.apps import sequence
from pyvs.core.flags import ConnFlag, Proto
from pyvs.core.packet.checksum import checksum
from pyvs.core.packet.header import Header
from pyvs.core.packet.packet import Packet

if TYPE_CHECKING:
    from pyvs.core.connections.connection import Connection, Sequence
    from pyvs.core.namespace import Namespace

LONGEST: Final = 0xFFFF
"""Bytes of an IP packet."""
_TCP_HEADER: Final = 20


def app_out(ns: Namespace, conn: Connection, packet: Packet, header: Header) -> bool:
    """Let the helper see a packet from the server; False: drop it.

    IP lengths and TCP sequence numbers are right afterwards; the transport checksum is the caller's to make.
    """
    if conn.app is None or header.protocol != conn.protocol:
        return True
    if conn.protocol != Proto.TCP:
        return _grown(packet, header, conn.app.outgoing(ns, conn, packet, header)) is not None
    seq = _begin(packet, header, conn.out_seq, conn.in_seq)
    growth = None if seq is None else conn.app.outgoing(ns, conn, packet, header)
    growth = _grown(packet, header, growth)
    if growth and seq is not None:
        conn.out_seq = sequence.changed(conn.out_seq, seq, growth)
        conn.flags |= int(ConnFlag.OUT_SEQ)
    return growth is not None


def app_in(ns: Namespace, conn: Connection, packet: Packet, header: Header) -> bool:
    """Let the helper see a packet from the client, likewise."""
    if conn.app is None or header.protocol != conn.protocol:
        return True
    if conn.protocol != Proto.TCP:
        return _grown(packet, header, conn.app.incoming(ns, conn, packet, header)) is not None
    seq = _begin(packet, header, conn.in_seq, conn.out_seq)
    growth = None if seq is None else conn.app.incoming(ns, conn, packet, header)
    growth = _grown(packet, header, growth)
    if growth and seq is not None:
        conn.in_seq = sequence.changed(conn.in_seq, seq, growth)
        conn.flags |= int(ConnFlag.IN_SEQ)
    return growth is not None


def _begin(packet: Packet, header: Header, own: Sequence | None, other: Sequence | None) -> int | None:
    """Shift the numbers of a TCP packet; its sequence number before that, None when its header is cut off."""
    data, at = packet.data, header.offset
    if len(data) < at + _TCP_HEADER:
        return None
    if own is not None or other is not None:
        packet.data = sequence.adjusted(data, at, own, other)
    return int.from_bytes(data[at + 4 : at + 8], "big")


def _grown(packet: Packet, header: Header, growth: int | None) -> int | None:
    """Set the IP header's length right; None when the packet is to be dropped, or would be too long."""
    if not growth:
        return growth
    data, at = packet.data, header.ip_offset
    length = header.end - at + growth
    if length > LONGEST:
        return None
    if data[at] >> 4 == 4:
        head = bytearray(data[at : at + (data[at] & 15) * 4])
        head[2:4] = length.to_bytes(2, "big")
        head[10:12] = b"\0\0"
        head[10:12] = checksum(bytes(head)).to_bytes(2, "big")
    else:
        head = bytearray(data[at : at + 40])
        head[4:6] = (length - 40).to_bytes(2, "big")
    packet.data = b"".join((data[:at], head, data[at + len(head) :]))
    return growth
