"""A connection and its destination: counts, flags, thresholds. Kernel: `ip_vs_bind_dest` and its siblings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyvs.core.connections.connection import Connection
from pyvs.core.flags import FWD_MASK, ConnFlag, Forward, Proto
from pyvs.core.services import thresholds
from pyvs.core.services.destination import Destination

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace


def bind_dest(conn: Connection, dest: Destination | None) -> None:
    """Give a new connection its destination. Kernel: `ip_vs_bind_dest`."""
    if dest is None:
        return
    dest.refcnt += 1
    given = dest.conn_flags | int(ConnFlag.INACTIVE)
    if given & FWD_MASK != Forward.MASQ:
        given |= ConnFlag.NOOUTPUT
    if conn.protocol != Proto.UDP:
        given &= ~ConnFlag.ONE_PACKET
    flags = conn.flags
    if flags & ConnFlag.SYNC:
        # A synchronised connection keeps its activity, and takes its method from the destination.
        if not flags & ConnFlag.TEMPLATE:
            given &= ~ConnFlag.INACTIVE
        flags &= ~(FWD_MASK | ConnFlag.NOOUTPUT)
    flags |= given
    conn.flags = int(flags)
    conn.dest = dest
    if flags & ConnFlag.TEMPLATE:
        dest.persistconns += 1
    elif flags & ConnFlag.INACTIVE:
        dest.inactconns += 1
    else:
        dest.activeconns += 1
    if dest.u_threshold:
        thresholds.bound(dest)


def unbind_dest(conn: Connection) -> None:
    """Take a connection that is over off its destination. Kernel: `ip_vs_unbind_dest`."""
    dest = conn.dest
    if dest is None:
        return
    if conn.flags & ConnFlag.TEMPLATE:
        dest.persistconns -= 1
    elif conn.flags & ConnFlag.INACTIVE:
        dest.inactconns -= 1
    else:
        dest.activeconns -= 1
    thresholds.unbound(dest)
    dest.refcnt -= 1
    conn.dest = None


def try_bind_dest(ns: Namespace, conn: Connection) -> Destination | None:
    """Find the destination of a synchronised connection that has none. Kernel: `ip_vs_try_bind_dest`."""
    if conn.dest is not None:
        return conn.dest
    dest = find_dest(ns, conn)
    if dest is None:
        return None
    conn.express = None
    hashed = ns.connections.remove(conn)  # its method, and so its key, may change
    bind_dest(conn, dest)
    if hashed:
        ns.connections.insert(conn)
    ns.apps.unbind(conn)
    ns.apps.bind(conn)
    return dest


def find_dest(ns: Namespace, conn: Connection) -> Destination | None:
    """The destination that a synchronised connection names. Kernel: `ip_vs_find_dest`."""
    service = None
    if conn.fwmark:
        service = ns.services.find(conn.af, conn.fwmark, conn.protocol, conn.vaddr, conn.vport)
    else:
        service = ns.services.find(conn.af, 0, conn.protocol, conn.vaddr, conn.vport)
    if service is None:
        return None
    by_mark = conn.fwmark and conn.flags & FWD_MASK != Forward.MASQ
    for want in (0, conn.dport) if by_mark else (conn.dport, 0):
        for dest in service.destinations:
            if dest.af == conn.daf and dest.addr == conn.daddr and dest.port == want:
                return dest
    return None


def activity(conn: Connection, active: bool) -> None:
    """Count a connection as active or inactive after a change of its state. Kernel: in `set_tcp_state`."""
    if active == (not conn.flags & ConnFlag.INACTIVE):
        return
    dest = conn.dest
    if active:
        conn.flags &= ~ConnFlag.INACTIVE
        if dest is not None:
            dest.activeconns += 1
            dest.inactconns -= 1
    else:
        conn.flags |= ConnFlag.INACTIVE
        if dest is not None:
            dest.activeconns -= 1
            dest.inactconns += 1
