"""The deadline of servers that drain: their connections are ended, a stretch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyvs.core.connections.connection import Connection
from pyvs.core.connections.expiry import delete
from pyvs.core.connections.table import in_key
from pyvs.core.flags import ConnFlag
from pyvs.core.namespace import Namespace
from pyvs.core.policy.sweep import Sweep
from pyvs.core.policy.watch import can_be_told, reset

if TYPE_CHECKING:
    from pyvs.core.policy.drains import Drain
    from pyvs.core.services.destination import Destination

STRETCH: Final = 400
"""Connections looked at in one go: about a millisecond."""


TURNS: Final = 3
"""So many walks over all connections at most: some go past one that comes back from the fast path meanwhile."""


class Ending(Sweep):
    """A walk that ends the connections of servers whose deadline has come."""

    def __init__(self, ns: Namespace, due: dict[Destination, Drain], turns: int = TURNS) -> None:
        super().__init__(ns, self._end)
        self._ns = ns
        self._due = due
        self._turns = turns
        self._left = dict.fromkeys(due, 0)
        """Connections that were met and are still there: they answer what still comes, or can't be ended."""
        for drain in due.values():
            drain.swept, drain.kept = True, 0

    def _end(self, conn: Connection) -> None:
        drain = None if conn.dest is None else self._due.get(conn.dest)
        if drain is None or not drain.swept or conn.flags & ConnFlag.TEMPLATE:
            return
        destination = drain.destination
        stays = can_be_told(conn) or is_told(conn)
        if finish(self._ns, conn):
            drain.ended += 1
            self._left[destination] += stays
        else:
            self._left[destination] += 1
            drain.kept += not stays

    def following(self) -> Ending | None:
        """Another walk, if this one has missed some; None: it is over."""
        missed = {
            each: drain
            for each, drain in self._due.items()
            if drain.swept and each.drain is drain and drain.left > self._left[each]
        }
        if missed and self._turns > 1:
            return Ending(self._ns, missed, self._turns - 1)
        for drain in self._due.values():
            drain.over = drain.swept
        return None


def handle(ns: Namespace, limit: int = STRETCH) -> None:
    """Begin what is due, and go on with what was begun."""
    due = {
        drain.destination: drain
        for drain in ns.drains
        if drain.deadline is not None and not drain.swept and drain.deadline <= ns.now
    }
    sweeps = ns.drains.sweeps
    if due:
        sweeps.append(Ending(ns, due))
    if sweeps and sweeps[0].step(limit):
        following = sweeps.pop(0).following()
        if following is not None:
            sweeps.append(following)


def finish(ns: Namespace, conn: Connection) -> bool:
    """End a connection, by RST if it is one of TCP that goes on; False when it can't be ended or was already."""
    if is_told(conn):
        return False
    if can_be_told(conn):
        # One that the fast path owns comes back by this.
        reset(ns, ns.connections.find_in(conn.protocol, in_key(conn)) or conn)
        return True
    if conn.n_control:
        return False
    delete(ns, conn)
    return True


def is_told(conn: Connection) -> bool:
    """Whether both ends were told: it is kept for a while to answer what still comes."""
    return conn.watch is not None and conn.watch.ending
