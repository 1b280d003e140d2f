"""A connection ends: its timer, those that it controls, those that control it. Kernel: ip_vs_conn.c.

One that controls others (a template, an FTP control connection) can't end before them: it waits another minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from pyvs.core.connections.binding import unbind_dest
from pyvs.core.connections.connection import Connection
from pyvs.core.flags import ConnFlag

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace

LATER: Final = 60.0
"""Seconds after which a connection that could not end is looked at again."""
TICK: Final = 0.01
"""A connection that is to end at once does so at the next tick, as in a kernel with HZ=100."""
ASSURED: Final = 1
"""State of a template one of whose connections was established. Kernel: `IP_VS_CTPL_S_ASSURED`."""


def put(ns: Namespace, conn: Connection) -> None:
    """Restart the timer after a packet; a one-packet connection ends. Kernel: `ip_vs_conn_put`."""
    if conn.flags & ConnFlag.ONE_PACKET:
        if conn.slot < 0:
            expire(ns, conn)
        return
    conn.expires = ns.now + conn.timeout
    ns.timers.set(conn)


def expire_now(ns: Namespace, conn: Connection) -> None:
    """End a connection at the next tick. Kernel: `ip_vs_conn_expire_now`."""
    if conn.slot >= 0 and conn.expires > ns.now:
        conn.expires = ns.now + TICK
        ns.timers.set(conn)


def expire(ns: Namespace, conn: Connection) -> None:
    """The timer ran out. Kernel: `ip_vs_conn_expire`."""
    if conn.n_control:
        conn.timeout = LATER
        if ns.sync.is_master:
            ns.sync.note_conn(conn)
        put(ns, conn)
        return
    ns.connections.remove(conn)
    conn.slot = -1
    control = conn.control
    if control is not None:
        chain = not conn.timeout
        control_del(conn)
        if (
            chain
            and not control.n_control
            and not (control.flags & ConnFlag.TEMPLATE and control.state & ASSURED)
        ):
            control.timeout = 0
            expire_now(ns, control)
    if conn.flags & ConnFlag.NFCT and not conn.flags & ConnFlag.ONE_PACKET:
        ns.tracking.forget(conn)
    ns.apps.unbind(conn)
    unbind_dest(conn)
    conn.express = None


def control_add(conn: Connection, control: Connection) -> None:
    """Let a connection be controlled by another or a template. Kernel: `ip_vs_control_add`."""
    if conn.control is not None:
        control_del(conn)
    conn.control = control
    control.n_control += 1


def control_del(conn: Connection) -> None:
    """Release a controlled connection. Kernel: `ip_vs_control_del`."""
    if conn.control is not None:
        conn.control.n_control -= 1
        conn.control = None


def assure(conn: Connection) -> None:
    """Mark the template of a connection that was established. Kernel: `ip_vs_control_assure_ct`."""
    control = conn.control
    if control is not None and control.flags & ConnFlag.TEMPLATE:
        control.state |= ASSURED


def fill_cport(ns: Namespace, conn: Connection, cport: int) -> None:
    """Learn the client's port that was not known. Kernel: `ip_vs_conn_fill_cport`."""
    hashed = ns.connections.remove(conn)
    conn.flags &= ~ConnFlag.NO_CPORT
    conn.cport = cport
    if hashed:
        ns.connections.insert(conn)


def expire_nodest(ns: Namespace) -> Iterator[None]:
    """End the connections of removed servers, and their templates, a stretch a step.

    Kernel: `ip_vs_expire_nodest_conn_flush`.
    """
    for stretch in ns.connections.stretches():
        for conn in stretch:
            dest = conn.dest
            if dest is None or dest.available or conn.n_control:
                continue
            control = conn.control
            delete(ns, conn)
            if control is not None and not control.n_control:
                delete(ns, control)
        yield


def delete(ns: Namespace, conn: Connection) -> None:
    """End a connection at once, and its template unless that is assured. Kernel: `ip_vs_conn_del`."""
    if not conn.flags & ConnFlag.HASHED:
        return
    if conn.control is not None:
        conn.timeout = 0
    expire(ns, conn)


def flush(ns: Namespace) -> None:
    """End all connections, those that are controlled first. Kernel: `ip_vs_conn_flush`."""
    waiting = list(ns.connections)
    while waiting:
        rest = []
        for conn in waiting:
            if conn.n_control:
                rest.append(conn)
            else:
                expire(ns, conn)
        if len(rest) == len(waiting):
            break
        waiting = rest
