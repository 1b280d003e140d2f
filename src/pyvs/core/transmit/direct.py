"""Direct routing: the packet as it is, to the server's link. Kernel: `ip_vs_dr_xmit`, `ip_vs_dr_xmit_v6`."""

from __future__ import annotations

from typing import Final

from pyvs.core.connections.connection import Connection
from pyvs.core.namespace import Namespace
from pyvs.core.packet.header import Header
from pyvs.core.packet.packet import Packet
from pyvs.core.transmit.route import Mode, out_route
from pyvs.core.transmit.send import send_or_continue
from pyvs.core.verdict import Verdict

WAYS: Final = Mode.LOCAL | Mode.NON_LOCAL | Mode.KNOWN_NH


def direct(ns: Namespace, conn: Connection, packet: Packet, header: Header) -> Verdict:
    """Send a client's packet to its server, which has the virtual address too."""
    route = out_route(ns, packet, header, conn.dest, conn.daddr, WAYS)
    if isinstance(route, Verdict):
        return route
    packet.ignore_df = True
    next_hop = conn.daddr
    dest = conn.dest
    if ns.differences.direct_routing_by_stale_route and dest and not (dest.route_known_nh or route.learnt):
        next_hop = packet.data[16:20] if packet.data[0] >> 4 == 4 else packet.data[24:40]
    return send_or_continue(ns, conn, packet, route, next_hop)
