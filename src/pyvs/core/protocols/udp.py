"""UDP: one state, any packet begins a connection. Kernel: ip_vs_proto_udp.c."""

from __future__ import annotations

from typing import Final

from pyvs.core.connections.connection import Connection
from pyvs.core.connections.expiry import assure
from pyvs.core.flags import Direction, Proto
from pyvs.core.packet import checksum as ck
from pyvs.core.packet.header import Header, Malformed
from pyvs.core.packet.packet import Packet
from pyvs.core.protocols.protocol import Protocol
from pyvs.core.protocols.tcp import rewritten
from pyvs.core.reasons import Reason

NO_CHECKSUM_MARK: Final = b"\xff\xff"
"""What stands for a checksum that comes out as 0, for 0 means that there is none."""


class Udp(Protocol):
    """The user datagram protocol."""

    name = "UDP"
    number = Proto.UDP
    state_names = ("UDP",)
    default_timeouts = (300.0,)

    def opens(self, packet: Packet, header: Header) -> bool:
        """Any datagram with a whole header. Kernel: `udp_conn_schedule`."""
        if len(packet.data) < header.offset + (4 if header.icmp else 8):
            raise Malformed(Reason.TRUNCATED)
        return True

    def transition(self, conn: Connection, direction: Direction, data: bytes, header: Header) -> None:
        """Kernel: `udp_state_transition`."""
        conn.timeout = self.timeout_of(conn, 0)
        if direction == Direction.OUTPUT:
            assure(conn)

    def checksum_ok(self, packet: Packet, header: Header) -> bool:
        """Kernel: `udp_csum_check`."""
        at = header.offset
        body = packet.data[at : header.end]
        if packet.checksum_partial or body[6:8] == b"\0\0":
            return True
        return ck.checksum(body, ck.pseudo_sum(header.src, header.dst, Proto.UDP, len(body))) == 0

    def rewrite(
        self, packet: Packet, header: Header, conn: Connection, direction: Direction, *, payload_changed: bool
    ) -> bytes:
        """A datagram without checksum gets one. Kernel: `udp_dnat_handler`, `udp_snat_handler`."""
        data, at = packet.data, header.offset
        if len(data) < at + 8:
            raise Malformed(Reason.TRUNCATED)
        full = payload_changed or data[at + 6 : at + 8] == b"\0\0"
        part = rewritten(packet, header, conn, direction, 6, full)
        if not packet.checksum_partial and part[6:8] == b"\0\0":
            part = part[:6] + NO_CHECKSUM_MARK + part[8:]
        return part
