"""/proc/net/ip_vs_conn and ip_vs_conn_sync: the connections. Kernel: `ip_vs_conn_seq_show`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    return _parts(ns, HEADER, lambda conn: f"{_seconds_left(ns, conn):>7}{_pe(conn)}")


def show_sync(ns: Namespace) -> Iterator[str]:
    """The text of /proc/net/ip_vs_conn_sync: who told of each connection, instead of engine and name."""
    return _parts(
        ns,
        SYNC_HEADER,
        lambda conn: f"{'SYNC' if conn.flags & ConnFlag.SYNC else 'LOCAL':<6} {_seconds_left(ns, conn):>7}",
    )


def _parts(ns: Namespace, header: str, rest: Callable[[Connection], str]) -> Iterator[str]:
    """The header, then lines: the ends of a connection and the rest that this file tells of it."""
    yield header
    for stretch in ns.connections.stretches():
        yield "".join(f"{_ends(ns, conn)} {rest(conn)}\n" for conn in stretch if conn.flags & ConnFlag.HASHED)


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
