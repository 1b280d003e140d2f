"""ICMP of masqueraded connections: requests and their replies by identifier, errors by the packet they quote.

A request's identifier takes the place of a port, its type and code that of the other end's.
Kernel: `ip_fw_masq_icmp`, `ip_fw_demasq_icmp`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyvs.core.environment import Route
from pyvs.core.flags import Proto
from pyvs.core.masquerade.delivery import deliver, way_to
from pyvs.core.masquerade.entry import Entry, MasqueradeFlag
from pyvs.core.masquerade.learn import follow
from pyvs.core.masquerade.new import new_entry
from pyvs.core.masquerade.ports import BEGIN, END
from pyvs.core.masquerade.states import MasqueradeState
from pyvs.core.masquerade.transport import assemble, check, ip_head
from pyvs.core.packet.header import Header, parse
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.verdict import Verdict, accept, drop

if TYPE_CHECKING:
    from pyvs.core.masquerade.state import Masquerade

REQUEST_OF: Final = {0: 8, 14: 13, 16: 15, 18: 17}
"""The request that a reply answers: echo, timestamp, information, address mask."""
REQUESTS: Final = frozenset(REQUEST_OF.values())
ERRORS: Final = frozenset({3, 4, 11})
"""Unreachable, source quench, time exceeded."""
HEAD: Final = 8

Ends = tuple[int, bytes, int, bytes, int]


def icmp_out(masq: Masquerade, packet: Packet, header: Header, part: bytes, maddr: bytes) -> Verdict:
    """From inside: give a request a masquerade identifier, an error the director's address. Raises Malformed."""
    kind = part[0]
    check(packet, header, part)
    if kind in REQUESTS:
        return _request_out(masq, packet, header, part, maddr)
    if kind not in ERRORS:
        return accept(Reason.ICMP_NOT_AN_ERROR)
    entry = error_of(masq, part)
    if entry is None:
        return accept(Reason.ICMP_UNRELATED)
    quoted = _with_end(part[HEAD:], entry, entry.maddr, entry.mport, source=False)
    packet.data = assemble(
        packet.data[: header.offset], Proto.ICMP, entry.maddr, header.dst, part[:HEAD] + quoted
    )
    return accept(Reason.MASQUERADED)


def error_of(masq: Masquerade, part: bytes) -> Entry | None:
    """The entry that an error from inside is about. Raises Malformed."""
    ends = _quoted(part) if part[0] in ERRORS else None
    if ends is None:
        return None
    protocol, src, sport, dst, dport = ends
    return masq.table.find_out(protocol, dst, dport, src, sport)


def icmp_in(masq: Masquerade, packet: Packet, header: Header, part: bytes) -> Verdict | None:
    """From outside: lead a reply or an error to the inside host; None: it is the director's own. Raises Malformed."""
    kind = part[0]
    if kind in REQUEST_OF:
        return _reply_in(masq, packet, header, part)
    if kind not in ERRORS:
        return None
    ends = _quoted(part)
    if ends is None:
        return None
    protocol, src, sport, dst, dport = ends
    if not (BEGIN <= sport < END or masq.table.pinned):
        return None
    entry = masq.table.find_in(protocol, dst, dport, src, sport)
    if entry is None:
        return None
    check(packet, header, part)
    route = way_to(masq, packet, header, entry)
    if isinstance(route, Verdict):
        return route
    quoted = _with_end(part[HEAD:], entry, entry.saddr, entry.sport, source=True)
    packet.data = assemble(
        packet.data[: header.offset], Proto.ICMP, header.src, entry.saddr, part[:HEAD] + quoted
    )
    return deliver(masq, packet, entry, route)


def _request_out(masq: Masquerade, packet: Packet, header: Header, part: bytes, maddr: bytes) -> Verdict:
    ident, what = int.from_bytes(part[4:6], "big"), part[0] << 8 | part[1]
    entry = masq.hold(masq.table.find_out(Proto.ICMP, header.src, ident, header.dst, what))
    if entry is not None:
        entry = follow(masq, entry, maddr)
    if entry is None:
        entry = new_entry(masq, Proto.ICMP, maddr, 0, header.src, ident, header.dst, what)
        if entry is None:
            return drop(Reason.MASQUERADE_REFUSED)
    changed = part[:4] + entry.mport.to_bytes(2, "big") + part[6:]
    packet.data = assemble(packet.data[: header.offset], Proto.ICMP, entry.maddr, header.dst, changed)
    masq.set_state(entry, MasqueradeState.ICMP)
    masq.put(entry)
    return accept(Reason.MASQUERADED)


def _reply_in(masq: Masquerade, packet: Packet, header: Header, part: bytes) -> Verdict | None:
    ident, what = int.from_bytes(part[4:6], "big"), REQUEST_OF[part[0]] << 8 | part[1]
    entry = masq.hold(masq.table.find_in(Proto.ICMP, header.src, what, header.dst, ident))
    if entry is None:
        return None
    route: Route | Verdict = drop(Reason.BAD_CHECKSUM)
    try:
        check(packet, header, part)
        route = way_to(masq, packet, header, entry)
        if isinstance(route, Verdict):
            return route
        entry.flags &= ~MasqueradeFlag.NO_REPLY
        changed = part[:4] + entry.sport.to_bytes(2, "big") + part[6:]
        packet.data = assemble(packet.data[: header.offset], Proto.ICMP, header.src, entry.saddr, changed)
        masq.set_state(entry, MasqueradeState.ICMP)
        return deliver(masq, packet, entry, route)
    finally:
        masq.put(entry)


def _quoted(part: bytes) -> Ends | None:
    """Protocol and ends of the packet that an error quotes, as they stand there. Raises Malformed."""
    inner = parse(part, HEAD, quoted=True)
    at = inner.offset
    if inner.fragment_offset or len(inner.src) != 4 or len(part) < at + HEAD:
        return None
    if inner.protocol in (Proto.TCP, Proto.UDP):
        sport, dport = int.from_bytes(part[at : at + 2], "big"), int.from_bytes(part[at + 2 : at + 4], "big")
        return inner.protocol, inner.src, sport, inner.dst, dport
    if inner.protocol != Proto.ICMP:
        return None
    kind, ident = part[at], int.from_bytes(part[at + 4 : at + 6], "big")
    if kind in REQUESTS:
        return Proto.ICMP, inner.src, ident, inner.dst, kind << 8 | part[at + 1]
    if kind in REQUEST_OF:
        return Proto.ICMP, inner.src, REQUEST_OF[kind] << 8 | part[at + 1], inner.dst, ident
    return None


def _with_end(quoted: bytes, entry: Entry, address: bytes, port: int, *, source: bool) -> bytes:
    """A quoted packet with another source or destination; its transport checksum can't be made anew."""
    length = (quoted[0] & 15) * 4
    src, dst = quoted[12:16], quoted[16:20]
    head = ip_head(quoted[:length], address if source else src, dst if source else address)
    at = length + (4 if entry.protocol == Proto.ICMP else 0 if source else 2)
    return head + quoted[length:at] + port.to_bytes(2, "big") + quoted[at + 2 :]
