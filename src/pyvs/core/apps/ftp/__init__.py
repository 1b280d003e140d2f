"""FTP: data connections find the server of their control connection. RFC 959, RFC 2428. Kernel: ip_vs_ftp.c.

    active    the client says PORT or EPRT: a connection from the server's data port to it is awaited
    passive   the client says PASV or EPSV, the server answers 227 or 229: a connection from the client to that
              port is awaited, from whichever of its ports, and the answer gets the virtual address

Awaited connections are in state LISTEN, controlled by the control connection. Works with NAT only.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from pyvs.core.apps.app import App
from pyvs.core.apps.ftp.commands import asks_for_passive
from pyvs.core.apps.ftp.endpoint import Endpoint, extended, plain
from pyvs.core.connections.birth import new_connection
from pyvs.core.connections.connection import Connection
from pyvs.core.connections.expiry import control_add, put
from pyvs.core.flags import ConnFlag, Family, Proto
from pyvs.core.packet.header import Header
from pyvs.core.packet.packet import Packet
from pyvs.core.protocols.tcp_states import TcpState

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace


class Mode(IntEnum):
    """What a control connection waits for: `conn.app_data`, None like ACTIVE."""

    ACTIVE = 0
    PASV = 1
    EPSV = 3


class Ftp(App):
    """The file transfer protocol."""

    name = "ftp"
    protocol = Proto.TCP
    ports = (21,)

    def bound(self, ns: Namespace, conn: Connection) -> None:
        """Control connections keep connection tracking, which shifts the numbers in the kernel."""
        conn.flags |= int(ConnFlag.NFCT)

    def outgoing(self, ns: Namespace, conn: Connection, packet: Packet, header: Header) -> int | None:
        """The server's answer to PASV or EPSV. Kernel: `ip_vs_ftp_out`."""
        if conn.state != TcpState.ESTABLISHED or conn.app_data not in (Mode.PASV, Mode.EPSV):
            return 0
        start = _data_start(packet.data, header)
        if start is None:
            return 0
        data = packet.data[start : header.end]
        if conn.app_data == Mode.PASV:
            found = plain(data, b"227 ", b"(")
        else:
            found = extended(data, b"229 ", b"(", conn.af, given=conn.daddr)
        if found is None:
            return 0
        awaited = _await_client(ns, conn, packet, found)
        if awaited is None:
            return None
        if conn.app_data == Mode.PASV:
            text = b",".join(b"%d" % byte for byte in awaited.vaddr + awaited.vport.to_bytes(2, "big"))
        else:
            text = b"|||%d|" % awaited.vport
        conn.app_data = Mode.ACTIVE
        _listen(ns, awaited)
        packet.data = packet.data[: start + found.start] + text + packet.data[start + found.end :]
        return len(text) - (found.end - found.start)

    def incoming(self, ns: Namespace, conn: Connection, packet: Packet, header: Header) -> int | None:
        """The client's PASV, EPSV, PORT or EPRT. Kernel: `ip_vs_ftp_in`."""
        if conn.state != TcpState.ESTABLISHED:
            return 0
        start = _data_start(packet.data, header)
        if start is None:
            return 0
        data = packet.data[start : header.end]
        passive = asks_for_passive(data, conn.af)
        if passive is not None:
            if passive:
                conn.app_data = Mode.PASV if passive == b"PASV" else Mode.EPSV
            return 0
        found = plain(data, b"PORT", b" ") if conn.af == Family.INET else None
        if found is None:
            found = extended(data, b"EPRT", b" ", conn.af)
        if found is None:
            return 0
        awaited = _await_server(ns, conn, packet, found)
        if awaited is None:
            return None
        conn.app_data = Mode.ACTIVE
        _listen(ns, awaited)
        return 0


def _await_client(ns: Namespace, conn: Connection, packet: Packet, server: Endpoint) -> Connection | None:
    """The client's connection to come, from a port that is not known yet; found again if the server repeats.

    None: there are too many.
    """
    key = server.addr + conn.caddr + server.port.to_bytes(2, "big") + bytes(2)
    awaited = ns.connections.find_out(conn.protocol, key)
    if awaited is None:
        if ns.connections.full:
            return None
        awaited = new_connection(
            ns,
            conn.af,
            conn.protocol,
            conn.caddr,
            0,
            conn.vaddr,
            server.port,
            conn.af,
            server.addr,
            server.port,
            ConnFlag.NO_CPORT | ConnFlag.NFCT,
            conn.dest,
            fwmark=packet.mark,
        )
        control_add(awaited, conn)
    return awaited


def _await_server(ns: Namespace, conn: Connection, packet: Packet, client: Endpoint) -> Connection | None:
    """The server's connection to come, from its port before the control connection's; None: there are too many."""
    vport, dport = conn.vport - 1 & 0xFFFF, conn.dport - 1 & 0xFFFF
    key = client.addr + conn.vaddr + client.port.to_bytes(2, "big") + vport.to_bytes(2, "big")
    awaited = ns.connections.find_in(conn.protocol, key)
    if awaited is None:
        if ns.connections.full:
            return None
        awaited = new_connection(
            ns,
            conn.af,
            conn.protocol,
            client.addr,
            client.port,
            conn.vaddr,
            vport,
            conn.af,
            conn.daddr,
            dport,
            ConnFlag.NFCT,
            conn.dest,
            fwmark=packet.mark,
        )
        control_add(awaited, conn)
    return awaited


def _listen(ns: Namespace, conn: Connection) -> None:
    """Kernel: `ip_vs_tcp_conn_listen`."""
    conn.state = TcpState.LISTEN
    conn.timeout = ns.protocols[Proto.TCP].timeouts[TcpState.LISTEN]
    put(ns, conn)


def _data_start(data: bytes, header: Header) -> int | None:
    """Where a TCP packet's data begin, None when it has none. Kernel: `ip_vs_ftp_data_ptr`."""
    length = (data[header.offset + 12] >> 4) * 4
    start = header.offset + length
    return start if length >= 20 and start < header.end else None
