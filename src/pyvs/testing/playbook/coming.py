"""Lines that happen (`>>`): packets, time, verbs."""

from __future__ import annotations

from ipaddress import ip_address

from pyvs.core.control.specs import DestKey
from pyvs.core.flags import Proto
from pyvs.core.packet.header import parse
from pyvs.testing.playbook.book import End, Line, Playbook, describe
from pyvs.testing.wire import icmp, ip, tcp, udp

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def segment(
    source: End, to: End | None, flags: int, data: bytes = b"", *, ttl: int = 64, df: bool = True
) -> Line:
    """A TCP segment; to: the service unless given."""
    letters = "".join(
        letter for bit, letter in ((2, "S"), (1, "F"), (4, "R"), (8, "P"), (16, ".")) if flags & bit
    )

    def act(book: Playbook) -> None:
        there = to or book.service
        ends = (source.address, there.address, source.port, there.port)
        book.offer(tcp(*ends, flags, data=data, ttl=ttl, df=df))

    return Line(f"TCP {letters or 'none'} {source} > {to or 'the service'} {len(data)} bytes", act)


def syn(client: End, *, ttl: int = 64) -> Line:
    """A client begins."""
    return segment(client, None, SYN, ttl=ttl)


def ack(client: End, data: bytes = b"", *, df: bool = True) -> Line:
    """A client goes on."""
    return segment(client, None, ACK, data, df=df)


def fin(client: End) -> Line:
    """A client closes."""
    return segment(client, None, FIN | ACK)


def rst(client: End) -> Line:
    """A client breaks off."""
    return segment(client, None, RST)


def syn_ack(server: End, client: End) -> Line:
    """A server agrees."""
    return segment(server, client, SYN | ACK)


def answer(server: End, client: End, data: bytes = b"", flags: int = ACK) -> Line:
    """A server goes on."""
    return segment(server, client, flags, data)


def datagram(source: End, to: End | None = None, data: bytes = b"data", *, check: bool = True) -> Line:
    """A UDP datagram; to: the service unless given."""

    def act(book: Playbook) -> None:
        there = to or book.service
        book.offer(udp(source.address, there.address, source.port, there.port, data, check=check))

    return Line(f"UDP {source} > {to or 'the service'} {len(data)} bytes", act)


def fragment(whole: bytes, start: int, stop: int, *, ident: int = 7) -> Line:
    """A piece of an IPv4 packet: bytes `start` to `stop` of what follows its header."""
    header = parse(whole)
    body = whole[header.offset :]
    more = 0x2000 if stop < len(body) else 0
    piece = ip(
        str(ip_address(header.src)), str(ip_address(header.dst)), header.protocol, body[start:stop],
        fragment=start >> 3 | more, df=False, ident=ident,
    )  # fmt: skip
    return Line(f"fragment {start}-{stop} of {describe(whole)}", lambda book: book.offer(piece))


def error(
    source: str, to: str, kind: int, code: int, quoting: tuple[End, End], *, mtu: int = 0, size: int = 0
) -> Line:
    """An ICMP error about a packet between two ends, from someone to someone; size: of that packet's data."""

    def act(book: Playbook) -> None:
        one, other = quoting
        make = udp if book.protocol == Proto.UDP else _segment
        quoted = make(one.address, other.address, one.port, other.port, data=bytes(size))
        book.offer(icmp(source, to, kind, code, mtu, quoted[:548]))

    return Line(f"ICMP {kind}/{code} {source} > {to} about {quoting[0]} > {quoting[1]}", act)


def _segment(src: str, dst: str, sport: int, dport: int, data: bytes) -> bytes:
    return tcp(src, dst, sport, dport, ACK, data=data)


def raw(data: bytes) -> Line:
    """Any packet."""
    return Line(describe(data), lambda book: book.offer(data))


def after(seconds: float) -> Line:
    """Time passes."""
    return Line(f"after {seconds} s", lambda book: book.wait(seconds))


def weigh(server: End, weight: int) -> Line:
    """The administrator gives a server another weight."""
    return Line(f"weigh {server} {weight}", lambda book: book.set_server(server, new=False, weight=weight))


def add(server: End, weight: int = 1) -> Line:
    """The administrator adds a server."""
    return Line(f"add {server}", lambda book: book.set_server(server, new=True, weight=weight))


def remove(server: End) -> Line:
    """The administrator removes a server."""

    def act(book: Playbook) -> None:
        book.engine.control.del_dest(book.key, DestKey(server.packed, server.port), book.now)

    return Line(f"remove {server}", act)


def knob(name: str, value: int) -> Line:
    """The administrator sets a sysctl."""

    def act(book: Playbook) -> None:
        book.engine.control.sysctl_write(name, str(value), book.now)

    return Line(f"{name} = {value}", act)
