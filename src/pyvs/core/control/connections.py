"""The verbs on connections: which there are, and the end of some. Both pause often: there may be a million."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pyvs.core.connections.connection import Connection
from pyvs.core.connections.expiry import delete
from pyvs.core.control.native_specs import ConnectionView
from pyvs.core.flags import ConnFlag, Family
from pyvs.core.listing.connections import state_name
from pyvs.core.namespace import Namespace
from pyvs.core.policy.deadline import finish

PAUSE: Final = 250
"""Connections looked at before others have their turn: less than a millisecond."""


@dataclass(slots=True, frozen=True)
class Filter:
    """Which connections: all that is given must fit."""

    service: tuple[bytes, int | None] | None = None
    """Virtual address, and port unless None."""
    fwmark: int = 0
    family: Family | None = None
    """Of the client's address."""
    server: tuple[bytes, int | None] | None = None
    client: tuple[bytes, int] | None = None
    """A network and the length of its prefix."""
    state: str = ""
    protocol: int | None = None
    older: float | None = None
    """Silent for at least so many seconds."""

    def fits(self, ns: Namespace, conn: Connection) -> bool:
        """Whether a connection is meant."""
        if self.protocol is not None and conn.protocol != self.protocol:
            return False
        if self.service is not None and not _is_at(self.service, conn.vaddr, conn.vport):
            return False
        if self.server is not None and not _is_at(self.server, conn.daddr, conn.dport):
            return False
        if self.family is not None and conn.af != self.family:
            return False
        if self.fwmark and conn.fwmark != self.fwmark:
            return False
        if self.client is not None and not _is_in(self.client, conn.caddr):
            return False
        if self.older is not None and idle(ns, conn) < self.older:
            return False
        return not self.state or state_name(ns, conn) == self.state


EVERYTHING: Final = Filter()


def idle(ns: Namespace, conn: Connection) -> float:
    """Seconds since its last packet."""
    return max(0.0, ns.now - (conn.expires - conn.timeout))


def each(ns: Namespace, wanted: Filter) -> Iterator[ConnectionView | None]:
    """The connections that are meant; None where others may have their turn."""
    for conn in _walk(ns, wanted):
        yield None if conn is None else view(ns, conn)


def drop(ns: Namespace, wanted: Filter, *, reset: bool) -> Iterator[int | None]:
    """End them, 1 for each that ended; None where others may have their turn.

    reset: tell both ends of TCP by RST; else they are forgotten. Those that control others (templates) end after them.
    """
    for conn in _walk(ns, wanted):
        if conn is None:
            yield None
        elif reset:
            if finish(ns, conn):
                yield 1
        elif not conn.n_control and conn.flags & ConnFlag.HASHED:
            delete(ns, conn)
            yield 1


def _walk(ns: Namespace, wanted: Filter) -> Iterator[Connection | None]:
    for count, conn in enumerate(ns.connections):
        if count % PAUSE == PAUSE - 1:
            yield None
        if wanted.fits(ns, conn):
            yield conn


def view(ns: Namespace, conn: Connection) -> ConnectionView:
    """What is told of one."""
    return ConnectionView(
        conn.protocol,
        conn.caddr,
        conn.cport,
        conn.vaddr,
        conn.vport,
        conn.daddr,
        conn.dport,
        state_name(ns, conn),
        conn.forward,
        max(0.0, conn.expires - ns.now),
        idle(ns, conn),
        conn.in_pkts,
        conn.fwmark,
        conn.template,
    )


def _is_at(place: tuple[bytes, int | None], addr: bytes, port: int) -> bool:
    return place[0] == addr and place[1] in (None, port)


def _is_in(network: tuple[bytes, int], addr: bytes) -> bool:
    place, length = network
    if len(place) != len(addr):
        return False
    shift = len(addr) * 8 - length
    return int.from_bytes(place, "big") >> shift == int.from_bytes(addr, "big") >> shift
