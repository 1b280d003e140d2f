"""How a packet from outside reaches the host behind us."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyvs.core.command import Transmit
from pyvs.core.environment import Route
from pyvs.core.masquerade.entry import Entry
from pyvs.core.packet.header import Header
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.transmit.route import Mode, out_route
from pyvs.core.verdict import Verdict, accept, stolen

if TYPE_CHECKING:
    from pyvs.core.masquerade.state import Masquerade


def way_to(masq: Masquerade, packet: Packet, header: Header, entry: Entry) -> Route | Verdict:
    """The route to the inside host; the packet's time to live has been decremented. Or why it can't go.

    To be asked before the packet is rewritten: its sender may be told why it can't go.
    """
    masq.ns.header = header
    return out_route(masq.ns, packet, header, None, entry.saddr, Mode.LOCAL | Mode.NON_LOCAL | Mode.RDR)


def deliver(masq: Masquerade, packet: Packet, entry: Entry, route: Route) -> Verdict:
    """Send a rewritten packet on, or leave it to the own stack when the host is this one."""
    packet.owned = packet.untracked = packet.ignore_df = True
    packet.conntrack = None
    if route.local:
        return accept(Reason.DEMASQUERADED)
    masq.ns.commands.append(Transmit(packet, route, entry.saddr))
    return stolen(Reason.DEMASQUERADED)
