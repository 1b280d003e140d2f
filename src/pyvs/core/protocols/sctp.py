"""SCTP: what opens an association, what a chunk does to its state, how it is rewritten. Kernel: ip_vs_proto_sctp.c."""

from __future__ import annotations

from typing import Final

from pyvs.core.connections.binding import activity
from pyvs.core.connections.connection import Connection
from pyvs.core.connections.expiry import assure
from pyvs.core.flags import ConnFlag, Direction, Family, Proto
from pyvs.core.packet.crc32c import crc32c
from pyvs.core.packet.header import IPV6, Header, Malformed
from pyvs.core.packet.packet import Packet
from pyvs.core.protocols import sctp_states
from pyvs.core.protocols.protocol import Protocol
from pyvs.core.protocols.sctp_states import ROW_OF_CHUNK, Chunk, SctpState
from pyvs.core.reasons import Reason

COMMON_HEADER: Final = 12
"""Bytes before the first chunk: ports, verification tag, checksum."""
CHUNK_HEADER: Final = 4
CHECKSUM: Final = slice(8, 12)


class Sctp(Protocol):
    """The stream control transmission protocol."""

    name = "SCTP"
    number = Proto.SCTP
    state_names = sctp_states.NAMES
    default_timeouts = sctp_states.TIMEOUTS

    def opens(self, packet: Packet, header: Header) -> bool:
        """An INIT; with sloppy_sctp anything but ABORT. Kernel: `sctp_conn_schedule`."""
        if header.icmp:
            if len(packet.data) < header.offset + 4:
                raise Malformed(Reason.TRUNCATED)
            return True
        chunk = _chunk(packet.data, header.offset + COMMON_HEADER)
        if chunk is None:
            raise Malformed(Reason.TRUNCATED)
        return chunk == Chunk.INIT or (chunk != Chunk.ABORT and bool(self.ns.sysctl.sloppy_sctp))

    def is_new(self, data: bytes, header: Header) -> bool:
        """An INIT asks for a new association. Kernel: `is_new_conn`."""
        return _chunk(data, header.offset + COMMON_HEADER) == Chunk.INIT

    def may_reuse(self, conn: Connection) -> bool:
        """It is closed. Kernel: `is_new_conn_expected`."""
        return conn.state == SctpState.CLOSED

    def transition(self, conn: Connection, direction: Direction, data: bytes, header: Header) -> None:
        """Kernel: `set_sctp_state`.

        Differs (`states_ignore_ipv6_extensions`): the kernel looks for the first chunk 40 bytes from the start in IPv6.
        """
        at = header.offset
        if header.af == Family.INET6 and self.ns.differences.states_ignore_ipv6_extensions:
            at = header.ip_offset + IPV6.size
        chunk = deciding_chunk(data, at)
        if chunk is None:
            return
        table: int = direction
        if conn.flags & ConnFlag.NOOUTPUT:
            if direction == Direction.OUTPUT:
                conn.flags &= ~ConnFlag.NOOUTPUT
            else:
                table = Direction.INPUT_ONLY
        state = sctp_states.STATES[table][ROW_OF_CHUNK[chunk]][conn.state]
        if state != conn.state:
            activity(conn, state == SctpState.ESTABLISHED)
            if state == SctpState.ESTABLISHED:
                assure(conn)
            conn.state = state
        conn.timeout = self.timeout_of(conn, state)

    def sync_states(self) -> frozenset[int]:
        """Kernel: `ip_vs_sync_conn_needed`."""
        return frozenset(
            {
                SctpState.ESTABLISHED,
                SctpState.SHUTDOWN_SENT,
                SctpState.SHUTDOWN_RECEIVED,
                SctpState.SHUTDOWN_ACK_SENT,
                SctpState.CLOSED,
            }
        )

    def checksum_ok(self, packet: Packet, header: Header) -> bool:
        """Kernel: `sctp_csum_check`."""
        body = packet.data[header.offset : header.end]
        return packet.checksum_partial or body[CHECKSUM] == _checksum(body)

    def rewrite(
        self, packet: Packet, header: Header, conn: Connection, direction: Direction, *, payload_changed: bool
    ) -> bytes:
        """A new port, and then a new checksum, which makes a wrong one right.

        Addresses don't count in it. Kernel: `sctp_dnat_handler`, `sctp_snat_handler`.
        """
        body = packet.data[header.offset :]
        if len(body) < COMMON_HEADER:
            raise Malformed(Reason.TRUNCATED)
        at, port = (0, conn.vport) if direction == Direction.OUTPUT else (2, conn.dport)
        new_port = port.to_bytes(2, "big")
        if body[at : at + 2] == new_port and not payload_changed and not packet.checksum_partial:
            return body
        body = body[:at] + new_port + body[at + 2 :]
        return body[:8] + _checksum(body) + body[12:]


def deciding_chunk(data: bytes, start: int) -> int | None:
    """The type of chunk that decides: the first; but ABORT if one stands right behind a COOKIE_ECHO or COOKIE_ACK.

    start: where the SCTP header begins. None when the packet ends before its first chunk.
    """
    at = start + COMMON_HEADER
    first = _chunk(data, at)
    if first in (Chunk.COOKIE_ECHO, Chunk.COOKIE_ACK):
        length = data[at + 2] << 8 | data[at + 3]
        if length >= CHUNK_HEADER and _chunk(data, at + (length + 3 & ~3)) == Chunk.ABORT:
            return Chunk.ABORT
    return first


def _chunk(data: bytes, at: int) -> int | None:
    """The type of the chunk that begins there, None when the packet ends before its header does."""
    return data[at] if len(data) >= at + CHUNK_HEADER else None


def _checksum(body: bytes) -> bytes:
    return crc32c(body[:8] + bytes(4) + body[12:]).to_bytes(4, "little")
