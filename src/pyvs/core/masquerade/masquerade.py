"""From inside to outside: a packet gets the director's address and a masquerade port. Kernel: `ip_fw_masquerade`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyvs.core.flags import Proto
from pyvs.core.masquerade.icmp import icmp_out
from pyvs.core.masquerade.learn import follow, from_inside
from pyvs.core.masquerade.new import new_entry
from pyvs.core.masquerade.transport import check, part_of, rewrite
from pyvs.core.packet.header import Header, Malformed
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.verdict import Verdict, accept, drop

if TYPE_CHECKING:
    from pyvs.core.masquerade.state import Masquerade


def masquerade(masq: Masquerade, packet: Packet, header: Header, maddr: bytes) -> Verdict:
    """Rewrite a packet that leaves from a masqueraded network, under `maddr`; what can't be is dropped."""
    if header.protocol not in (Proto.TCP, Proto.UDP, Proto.ICMP):
        return drop(Reason.MASQUERADE_PROTOCOL)
    try:
        part, offset = part_of(packet, header)
        if header.protocol == Proto.ICMP:
            return icmp_out(masq, packet, header, part, maddr)
        check(packet, header, part)
    except Malformed as malformed:
        return drop(malformed.reason)
    sport, dport = int.from_bytes(part[0:2], "big"), int.from_bytes(part[2:4], "big")
    entry = masq.hold(masq.table.find_out(header.protocol, header.src, sport, header.dst, dport))
    if entry is not None:
        entry = follow(masq, entry, maddr)
    if entry is None:
        flags = masq.flags_of(header.protocol)
        entry = new_entry(masq, header.protocol, maddr, 0, header.src, sport, header.dst, dport, flags)
        if entry is None:
            return drop(Reason.MASQUERADE_REFUSED)
    else:
        from_inside(masq, entry, sport, header.dst, dport)
    rewrite(masq, packet, header, entry, part, offset, outgoing=True)
    masq.move_on(entry, part, outgoing=True)
    masq.put(entry)
    return accept(Reason.MASQUERADED)
