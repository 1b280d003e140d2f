"""Bypass: no server, so the packet goes to where it was going. Kernel: `ip_vs_bypass_xmit`."""

from __future__ import annotations

from pyvs.core.connections.connection import Connection
from pyvs.core.namespace import Namespace
from pyvs.core.packet.header import Header
from pyvs.core.packet.packet import Packet
from pyvs.core.transmit.route import Mode, out_route
from pyvs.core.transmit.send import send_or_continue
from pyvs.core.verdict import Verdict


def bypass(ns: Namespace, conn: Connection, packet: Packet, header: Header) -> Verdict:
    """Send a client's packet to its own destination."""
    route = out_route(ns, packet, header, None, header.dst, Mode.NON_LOCAL)
    if isinstance(route, Verdict):
        return route
    packet.ignore_df = True
    return send_or_continue(ns, conn, packet, route, header.dst)
