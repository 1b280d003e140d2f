from __future__ import annotations

from collections.abc import Callable

from pyvs.core.connections.connection import Connection
from pyvs.core.namespace import Namespace
from pyvs.core.packet.packet import Packet
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service
from pyvs.core.stats.count import count_in, count_out

Make = Callable[..., Connection]


def test_packets_and_bytes_are_counted_for_server_service_and_all(
    ns: Namespace, service: Service, dest: Destination, make: Make
) -> None:
    conn = make()
    count_in(ns, conn, Packet(bytes(100)))
    count_in(ns, conn, Packet(bytes(50)))
    count_out(ns, conn, Packet(bytes(7)))
    for stats in (dest.stats, service.stats, ns.stats):
        assert (stats.inpkts, stats.inbytes, stats.outpkts, stats.outbytes) == (2, 150, 1, 7)


def test_without_a_server_or_with_one_that_is_gone_nothing_is(
    ns: Namespace, service: Service, dest: Destination, make: Make
) -> None:
    gone, without = make(), make(dest=None, cport=2)
    dest.available = False
    for conn in (gone, without):
        count_in(ns, conn, Packet(bytes(100)))
        count_out(ns, conn, Packet(bytes(100)))
    for stats in (dest.stats, service.stats, ns.stats):
        assert (stats.inpkts, stats.outpkts) == (0, 0)
