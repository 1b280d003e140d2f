"""Packets for tests, from text addresses and numbers, with right checksums: no link layer."""

from __future__ import annotations

from ipaddress import ip_address
from struct import pack

from pyvs.core.flags import Family, Proto
from pyvs.core.packet.checksum import checksum, pseudo_sum
from pyvs.core.packet.crc32c import crc32c
from pyvs.core.packet.header import parse


def ip(
    src: str, dst: str, protocol: int, payload: bytes, *, ttl: int = 64, ident: int = 0x1234, df: bool = True,
    tos: int = 0, fragment: int = 0,
) -> bytes:  # fmt: skip
    """An IP packet of the family of its addresses; fragment: the flags-and-offset word's MF and offset (IPv4)."""
    source, destination = ip_address(src).packed, ip_address(dst).packed
    if len(source) == 16:
        return (
            pack("!IHBB", 6 << 28 | tos << 20, len(payload), protocol, ttl) + source + destination + payload
        )
    word = (0x4000 if df else 0) | fragment
    head = (
        pack("!BBHHHBBH", 0x45, tos, 20 + len(payload), ident, word, ttl, protocol, 0) + source + destination
    )
    return head[:10] + checksum(head).to_bytes(2, "big") + head[12:] + payload


def tcp(
    src: str, dst: str, sport: int, dport: int, flags: int, *, seq: int = 1000, ack: int = 0, data: bytes = b"",
    options: bytes = b"", ttl: int = 64, df: bool = True, tos: int = 0,
) -> bytes:  # fmt: skip
    """A TCP segment."""
    head = pack("!HHIIBBHHH", sport, dport, seq, ack, (20 + len(options)) // 4 << 4, flags, 64240, 0, 0)
    segment = head + options + data
    check = checksum(segment, _pseudo(src, dst, Proto.TCP, len(segment)))
    return ip(src, dst, Proto.TCP, segment[:16] + pack("!H", check) + segment[18:], ttl=ttl, df=df, tos=tos)


def udp(
    src: str, dst: str, sport: int, dport: int, data: bytes = b"", *, check: bool = True, ttl: int = 64,
    df: bool = True, tos: int = 0,
) -> bytes:  # fmt: skip
    """A UDP datagram, with or without checksum."""
    datagram = pack("!HHHH", sport, dport, 8 + len(data), 0) + data
    if check:
        value = checksum(datagram, _pseudo(src, dst, Proto.UDP, len(datagram))) or 0xFFFF
        datagram = datagram[:6] + pack("!H", value) + datagram[8:]
    return ip(src, dst, Proto.UDP, datagram, ttl=ttl, df=df, tos=tos)


def sctp(src: str, dst: str, sport: int, dport: int, tag: int, *chunks: tuple[int, int, bytes]) -> bytes:
    """An SCTP packet of (type, flags, value) chunks."""
    body = b"".join(
        pack("!BBH", kind, flags, 4 + len(value)) + value + bytes(-len(value) % 4)
        for kind, flags, value in chunks
    )
    head = pack("!HHI", sport, dport, tag)
    return ip(src, dst, Proto.SCTP, head + pack("<I", crc32c(head + bytes(4) + body)) + body)


def icmp(
    src: str, dst: str, kind: int, code: int, rest: int = 0, data: bytes = b"", *, ttl: int = 64
) -> bytes:
    """An ICMP or ICMPv6 message; rest: the second word of its header."""
    six = ":" in src
    message = pack("!BBHI", kind, code, 0, rest) + data
    start = _pseudo(src, dst, Proto.ICMPV6, len(message)) if six else 0
    message = message[:2] + pack("!H", checksum(message, start)) + message[4:]
    return ip(src, dst, Proto.ICMPV6 if six else Proto.ICMP, message, ttl=ttl)


def _pseudo(src: str, dst: str, protocol: int, length: int) -> int:
    return pseudo_sum(ip_address(src).packed, ip_address(dst).packed, protocol, length)


def sums_right(data: bytes) -> bool:
    """Whether the checksums are right: IPv4's own, and that of TCP, UDP, SCTP, ICMP or ICMPv6 (one not cut off)."""
    header = parse(data)
    if header.af == Family.INET and checksum(data[: header.offset]):
        return False
    part = data[header.offset : header.end]
    if header.protocol == Proto.SCTP:
        return int.from_bytes(part[8:12], "little") == crc32c(part[:8] + bytes(4) + part[12:])
    if header.protocol == Proto.ICMP:
        return checksum(part) == 0
    if header.protocol == Proto.UDP and part[6:8] == b"\0\0":
        return header.af == Family.INET
    if header.protocol not in (Proto.TCP, Proto.UDP, Proto.ICMPV6):
        return True
    return checksum(part, pseudo_sum(header.src, header.dst, header.protocol, len(part))) == 0
