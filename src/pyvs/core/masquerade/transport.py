"""The transport part of a masqueraded packet: checked, and written with another end.

What a helper does to the data is done here too, with the sequence numbers that follow from it.
Kernel: `proto_doff`, the checksum halves of `ip_fw_masquerade` and `ip_fw_demasquerade`, `ip_masq_app_pkt_out`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyvs.core.apps.sequence import adjusted
from pyvs.core.apps.sequence import changed as changed_shift
from pyvs.core.flags import Proto
from pyvs.core.masquerade.entry import Entry, MasqueradeFlag
from pyvs.core.packet.checksum import checksum, pseudo_sum
from pyvs.core.packet.header import Header, Malformed
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason

if TYPE_CHECKING:
    from pyvs.core.masquerade.state import Masquerade

SMALLEST: Final[dict[int, int]] = {Proto.TCP: 20, Proto.UDP: 8, Proto.ICMP: 8}
CHECK_AT: Final[dict[int, int]] = {Proto.TCP: 16, Proto.UDP: 6, Proto.ICMP: 2}


def part_of(packet: Packet, header: Header) -> tuple[bytes, int]:
    """The transport part and where its data begin. Raises Malformed."""
    part = packet.data[header.offset : header.end]
    offset = SMALLEST[header.protocol]
    if len(part) < offset:
        raise Malformed(Reason.TRUNCATED)
    if header.protocol == Proto.TCP:
        said = (part[12] >> 4) * 4
        if not offset <= said <= len(part):
            raise Malformed(Reason.BAD_HEADER)
        offset = said
    return part, offset


def check(packet: Packet, header: Header, part: bytes) -> None:
    """Raises Malformed when the checksum is wrong; a UDP packet may have none."""
    if packet.checksum_partial or (header.protocol == Proto.UDP and part[6:8] == b"\0\0"):
        return
    start = 0
    if header.protocol != Proto.ICMP:
        start = pseudo_sum(header.src, header.dst, header.protocol, len(part))
    if checksum(part, start):
        raise Malformed(Reason.BAD_CHECKSUM)


def rewrite(
    masquerade: Masquerade,
    packet: Packet,
    header: Header,
    entry: Entry,
    part: bytes,
    offset: int,
    *,
    outgoing: bool,
) -> None:
    """Give a packet its other end, let the helper see it, and make both checksums anew."""
    src, dst = (entry.maddr, header.dst) if outgoing else (header.src, entry.saddr)
    changed = bytearray(part[:offset])
    if outgoing:
        changed[0:2] = entry.mport.to_bytes(2, "big")
    else:
        changed[2:4] = entry.sport.to_bytes(2, "big")
    written = _helped(masquerade, entry, bytes(changed), part[offset:], outgoing=outgoing)
    packet.data = assemble(packet.data[: header.offset], header.protocol, src, dst, written)
    packet.checksum_partial = False


def assemble(head: bytes, protocol: int, src: bytes, dst: bytes, part: bytes) -> bytes:
    """An IPv4 packet of a header with new addresses and a transport part, with right lengths and checksums."""
    if protocol == Proto.UDP:
        part = part[:4] + len(part).to_bytes(2, "big") + part[6:]
    at = CHECK_AT[protocol]
    blank = part[:at] + b"\0\0" + part[at + 2 :]
    start = 0 if protocol == Proto.ICMP else pseudo_sum(src, dst, protocol, len(part))
    value = checksum(blank, start)
    if not value and protocol == Proto.UDP:
        value = 0xFFFF
    return ip_head(head, src, dst, len(part)) + part[:at] + value.to_bytes(2, "big") + part[at + 2 :]


def ip_head(head: bytes, src: bytes, dst: bytes, length: int | None = None) -> bytes:
    """An IPv4 header with new addresses and checksum, and a new length when its payload has one."""
    total = head[2:4] if length is None else (len(head) + length).to_bytes(2, "big")
    blank = head[:2] + total + head[4:10] + b"\0\0" + src + dst + head[20:]
    return blank[:10] + checksum(blank).to_bytes(2, "big") + blank[12:]


# ---- helpers -------------------------------------------------------------------------------------------


def _helped(masquerade: Masquerade, entry: Entry, head: bytes, data: bytes, *, outgoing: bool) -> bytes:
    """Head and data as the helper wants them; TCP's numbers follow the shifts of both directions."""
    helper = entry.app
    if helper is None:
        return head + data
    act = helper.outgoing if outgoing else helper.incoming
    if entry.protocol != Proto.TCP:
        return head + act(masquerade, entry, data)
    seq = int.from_bytes(head[4:8], "big")
    own, other = (entry.out_seq, entry.in_seq) if outgoing else (entry.in_seq, entry.out_seq)
    head = adjusted(head, 0, own, other)
    changed = act(masquerade, entry, data)
    if len(changed) != len(data):
        shift = changed_shift(own, seq, len(changed) - len(data))
        if outgoing:
            entry.out_seq = shift
            entry.flags |= MasqueradeFlag.OUT_SEQ
        else:
            entry.in_seq = shift
            entry.flags |= MasqueradeFlag.IN_SEQ
    return head + changed
