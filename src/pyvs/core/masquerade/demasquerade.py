"""From outside to inside: a packet to a masquerade port, or to one that is forwarded, goes to its machine.

Kernel: `ip_fw_demasquerade`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyvs.core.flags import PacketType, Proto
from pyvs.core.masquerade.delivery import deliver, way_to
from pyvs.core.masquerade.entry import Entry
from pyvs.core.masquerade.icmp import icmp_in
from pyvs.core.masquerade.learn import from_outside
from pyvs.core.masquerade.new import new_entry
from pyvs.core.masquerade.ports import BEGIN, END
from pyvs.core.masquerade.states import MasqueradeState
from pyvs.core.masquerade.transport import check, part_of, rewrite
from pyvs.core.packet.header import Header, Malformed
from pyvs.core.packet.packet import Packet
from pyvs.core.verdict import Verdict, drop

if TYPE_CHECKING:
    from pyvs.core.masquerade.state import Masquerade


def demasquerade(masq: Masquerade, packet: Packet, header: Header) -> Verdict | None:
    """Rewrite a packet for a host behind us and send it there; None: it is the director's own."""
    if packet.type != PacketType.HOST or packet.iif == "lo":
        return None
    if header.protocol not in (Proto.TCP, Proto.UDP, Proto.ICMP):
        return None
    try:
        part, offset = part_of(packet, header)
        if header.protocol == Proto.ICMP:
            return icmp_in(masq, packet, header, part)
        sport, dport = int.from_bytes(part[0:2], "big"), int.from_bytes(part[2:4], "big")
        if not _may_be_ours(masq, header, dport):
            return None
        check(packet, header, part)
    except Malformed as malformed:
        return drop(malformed.reason)
    entry = masq.hold(masq.table.find_in(header.protocol, header.src, sport, header.dst, dport))
    if entry is None:
        entry = in_create(masq, header, sport, dport)
        if entry is None:
            return None
    from_outside(masq, entry, header.src, sport)
    route = way_to(masq, packet, header, entry)
    if isinstance(route, Verdict):
        masq.put(entry)
        return route
    rewrite(masq, packet, header, entry, part, offset, outgoing=False)
    masq.move_on(entry, part, outgoing=False)
    masq.put(entry)
    return deliver(masq, packet, entry, route)


def _may_be_ours(masq: Masquerade, header: Header, dport: int) -> bool:
    """A port of the range, one that is forwarded, or one that some entry asked for."""
    return (
        BEGIN <= dport < END
        or masq.table.pinned > 0
        or masq.portfw.in_rule(header.protocol, header.dst, dport)
    )


def in_create(masq: Masquerade, header: Header, sport: int, dport: int) -> Entry | None:
    """A new entry, held, for a port that is forwarded; None: it is not. Kernel: `portfw_in_create`."""
    rule = masq.portfw.lookup(header.protocol, dport, header.dst)
    if rule is None:
        return None
    entry = new_entry(masq, header.protocol, header.dst, dport, rule.raddr, rule.rport, header.src, sport)
    if entry is not None:
        masq.set_state(entry, MasqueradeState.LISTEN)
        masq.portfw.took(rule)
    return entry
