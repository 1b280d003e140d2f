"""Calling a connection's helper for a packet. Kernel: `ip_vs_app_pkt_out`, `ip_vs_app_pkt_in`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyvs.core.packet.header import Header
from pyvs.core.packet.packet import Packet

if TYPE_CHECKING:
    from pyvs.core.connections.connection import Connection
    from pyvs.core.namespace import Namespace


def app_out(ns: Namespace, conn: Connection, packet: Packet, header: Header) -> bool:
    """Let the helper see a packet from the server; False: drop it."""
    return conn.app is None or conn.app.outgoing(ns, conn, packet, header) is not None


def app_in(ns: Namespace, conn: Connection, packet: Packet, header: Header) -> bool:
    """Let the helper see a packet from the client; False: drop it."""
    return conn.app is None or conn.app.incoming(ns, conn, packet, header) is not None
