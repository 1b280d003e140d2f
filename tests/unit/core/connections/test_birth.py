from __future__ import annotations

from collections.abc import Callable

from pyvs.core.connections.birth import FIRST_TIMEOUT, count_new
from pyvs.core.connections.connection import Connection
from pyvs.core.connections.table import in_key
from pyvs.core.flags import ConnFlag, Forward, Proto
from pyvs.core.namespace import Namespace
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service

Make = Callable[..., Connection]


def test_it_is_bound_and_hashed_and_has_a_moment_to_live(
    ns: Namespace, dest: Destination, make: Make
) -> None:
    ns.now = 10.0
    conn = make()
    assert conn.dest is dest
    assert ns.connections.find_in(Proto.TCP, in_key(conn)) is conn
    assert (conn.timeout, conn.expires) == (FIRST_TIMEOUT, 10.0 + FIRST_TIMEOUT)
    assert conn.slot == -1  # the timer starts when the packet has left
    assert not conn.flags & ConnFlag.NFCT


def test_one_packet_connections_are_not_hashed(ns: Namespace, make: Make) -> None:
    conn = make(protocol=Proto.UDP, flags=ConnFlag.ONE_PACKET)
    assert not conn.flags & ConnFlag.HASHED
    assert ns.connections.count == 0


def test_without_a_server(ns: Namespace, make: Make) -> None:
    conn = make(dest=None, flags=Forward.BYPASS)
    assert conn.dest is None
    assert conn.forward == Forward.BYPASS
    assert ns.connections.count == 1


def test_connection_tracking_is_kept_on_where_the_sysctl_says_so(ns: Namespace, make: Make) -> None:
    ns.sysctl.conntrack = 1
    assert make().flags & ConnFlag.NFCT


def test_the_server_the_service_and_the_total_count_it(
    ns: Namespace, service: Service, dest: Destination, make: Make
) -> None:
    count_new(ns, make(), service)
    count_new(ns, make(dest=None), service)
    assert (dest.stats.conns, service.stats.conns, ns.stats.conns) == (1, 2, 2)
