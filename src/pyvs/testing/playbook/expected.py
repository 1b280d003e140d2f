"""Lines that are expected (`<<`): packets that leave, verdicts, states, counts."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from pyvs.core.packet.header import Header, parse
from pyvs.testing.playbook.book import End, Event, Line, Playbook, ports
from pyvs.testing.wire import sums_right


def _sent(text: str, to: End, judge: Callable[[Playbook, Event, Header], str | None]) -> Line:
    def act(book: Playbook) -> str | None:
        event = book.next("sent")
        if isinstance(event, str):
            return event
        if event.destination != to.packed:
            return f"but: {event}"
        if not sums_right(event.data):
            return f"but with a wrong checksum: {event}"
        complaint = judge(book, event, parse(event.data))
        return complaint and f"{complaint}: {event}"

    return Line(f"{text} to {to}", act)


def nat(to: End, *, pieces: tuple[int, ...] = ()) -> Line:
    """The packet leaves for the server under its address; pieces: as fragments of so many bytes."""

    def judge(book: Playbook, event: Event, header: Header) -> str | None:
        given = parse(book.given) if not pieces else header
        if (header.dst, ports(event.data, header)[1]) != (to.packed, to.port):
            return "but under another address or port"
        if header.src != given.src or ports(event.data, header)[0] != ports(book.given, given)[0]:
            return "but from another client" if not pieces else None
        if not pieces and header.ttl != given.ttl - 1:
            return f"but with time to live {header.ttl}"
        if not pieces and event.data[header.offset + 20 :] != book.given[given.offset + 20 :]:
            return "but with other data"
        if event.packet is not None and event.packet.pieces != pieces:
            return f"but in pieces {event.packet.pieces}"
        return None

    return _sent("NAT", to, judge)


def direct(to: End) -> Line:
    """The packet leaves for the server as it came, with one less to live."""

    def judge(book: Playbook, event: Event, header: Header) -> str | None:
        return None if _same_but_ttl(event.data, book.given) else "but with other bytes"

    return _sent("direct", to, judge)


def tunnelled(to: End, overhead: int = 20) -> Line:
    """The packet leaves inside of another; overhead: bytes that stand before it."""

    def judge(book: Playbook, event: Event, header: Header) -> str | None:
        if header.dst != to.packed:
            return "but to another server"
        return None if _same_but_ttl(event.data[overhead:], book.given) else "but with another packet inside"

    return _sent("tunnel", to, judge)


def error_sent(to: End) -> Line:
    """An ICMP error leaves for the server that it concerns, and speaks of its address."""

    def judge(book: Playbook, event: Event, header: Header) -> str | None:
        inner = parse(event.data, header.offset + 8, quoted=True)
        spoken = (inner.src, ports(event.data, inner)[0])
        return None if (header.dst, *spoken) == (to.packed, to.packed, to.port) else "but about another"

    return _sent("ICMP error", to, judge)


def reply(to: End) -> Line:
    """The server's packet goes on to the client as the service's."""

    def act(book: Playbook) -> str | None:
        event = book.next("accept")
        if isinstance(event, str):
            return event
        header = parse(event.data)
        good = (header.src, header.dst, *ports(event.data, header)) == (
            book.service.packed, to.packed, book.service.port, to.port,
        )  # fmt: skip
        return None if good and event.reason == "REPLY" and sums_right(event.data) else f"but: {event}"

    return Line(f"reply to {to}", act)


def error_reply(to: End) -> Line:
    """A server's ICMP error goes on to the client, from the service and about it."""

    def act(book: Playbook) -> str | None:
        event = book.next("accept")
        if isinstance(event, str):
            return event
        header = parse(event.data)
        inner = parse(event.data, header.offset + 8, quoted=True)
        spoken = (inner.dst, ports(event.data, inner)[1])
        good = (header.src, header.dst, *spoken) == (
            book.service.packed, to.packed, book.service.packed, book.service.port,
        )  # fmt: skip
        return None if good and sums_right(event.data) else f"but: {event}"

    return Line(f"ICMP error to {to}", act)


def told(whom: str, kind: int, code: int, *, mtu: int = 0) -> Line:
    """We send an ICMP error of our own."""

    def act(book: Playbook) -> str | None:
        event = book.next("told")
        if isinstance(event, str):
            return event
        header = parse(event.data)
        at = header.offset
        found = (
            str(ip_address(header.dst)),
            *event.data[at : at + 2],
            int.from_bytes(event.data[at + 4 : at + 8]),
        )
        return None if found == (whom, kind, code, mtu) and sums_right(event.data) else f"but: {event}"

    return Line(f"we tell {whom} ICMP {kind}/{code}" + (f" MTU {mtu}" if mtu else ""), act)


def _verdict(kind: str, reason: str) -> Line:
    def act(book: Playbook) -> str | None:
        event = book.next(kind)
        return event if isinstance(event, str) else None if event.reason == reason else f"but: {event}"

    return Line(f"{kind} {reason}", act)


def accepted(reason: str) -> Line:
    """It is left to the host, for this reason."""
    return _verdict("accept", reason)


def dropped(reason: str) -> Line:
    """It ends here, for this reason."""
    return _verdict("drop", reason)


def kept(reason: str = "FRAGMENT_QUEUED") -> Line:
    """It is taken, and nothing leaves for it yet."""
    return _verdict("kept", reason)


def state(client: End, name: str, timeout: float | None = None) -> Line:
    """The client's connection is in a state, and lives for so many seconds more."""

    def act(book: Playbook) -> str | None:
        conn = book.connection(client)
        if conn is None:
            return "but: there is no connection"
        found = book.engine.ns.protocols[conn.protocol].state_name(conn.state)
        left = round(conn.expires - book.now, 2)
        return None if found == name and timeout in (None, left) else f"but: {found}, {left} s"

    return Line(f"{client} is {name}" + ("" if timeout is None else f", {timeout} s"), act)


def expired(client: End) -> Line:
    """The client has no connection."""
    return Line(
        f"{client} has no connection", lambda book: "but there is one" if book.connection(client) else None
    )


def alive(client: End) -> Line:
    """The client has a connection."""
    return Line(
        f"{client} has a connection", lambda book: None if book.connection(client) else "but there is none"
    )


def counts(server: End, active: int, inactive: int, persistent: int = 0) -> Line:
    """What a server has to do."""

    def act(book: Playbook) -> str | None:
        dest = book.destination(server)
        found = None if dest is None else (dest.activeconns, dest.inactconns, dest.persistconns)
        return None if found == (active, inactive, persistent) else f"but: {found}"

    return Line(f"{server} has {active} active, {inactive} inactive, {persistent} templates", act)


def _same_but_ttl(data: bytes, given: bytes) -> bool:
    if data[0] >> 4 == 6:
        return data[7] == given[7] - 1 and data[:7] + data[8:] == given[:7] + given[8:]
    same = data[:8] + data[9:10] + data[12:] == given[:8] + given[9:10] + given[12:]
    return same and data[8] == given[8] - 1 and sums_right(data)
