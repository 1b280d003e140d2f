"""ICMP errors and answers of the host, as bytes. Kernel: `icmp_send`, `icmp6_send`.

What an error quotes, how long it gets and to what none is sent; source address, route and rate are the host's
matter. Checksums are filled in.
"""

import struct
from typing import Final

from pyvs.core.flags import Proto
from pyvs.core.packet.checksum import checksum, pseudo_sum
from pyvs.core.packet.header import OFFSET

TTL: Final = 64
LONGEST4: Final = 576
LONGEST6: Final = 1280

ECHO_REPLY, UNREACHABLE, REDIRECT, ECHO, TIME_EXCEEDED, PARAMETER, TIMESTAMP = 0, 3, 5, 8, 11, 12, 13
ERRORS4: Final = frozenset({3, 4, 5, 11, 12})
KNOWN4: Final = 18
"""The highest type. Kernel: `NR_ICMP_TYPES`."""

NET_UNREACHABLE, HOST_UNREACHABLE, PROTOCOL_UNREACHABLE, PORT_UNREACHABLE, FRAG_NEEDED = 0, 1, 2, 3, 4
PROHIBITED = 13

UNREACHABLE6, TOO_BIG6, TIME_EXCEEDED6, PARAMETER6, ECHO6, ECHO_REPLY6 = 1, 2, 3, 4, 128, 129
NO_ROUTE6, PROHIBITED6, ADDRESS6, PORT6 = 0, 1, 3, 4


def ipv4(
    source: bytes, destination: bytes, protocol: int, payload: bytes, *, tos: int = 0, ttl: int = TTL,
    ident: int = 0, df: bool = False, options: bytes = b"",
) -> bytes:  # fmt: skip
    """An IPv4 packet; the length of options must be a multiple of four."""
    length = 20 + len(options)
    head = struct.pack("!BBHHHBBH4s4s", 0x40 | length // 4, tos, length + len(payload), ident,
                       0x4000 if df else 0, ttl, protocol, 0, source, destination) + options  # fmt: skip
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(
    source: bytes, destination: bytes, protocol: int, payload: bytes, *, tclass: int = 0, label: int = 0,
    hops: int = TTL,
) -> bytes:  # fmt: skip
    """An IPv6 packet."""
    first = 6 << 28 | tclass << 20 | label
    return struct.pack("!IHBB16s16s", first, len(payload), protocol, hops, source, destination) + payload


def message4(kind: int, code: int, rest: int, data: bytes) -> bytes:
    """An ICMP message; rest is the second word of its header."""
    body = struct.pack("!BBHI", kind, code, 0, rest) + data
    return body[:2] + struct.pack("!H", checksum(body)) + body[4:]


def message6(source: bytes, destination: bytes, kind: int, code: int, rest: int, data: bytes) -> bytes:
    """An ICMPv6 message between these addresses."""
    body = struct.pack("!BBHI", kind, code, 0, rest) + data
    check = checksum(body, pseudo_sum(source, destination, Proto.ICMPV6, len(body)))
    return body[:2] + struct.pack("!H", check) + body[4:]


def quote4(data: bytes) -> bytes | None:
    """What an error about this packet quotes, or None when there must be none."""
    if (data[6] << 8 | data[7]) & OFFSET or data[16] >= 224 or data[12:16] == b"\0\0\0\0":
        return None
    length = (data[0] & 15) * 4
    if data[9] == Proto.ICMP and (len(data) <= length or data[length] in ERRORS4 or data[length] > KNOWN4):
        return None
    return data[: LONGEST4 - 28]


def quote6(data: bytes, transport: int, protocol: int) -> bytes | None:
    """What an ICMPv6 error about this packet quotes, or None; transport: where its last header begins."""
    if data[8] == 0xFF or not any(data[8:24]):
        return None
    if protocol == Proto.ICMPV6 and (len(data) <= transport or data[transport] < 128):
        return None
    return data[: LONGEST6 - 48]


def error_tos(data: bytes) -> int:
    """The type of service of an error about an IPv4 packet: its own, with precedence internetwork control."""
    return data[1] & 0x1E | 0xC0
