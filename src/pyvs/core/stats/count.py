"""Counting packets of connections whose server is there. Kernel: `ip_vs_in_stats`, `ip_vs_out_stats`."""

from __future__ import annotations

from collections.abc import Iterator

from pyvs.core.connections.connection import Connection
from pyvs.core.namespace import Namespace
from pyvs.core.packet.packet import Packet
from pyvs.core.stats.counters import Counters


def count_in(ns: Namespace, conn: Connection, packet: Packet) -> None:
    """A packet from the client: destination, service, total."""
    for stats in _counters(ns, conn):
        stats.inpkts += 1
        stats.inbytes += len(packet.data)


def count_out(ns: Namespace, conn: Connection, packet: Packet) -> None:
    """A packet from the server: likewise."""
    for stats in _counters(ns, conn):
        stats.outpkts += 1
        stats.outbytes += len(packet.data)


def _counters(ns: Namespace, conn: Connection) -> Iterator[Counters]:
    dest = conn.dest
    if dest is not None and dest.available:
        yield dest.stats
        if dest.service is not None:
            yield dest.service.stats
        yield ns.stats
