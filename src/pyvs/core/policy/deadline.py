"""The deadline of servers that drain: their connections are ended, a stretch at a time."""

from __future__ import annotations

from typing import Final

from pyvs.core.connections.connection import Connection
from pyvs.core.connections.expiry import delete
from pyvs.core.connections.table import in_key
from pyvs.core.flags import ConnFlag
from pyvs.core.namespace import Namespace
from pyvs.core.policy.sweep import Sweep
from pyvs.core.policy.watch import can_be_told, reset

STRETCH: Final = 400
"""Connections looked at in one go: about a millisecond."""


def handle(ns: Namespace, limit: int = STRETCH) -> None:
    """Begin what is due, and go on with what was begun."""
    due = {
        drain.destination: drain
        for drain in ns.drains
        if drain.deadline is not None and not drain.swept and drain.deadline <= ns.now
    }
    if due:

        def end(conn: Connection) -> None:
            drain = None if conn.dest is None else due.get(conn.dest)
            if drain is not None and not conn.flags & ConnFlag.TEMPLATE and finish(ns, conn):
                drain.ended += 1

        for drain in due.values():
            drain.swept = True
        ns.drains.sweeps.append(Sweep(ns, end))
    if ns.drains.sweeps and ns.drains.sweeps[0].step(limit):
        del ns.drains.sweeps[0]


def finish(ns: Namespace, conn: Connection) -> bool:
    """End a connection, by RST if it is one of TCP that goes on; False when it can't be ended or was already."""
    if conn.watch is not None and conn.watch.ending:
        return False
    if can_be_told(conn):
        # One that the fast path owns comes back by this.
        reset(ns, ns.connections.find_in(conn.protocol, in_key(conn)) or conn)
        return True
    if conn.n_control:
        return False
    delete(ns, conn)
    return True
