"""Counting packets of connections whose server is there. Kernel: `ip_vs_in_stats`, `ip_vs_out_stats`."""

from __future__ import annotations

from pyvs.core.connections.connection import Connection
from pyvs.core.namespace import Namespace
from pyvs.core.packet.packet import Packet


def count_in(ns: Namespace, conn: Connection, packet: Packet) -> None:
    """A packet from the client: destination, service, total."""
    dest = conn.dest
    if dest is None or not dest.available:
        return
    size = len(packet.data)
    stats = dest.stats
    stats.inpkts += 1
    stats.inbytes += size
    if dest.service is not None:
        stats = dest.service.stats
        stats.inpkts += 1
        stats.inbytes += size
    stats = ns.stats
    stats.inpkts += 1
    stats.inbytes += size


def count_out(ns: Namespace, conn: Connection, packet: Packet) -> None:
    """A packet from the server."""
    dest = conn.dest
    if dest is None or not dest.available:
        return
    size = len(packet.data)
    stats = dest.stats
    stats.outpkts += 1
    stats.outbytes += size
    if dest.service is not None:
        stats = dest.service.stats
        stats.outpkts += 1
        stats.outbytes += size
    stats = ns.stats
    stats.outpkts += 1
    stats.outbytes += size
