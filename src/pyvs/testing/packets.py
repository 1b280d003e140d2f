"""IPv4 packets for tests: right checksums, nothing hidden. Addresses are text or packed, ports numbers."""

from __future__ import annotations

from ipaddress import IPv4Address
from struct import pack
from typing import Final

from pyvs.core.packet.checksum import checksum, pseudo_sum

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
ICMP, TCP, UDP = 1, 6, 17

Address = str | bytes
_TTL: Final = 64


def address(value: Address) -> bytes:
    """Four packed bytes."""
    return value if isinstance(value, bytes) else IPv4Address(value).packed


def ipv4(
    source: Address,
    destination: Address,
    protocol: int,
    payload: bytes,
    *,
    ttl: int = _TTL,
    ident: int = 0x1234,
    fragment: int = 0x4000,
) -> bytes:
    """An IPv4 packet; `fragment` is the word of flags and offset (0x4000: don't fragment)."""
    head = pack(
        "!BBHHHBBH4s4s",
        0x45,
        0,
        20 + len(payload),
        ident,
        fragment,
        ttl,
        protocol,
        0,
        address(source),
        address(destination),
    )
    return head[:10] + checksum(head).to_bytes(2, "big") + head[12:] + payload


def tcp(
    source: Address,
    sport: int,
    destination: Address,
    dport: int,
    flags: int = SYN,
    *,
    seq: int = 1000,
    ack: int = 0,
    data: bytes = b"",
    ttl: int = _TTL,
) -> bytes:
    """A TCP packet without options."""
    part = pack("!HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 64240, 0, 0) + data
    check = checksum(part, pseudo_sum(address(source), address(destination), TCP, len(part)))
    part = part[:16] + check.to_bytes(2, "big") + part[18:]
    return ipv4(source, destination, TCP, part, ttl=ttl)


def udp(
    source: Address, sport: int, destination: Address, dport: int, data: bytes = b"?", *, check: bool = True
) -> bytes:
    """A UDP packet; check False: without checksum."""
    part = pack("!HHHH", sport, dport, 8 + len(data), 0) + data
    if check:
        value = checksum(part, pseudo_sum(address(source), address(destination), UDP, len(part))) or 0xFFFF
        part = part[:6] + value.to_bytes(2, "big") + part[8:]
    return ipv4(source, destination, UDP, part)


def icmp(
    source: Address, destination: Address, kind: int, code: int = 0, rest: int = 0, data: bytes = b""
) -> bytes:
    """An ICMP message; `rest` is the header's second word (identifier and sequence, or MTU)."""
    part = pack("!BBHI", kind, code, 0, rest) + data
    part = part[:2] + checksum(part).to_bytes(2, "big") + part[4:]
    return ipv4(source, destination, ICMP, part)


def checksums_right(data: bytes) -> bool:
    """Whether an IPv4 packet's own checksum and that of its TCP, UDP or ICMP part are right."""
    length = (data[0] & 15) * 4
    if checksum(data[:length]):
        return False
    part = data[length : int.from_bytes(data[2:4], "big")]
    if data[9] == ICMP:
        return checksum(part) == 0
    if data[9] == UDP and part[6:8] == b"\0\0":
        return True
    return checksum(part, pseudo_sum(data[12:16], data[16:20], data[9], len(part))) == 0
