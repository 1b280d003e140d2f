"""The last step: mark the packet as ours and hand it to the host. Kernel: `ip_vs_nat_send_or_cont` and siblings."""

from __future__ import annotations

from typing import Final

from pyvs.core.command import Transmit
from pyvs.core.connections.connection import Connection
from pyvs.core.environment import Route
from pyvs.core.flags import ConnFlag
from pyvs.core.namespace import Namespace
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.verdict import Verdict, accept, stolen

_NFCT: Final = int(ConnFlag.NFCT)
_FORWARDED: Final = stolen(Reason.FORWARDED)


def send_or_continue(
    ns: Namespace, conn: Connection, packet: Packet, route: Route, destination: bytes
) -> Verdict:
    """Send a packet to another host, or leave it to the own stack when the route is local."""
    if conn.flags & _NFCT:
        mark_owned(ns, conn, packet, inward=True)
    else:
        packet.owned = packet.untracked = True
        packet.conntrack = None
    if route.local:
        return accept(Reason.LOCAL_NODE)
    ns.commands.append(Transmit(packet, route, destination))
    return _FORWARDED


def mark_owned(ns: Namespace, conn: Connection, packet: Packet, *, inward: bool) -> None:
    """No hook of ours takes it again; connection tracking sees it only if the connection wants that."""
    packet.owned = True
    if conn.flags & ConnFlag.NFCT:
        ns.tracking.update(packet, conn, inward)
    else:
        packet.untracked = True
        packet.conntrack = None
