"""IPv4 packets of `wire`, with each end's port beside its address. Addresses are text or packed, ports numbers."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address
from typing import Final

from pyvs.testing import wire

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
ICMP, TCP, UDP = 1, 6, 17

Address = str | bytes
_TTL: Final = 64
_DF: Final = 0x4000

checksums_right = wire.sums_right


def address(value: Address) -> bytes:
    """Four packed bytes."""
    return value if isinstance(value, bytes) else IPv4Address(value).packed


def _text(value: Address) -> str:
    return str(ip_address(value))


def ipv4(
    source: Address,
    destination: Address,
    protocol: int,
    payload: bytes,
    *,
    ttl: int = _TTL,
    ident: int = 0x1234,
    fragment: int = _DF,
) -> bytes:
    """An IPv4 packet; `fragment` is the word of flags and offset (0x4000: don't fragment)."""
    ends = _text(source), _text(destination)
    return wire.ip(*ends, protocol, payload, ttl=ttl, ident=ident, df=bool(fragment & _DF), fragment=fragment)


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
    ends = _text(source), _text(destination), sport, dport
    return wire.tcp(*ends, flags, seq=seq, ack=ack, data=data, ttl=ttl)


def udp(
    source: Address, sport: int, destination: Address, dport: int, data: bytes = b"?", *, check: bool = True
) -> bytes:
    """A UDP packet; check False: without checksum."""
    return wire.udp(_text(source), _text(destination), sport, dport, data, check=check)


def icmp(
    source: Address, destination: Address, kind: int, code: int = 0, rest: int = 0, data: bytes = b""
) -> bytes:
    """An ICMP message; `rest` is the header's second word (identifier and sequence, or MTU)."""
    return wire.icmp(_text(source), _text(destination), kind, code, rest, data)
