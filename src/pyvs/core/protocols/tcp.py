"""TCP: what opens a connection, what a packet does to its state, how it is rewritten. Kernel: ip_vs_proto_tcp.c."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyvs.core.connections.binding import activity
from pyvs.core.connections.connection import Connection
from pyvs.core.connections.expiry import assure
from pyvs.core.flags import ConnFlag, Direction, Family, Proto
from pyvs.core.packet import checksum as ck
from pyvs.core.packet.header import IPV6, Header, Malformed
from pyvs.core.packet.packet import Packet
from pyvs.core.protocols import tcp_states
from pyvs.core.protocols.protocol import Protocol
from pyvs.core.protocols.tcp_states import ACTIVE, ROW_OF_FLAGS, RST, SYN, SYNC_STATES, TcpState
from pyvs.core.reasons import Reason

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace

HALF_CLOSED_REUSE = 2
"""Bit of conn_reuse_mode."""


class Tcp(Protocol):
    """The transmission control protocol."""

    name = "TCP"
    number = Proto.TCP
    state_names = tcp_states.NAMES
    default_timeouts = tcp_states.TIMEOUTS

    def __init__(self, ns: Namespace) -> None:
        super().__init__(ns)
        self.table = tcp_states.NORMAL

    def set_timeouts(self, secure: bool) -> None:
        """Use the wary table while secure_tcp is on. Kernel: `tcp_timeout_change`."""
        self.table = tcp_states.SECURE if secure else tcp_states.NORMAL

    def opens(self, packet: Packet, header: Header) -> bool:
        """A SYN without RST; with sloppy_tcp anything without RST. Kernel: `tcp_conn_schedule`.

        SYN with ACK counts: an active FTP server's data connection begins so.
        """
        data, at = packet.data, header.offset
        if header.icmp:
            if len(data) < at + 4:
                raise Malformed(Reason.TRUNCATED)
            return True
        if len(data) < at + 20:
            raise Malformed(Reason.TRUNCATED)
        flags = data[at + 13]
        return not flags & RST and bool(flags & SYN or self.ns.sysctl.sloppy_tcp)

    def is_new(self, data: bytes, header: Header) -> bool:
        """A SYN asks for a new connection. Kernel: `is_new_conn`."""
        at = header.offset
        return len(data) >= at + 20 and bool(data[at + 13] & SYN)

    def may_reuse(self, conn: Connection) -> bool:
        """It is closed, or half closed and conn_reuse_mode allows that. Kernel: `is_new_conn_expected`."""
        state = conn.state
        return state in (TcpState.TIME_WAIT, TcpState.CLOSE) or bool(
            self.ns.sysctl.conn_reuse_mode & HALF_CLOSED_REUSE
            and state == TcpState.FIN_WAIT
            and conn.flags & ConnFlag.NOOUTPUT
        )

    def transition(self, conn: Connection, direction: Direction, data: bytes, header: Header) -> None:
        """Kernel: `set_tcp_state`."""
        at = header.offset
        if header.af == Family.INET6 and self.ns.differences.states_ignore_ipv6_extensions:
            at = header.ip_offset + IPV6.size
        if len(data) < at + 20:
            return
        table: int = direction
        if conn.flags & ConnFlag.NOOUTPUT:
            if direction == Direction.OUTPUT:
                conn.flags &= ~ConnFlag.NOOUTPUT
            else:
                table = Direction.INPUT_ONLY
        row = ROW_OF_FLAGS[data[at + 13]]
        state = TcpState.CLOSE if row == tcp_states.NO_ROW else self.table[table][row][conn.state]
        if state != conn.state:
            activity(conn, state in ACTIVE)
            if state == TcpState.ESTABLISHED:
                assure(conn)
            conn.state = state
        conn.timeout = self.timeout_of(conn, state)

    def sync_states(self) -> frozenset[int]:
        """Kernel: `ip_vs_sync_conn_needed`."""
        return SYNC_STATES

    def checksum_ok(self, packet: Packet, header: Header) -> bool:
        """Kernel: `tcp_csum_check`."""
        if packet.checksum_partial:
            return True
        body = packet.data[header.offset : header.end]
        return ck.checksum(body, ck.pseudo_sum(header.src, header.dst, Proto.TCP, len(body))) == 0

    def rewrite(
        self, packet: Packet, header: Header, conn: Connection, direction: Direction, *, payload_changed: bool
    ) -> bytes:
        """Kernel: `tcp_dnat_handler`, `tcp_snat_handler`."""
        data, at = packet.data, header.offset
        if len(data) < at + 20:
            raise Malformed(Reason.TRUNCATED)
        return rewritten(packet, header, conn, direction, 16, payload_changed)


def rewritten(
    packet: Packet, header: Header, conn: Connection, direction: Direction, check_at: int, full: bool
) -> bytes:
    """The transport part with a new port and checksum. check_at: where in it the checksum stands.

    full: sum everything up again (the data were changed, or there was no checksum).
    """
    data, at = packet.data, header.offset
    if direction == Direction.OUTPUT:
        old_addr, new_addr = conn.daddr, conn.vaddr
        port = conn.vport.to_bytes(2, "big")
        ports, old_port = port + data[at + 2 : at + 4], data[at : at + 2]
        source, destination = new_addr, header.dst
    else:
        old_addr, new_addr = conn.vaddr, conn.daddr
        port = conn.dport.to_bytes(2, "big")
        ports, old_port = data[at : at + 2] + port, data[at + 2 : at + 4]
        source, destination = header.src, new_addr
    check = data[at + check_at : at + check_at + 2]
    if packet.checksum_partial:
        # It holds the sum of the pseudo header, uncomplemented: only addresses count.
        change = ck.delta(old_addr, new_addr)
        new_check = ck.fold(int.from_bytes(check, "big") + change)
    elif full:
        body = ports + data[at + 4 : at + check_at] + b"\0\0" + data[at + check_at + 2 : header.end]
        new_check = ck.checksum(body, ck.pseudo_sum(source, destination, conn.protocol, len(body)))
    else:
        change = ck.delta(old_addr + old_port, new_addr + port)
        new_check = ck.apply(int.from_bytes(check, "big"), change)
    return b"".join(
        (ports, data[at + 4 : at + check_at], new_check.to_bytes(2, "big"), data[at + check_at + 2 :])
    )
