"""IPv4 options and IPv6 extension headers, as far as a host deals with them. Kernel: ip_options.c, exthdrs.c.

Routes and times are recorded, source routes refused; what is malformed is told to the sender. An answer carries the
record-route and timestamp options of what it answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyvs.core.flags import Proto
from pyvs.core.packet.checksum import checksum
from pyvs.core.packet.packet import Packet

if TYPE_CHECKING:
    from pyvs.host.host import Host

END, NOOP, RECORD_ROUTE, TIMESTAMP, LOOSE, STRICT, ALERT = 0, 1, 7, 68, 131, 137, 148
FIRST_POINTER: Final = {RECORD_ROUTE: 4, TIMESTAMP: 5, LOOSE: 4, STRICT: 4}
TIME_ONLY, TIME_AND_ADDRESS = 0, 1
DAY: Final = 86_400_000
PAD1, JUMBO = 0, 0xC2


class Problem(Exception):
    """An option that can't be, which the sender is to be told: the code of the error, and where in the packet."""

    def __init__(self, at: int, code: int = 0) -> None:
        self.at = at
        self.code = code


def walk4(data: bytes) -> list[tuple[int, int, int]]:
    """The options of an IPv4 packet: (type, where, length). Raises Problem."""
    found = []
    at, end = 20, (data[0] & 15) * 4
    while at < end and data[at] != END:
        if data[at] == NOOP:
            at += 1
            continue
        if at + 1 >= end or data[at + 1] < 2 or at + data[at + 1] > end:
            raise Problem(at)
        found.append((data[at], at, data[at + 1]))
        at += data[at + 1]
    return found


def receive(host: Host, packet: Packet, local: bool) -> bool:
    """Deal with the options of an IPv4 packet that was routed; whether it goes on.

    Raises Problem. Kernel: `ip_rcv_options`.
    """
    data = packet.data
    if data[0] & 15 == 5:
        return True
    out = bytearray(data)
    options = walk4(data)
    for kind, at, length in options:
        _check(data, kind, at, length)
        if kind in (RECORD_ROUTE, TIMESTAMP):
            own = data[16:20] if local else _towards(host, data[12:16])
            (_record if kind == RECORD_ROUTE else _stamp)(host, out, at, length, own)
    packet.data = _checked(out)
    return not any(kind in (LOOSE, STRICT) for kind, _, _ in options)  # source routes are not accepted


def forwarded(packet: Packet, own: bytes) -> None:
    """The route that a forwarded packet takes is recorded. Kernel: `ip_options_forward`."""
    if packet.data[0] & 15 == 5:
        return
    out = bytearray(packet.data)
    for kind, at, length in walk4(packet.data):
        pointer = out[at + 2]
        if kind == RECORD_ROUTE and FIRST_POINTER[kind] < pointer <= length + 1:
            out[at + pointer - 5 : at + pointer - 1] = own
    packet.data = _checked(out)


def echoed(host: Host, data: bytes, own: bytes) -> bytes:
    """The options of an answer that leaves from `own`, padded. Kernel: `__ip_options_echo`, `ip_options_build`."""
    if data[0] >> 4 != 4 or data[0] & 15 == 5:
        return b""
    out = b""
    try:
        for kind, at, length in walk4(data):
            _check(data, kind, at, length)
            if kind in (RECORD_ROUTE, TIMESTAMP):
                one = bytearray(20) + bytearray(data[at : at + length])
                if kind == RECORD_ROUTE:
                    _record(host, one, 20, length, own)
                elif one[22] <= length:
                    _stamp(host, one, 20, length, own)
                out += bytes(one[20:])
    except Problem:
        return b""
    return out + bytes(-len(out) % 4)


def _check(data: bytes, kind: int, at: int, length: int) -> None:
    """An option with a pointer must have room for it, and it must point behind itself. Raises Problem."""
    first = FIRST_POINTER.get(kind)
    if first is not None:
        if length < first - 1:
            raise Problem(at + 1)
        if data[at + 2] < first:
            raise Problem(at + 2)


def _towards(host: Host, address: bytes) -> bytes:
    route = host.routing.route(address)
    return route.source if route is not None else bytes(4)


def _record(host: Host, out: bytearray, at: int, length: int, own: bytes) -> None:
    pointer = out[at + 2]
    if pointer > length:
        return
    if pointer + 3 > length:
        raise Problem(at + 2)
    out[at + pointer - 1 : at + pointer + 3] = own
    out[at + 2] = pointer + 4


def _stamp(host: Host, out: bytearray, at: int, length: int, own: bytes) -> None:
    pointer, flags = out[at + 2], out[at + 3]
    time = (int(host.now * 1000) % DAY).to_bytes(4, "big")
    if pointer > length:
        if flags >> 4 == 15:
            raise Problem(at + 3)
        out[at + 3] = flags + 16
        return
    entry = {TIME_ONLY: time, TIME_AND_ADDRESS: own + time}.get(flags & 15)
    if entry is None:
        return
    if pointer + len(entry) - 1 > length:
        raise Problem(at + 2)
    out[at + pointer - 1 : at + pointer - 1 + len(entry)] = entry
    out[at + 2] = pointer + len(entry)


def _checked(out: bytearray) -> bytes:
    out[10:12] = b"\0\0"
    out[10:12] = checksum(bytes(out[: (out[0] & 15) * 4])).to_bytes(2, "big")
    return bytes(out)


# ---- IPv6 ----------------------------------------------------------------------


def hop_by_hop(data: bytes) -> bool:
    """Deal with hop-by-hop options as they arrive; whether the packet goes on.

    Raises Problem. Kernel: `ipv6_parse_hopopts`.
    """
    return data[6] != Proto.IP or _tlv(data, 40, hops=True)


def extensions(data: bytes) -> bool:
    """Deal with the headers of a packet for this host; whether it goes on to its transport.

    AH is not known here. Raises Problem. Kernel: `ipv6_destopt_rcv`, `ipv6_rthdr_rcv`, `ip6_protocol_deliver_rcu`.
    """
    number, at, named = data[6], 40, 6
    while number in (Proto.IP, Proto.ROUTING, Proto.DSTOPTS) and at + 8 <= len(data):
        if number == Proto.DSTOPTS and not _tlv(data, at, hops=False):
            return False
        if number == Proto.ROUTING and data[at + 3]:
            raise Problem(at + 2)
        number, at, named = data[at], at + data[at + 1] * 8 + 8, at
    if number == Proto.AH:
        raise Problem(named, 1)
    return True


def _tlv(data: bytes, start: int, *, hops: bool) -> bool:
    """The options of one header; the two highest bits of an unknown one say what to do. Kernel: `ip6_parse_tlv`."""
    if len(data) < start + 8:
        return False
    at, end = start + 2, start + data[start + 1] * 8 + 8
    if end > len(data):
        return False
    while at < end:
        if data[at] == PAD1:
            at += 1
            continue
        if at + 1 >= end or at + 2 + data[at + 1] > end:
            return False
        kind, length = data[at], data[at + 1]
        if hops and kind == JUMBO:
            if length == 4 and at & 3 == 2:
                raise Problem(at + 2)
            return False
        if kind >> 6:
            if kind >> 6 == 2 or (kind >> 6 == 3 and data[24] != 0xFF):
                raise Problem(at, 2)
            return False
        at += 2 + length
    return True
