"""When a connection is told to the backups: this file alone decides. Kernel: `ip_vs_sync_conn_needed`.

    one packet only                      never (`master` asks)
    sync_persist_mode and a template     its connections never
    TCP, SCTP in other states            never
    a new state, but for ESTABLISHED     at once
    sync_refresh_period                  not while the backups know nearly the same end, but for sync_retries
    sync_threshold "N PERIOD"            at packet N of every PERIOD; templates at every telling
    sync_threshold "N 0"                 at packet N only, or when sync_refresh_period says so

Time counts in hundredths of a second here (`HZ` of the recorded kernel), for the two lowest bits of
`Connection.sync_endtime` count the repetitions, as in the kernel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyvs.core.connections.connection import Connection
from pyvs.core.flags import ConnFlag, Proto

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace

HZ: Final = 100
LEAST_REFRESH: Final = 10
"""Seconds by which an end must have moved to be told again, where half its timeout is shorter."""
RETRIES: Final = 3
"""Mask of the repetitions in `sync_endtime`."""

_ESTABLISHED: Final[dict[int, int]] = {Proto.TCP: 1, Proto.SCTP: 8}
"""The state that is told by count, though it is new."""


def end_time(when: float) -> int:
    """A time as `Connection.sync_endtime` holds it; a new connection has that of its birth."""
    return int(when * HZ) & ~RETRIES


def wanted(ns: Namespace, conn: Connection, packets: int) -> bool:
    """Whether to tell of a connection now that it has had so many packets; notes that it was told."""
    if conn.flags & ConnFlag.TEMPLATE:
        pass
    elif ns.sysctl.sync_persist_mode and in_persistence(conn):
        return False
    else:
        protocol = ns.protocols.get(conn.protocol)
        states = None if protocol is None else protocol.sync_states()
        if states is not None:
            if conn.state not in states:
                return False
            if conn.state != conn.old_state and conn.state != _ESTABLISHED.get(conn.protocol):
                _note(conn, end_time(ns.now + conn.timeout))
                return True

    end = end_time(ns.now + conn.timeout)
    refresh = ns.sysctl.sync_refresh_period * HZ
    if refresh > 0:
        told = int(conn.sync_endtime)
        timeout = int(conn.timeout * HZ)
        if abs(end - told) < min(refresh, max(timeout >> 1, LEAST_REFRESH * HZ)):
            retries = told & RETRIES
            if retries >= ns.sysctl.sync_retries:
                return False
            if int(ns.now * HZ) < told - timeout + (refresh >> 3):
                return False
            end |= retries + 1
    threshold, period = ns.sysctl.sync_threshold
    if period > 0:
        if not conn.flags & ConnFlag.TEMPLATE and packets % period != threshold:
            return False
    elif not refresh and packets != threshold:
        return False
    _note(conn, end)
    return True


def _note(conn: Connection, end: int) -> None:
    conn.old_state = conn.state
    conn.sync_endtime = end


def in_persistence(conn: Connection) -> bool:
    """Whether a connection belongs to a template, directly or through others. Kernel: `in_persistence`."""
    control = conn.control
    while control is not None:
        if control.flags & ConnFlag.TEMPLATE:
            return True
        control = control.control
    return False
