"""/proc/net/ip_vs_conn and ip_vs_conn_sync: the connections. Kernel: `ip_vs_conn_seq_show`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from pyvs.core.connections.connection import Connection
from pyvs.core.flags import ConnFlag, Proto
from pyvs.core.listing.addresses import plain, protocol

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace

HEADER: Final = "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n"
SYNC_HEADER: Final = "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Origin Expires\n"

ASSURED: Final = 1
"""Of a template's state. Kernel: `IP_VS_CTPL_S_ASSURED`."""


def show(ns: Namespace) -> Iterator[str]:
    """The text of /proc/net/ip_vs_conn, in parts: what ends meanwhile is left out."""
    yield HEADER
    for stretch in ns.connections.stretches():
        yield "".join(
            f"{_ends(ns, conn)} {_seconds_left(ns, conn):>7}{_pe(conn)}\n"
            for conn in stretch
            if conn.flags & ConnFlag.HASHED
        )


def show_sync(ns: Namespace) -> Iterator[str]:
    """The text of /proc/net/ip_vs_conn_sync: who told of each connection, instead of engine and name."""
    yield SYNC_HEADER
    for stretch in ns.connections.stretches():
        yield "".join(
            f"{_ends(ns, conn)} {'SYNC' if conn.flags & ConnFlag.SYNC else 'LOCAL':<6} "
            f"{_seconds_left(ns, conn):>7}\n"
            for conn in stretch
            if conn.flags & ConnFlag.HASHED
        )


def _ends(ns: Namespace, conn: Connection) -> str:
    return (
        f"{protocol(conn.protocol):<3} {plain(conn.caddr)} {conn.cport:04X} {plain(conn.vaddr)} "
        f"{conn.vport:04X} {plain(conn.daddr)} {conn.dport:04X} {state_name(ns, conn):<11}"
    )


def state_name(ns: Namespace, conn: Connection) -> str:
    """The name of a connection's or template's state. Kernel: `ip_vs_state_name`."""
    if conn.template:
        # Anything else came by synchronisation.
        return ("NONE", "ASSURED")[conn.state] if conn.state <= ASSURED else "ERR!"
    handler = ns.protocols.get(conn.protocol)
    if handler is None:
        return "NONE" if conn.protocol == Proto.IP else "ERR!"
    return handler.state_name(conn.state)


def _seconds_left(ns: Namespace, conn: Connection) -> int:
    return max(0, int(conn.expires - ns.now))


def _pe(conn: Connection) -> str:
    if conn.pe is None or not conn.pe_data:
        return ""
    return f" {conn.pe.name} {conn.pe.show(conn.pe_data).decode('latin-1')}"
