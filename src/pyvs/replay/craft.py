"""A packet made from its five-tuple, with right checksums."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from struct import Struct
from typing import Final

from pyvs.core.errors import PyvsError
from pyvs.core.flags import Proto
from pyvs.core.packet.checksum import checksum, pseudo_sum
from pyvs.core.packet.header import DF, IPV4, IPV6

PROTOCOLS: Final = {"tcp": Proto.TCP, "udp": Proto.UDP, "sctp": Proto.SCTP, "icmp": Proto.ICMP}
TCP_FLAGS: Final = {"F": 0x01, "S": 0x02, "R": 0x04, "P": 0x08, "A": 0x10, ".": 0x10, "U": 0x20}
_TCP: Final = Struct("!HHIIBBHHH")
_UDP: Final = Struct("!HHHH")
_INIT: Final = Struct("!BBHIIHHI")
_WINDOW: Final = 64240
_TTL: Final = 64


class CraftError(PyvsError):
    """Words that do not make a packet."""


@dataclass(slots=True, frozen=True)
class FiveTuple:
    """Protocol, and both ends; ports are 0 where the protocol has none."""

    protocol: int
    source: bytes
    sport: int
    destination: bytes
    dport: int


def parse_five_tuple(protocol: str, source: str, destination: str) -> FiveTuple:
    """Reads `tcp 198.51.100.7:40001 192.0.2.100:80`. Raises CraftError."""
    number = PROTOCOLS.get(protocol.lower())
    if number is None:
        raise CraftError(f"protocol {protocol!r} is not known, expected {', '.join(PROTOCOLS)}")
    ports = number != Proto.ICMP
    saddr, sport = _end(source, ports=ports)
    daddr, dport = _end(destination, ports=ports)
    if len(saddr) != len(daddr):
        raise CraftError(f"{source} and {destination} are of different families")
    if number == Proto.ICMP and len(saddr) == 16:
        number = Proto.ICMPV6
    return FiveTuple(number, saddr, sport, daddr, dport)


def _end(text: str, *, ports: bool) -> tuple[bytes, int]:
    expected = "ADDRESS:PORT or [ADDRESS]:PORT" if ports else "an address"
    host, found, port = text, "", ""
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        found, port = rest[:1], rest[1:]
        host = host if closed and found in ("", ":") else ""
    elif text.count(":") == 1:
        host, found, port = text.partition(":")
    try:
        address = ip_address(host).packed
        number = int(port) if found else 0
    except ValueError:
        raise CraftError(f"{text!r}: expected {expected}") from None
    if ports and not (found and 0 < number < 0x10000):
        raise CraftError(f"{text!r}: expected {expected}, the port from 1 to 65535")
    return address, number if ports else 0


def parse_flags(text: str) -> int:
    """TCP flags from letters as tcpdump prints them: S, F, R, P, U, and A or a dot. Raises CraftError."""
    value = 0
    for letter in text.upper():
        if letter not in TCP_FLAGS:
            raise CraftError(f"TCP flag {letter!r} is not known, expected letters of SFRPUA")
        value |= TCP_FLAGS[letter]
    return value


def craft(five: FiveTuple, flags: int = TCP_FLAGS["S"]) -> bytes:
    """The packet: TCP with these flags, an empty UDP datagram, an SCTP INIT, an ICMP echo request."""
    if five.protocol == Proto.TCP:
        body = _TCP.pack(
            five.sport, five.dport, 1000, 1000 if flags & 0x10 else 0, 5 << 4, flags, _WINDOW, 0, 0
        )
        body = body[:16] + _check(five, body) + body[18:]
    elif five.protocol == Proto.UDP:
        body = _UDP.pack(five.sport, five.dport, 8, 0)
        body = body[:6] + (_check(five, body) if any(_check(five, body)) else b"\xff\xff")
    elif five.protocol == Proto.SCTP:
        body = _sctp_init(five)
    elif five.protocol == Proto.ICMPV6:
        body = b"\x80\0" + _check(five, b"\x80\0\0\0\0\1\0\1") + b"\0\1\0\1"
    else:
        body = b"\x08\0" + checksum(b"\x08\0\0\0\0\1\0\1").to_bytes(2, "big") + b"\0\1\0\1"
    if len(five.source) == 16:
        head = IPV6.pack(6 << 28, len(body), five.protocol, _TTL, five.source, five.destination)
        return head + body
    head = IPV4.pack(0x45, 0, 20 + len(body), 1, DF, _TTL, five.protocol, 0, five.source, five.destination)
    return head[:10] + checksum(head).to_bytes(2, "big") + head[12:] + body


def _check(five: FiveTuple, body: bytes) -> bytes:
    start = pseudo_sum(five.source, five.destination, five.protocol, len(body))
    return checksum(body, start).to_bytes(2, "big")


def _sctp_init(five: FiveTuple) -> bytes:
    chunk = _INIT.pack(1, 0, _INIT.size, 1, 0x1A000, 10, 0xFFFF, 1)
    ports = five.sport.to_bytes(2, "big") + five.dport.to_bytes(2, "big")
    crc = _crc32c(ports + bytes(8) + chunk)
    return ports + bytes(4) + crc.to_bytes(4, "little") + chunk


def _crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
