"""A connection begins. Kernel: `ip_vs_conn_new`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyvs.core.connections.binding import bind_dest
from pyvs.core.connections.connection import Connection
from pyvs.core.flags import ConnFlag, Family
from pyvs.core.persistence.engine import PersistenceEngine
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service
from pyvs.core.sync.policy import end_time

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace

FIRST_TIMEOUT: Final = 3.0
"""Seconds until the first change of state."""


def new_connection(
    ns: Namespace,
    af: Family,
    protocol: int,
    caddr: bytes,
    cport: int,
    vaddr: bytes,
    vport: int,
    daf: Family,
    daddr: bytes,
    dport: int,
    flags: int,
    dest: Destination | None,
    *,
    fwmark: int = 0,
    pe: PersistenceEngine | None = None,
    pe_data: bytes = b"",
    in_key: bytes = b"",
) -> Connection:
    """Make, bind and hash a connection or template; its timer starts with `expiry.put`.

    A one-packet connection is not hashed. pe: only with the TEMPLATE flag. in_key: its key, if the caller has it
    at hand. Kernel: `ip_vs_conn_new`.
    """
    kind = ns.connections.template_class if flags & ConnFlag.TEMPLATE else Connection
    conn = kind(af, protocol, caddr, cport, vaddr, vport, daf, daddr, dport, int(flags))
    conn.fwmark = fwmark
    conn.in_key = in_key
    if flags & ConnFlag.TEMPLATE and pe is not None:
        conn.pe, conn.pe_data = pe, pe_data
    if dest is not None:
        bind_dest(conn, dest)
    conn.timeout = FIRST_TIMEOUT
    conn.expires = ns.now + FIRST_TIMEOUT
    conn.sync_endtime = end_time(ns.now)
    ns.apps.bind(conn)
    if ns.sysctl.conntrack:
        conn.flags |= ConnFlag.NFCT
    if not conn.flags & ConnFlag.ONE_PACKET:
        ns.connections.insert(conn)
    return conn


def count_new(ns: Namespace, conn: Connection, service: Service) -> None:
    """Count a connection that was scheduled. Kernel: `ip_vs_conn_stats`."""
    if conn.dest is not None:
        conn.dest.stats.conns += 1
    service.stats.conns += 1
    ns.stats.conns += 1
