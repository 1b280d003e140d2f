from __future__ import annotations

import pytest

from pyvs.core.apps.ftp import Ftp
from pyvs.core.connections.binding import activity, bind_dest, find_dest, try_bind_dest, unbind_dest
from pyvs.core.connections.connection import Connection
from pyvs.core.connections.table import in_key, out_key
from pyvs.core.flags import ConnFlag, Family, Forward, Proto
from pyvs.core.namespace import Namespace
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service

CLIENT, VIP, REAL = bytes((198, 51, 100, 7)), bytes((192, 0, 2, 100)), bytes((10, 1, 0, 11))


def conn(flags: int = 0, protocol: int = Proto.TCP, dport: int = 8080) -> Connection:
    return Connection(Family.INET, protocol, CLIENT, 40000, VIP, 80, Family.INET, REAL, dport, flags)


def loads(dest: Destination) -> tuple[int, int, int, int]:
    return dest.activeconns, dest.inactconns, dest.persistconns, dest.refcnt


def test_a_new_connection_counts_as_inactive_and_takes_the_method(dest: Destination) -> None:
    dest.conn_flags = Forward.DROUTE
    one = conn()
    bind_dest(one, dest)
    assert one.dest is dest
    assert one.forward == Forward.DROUTE
    assert one.flags & ConnFlag.NOOUTPUT
    assert one.flags & ConnFlag.INACTIVE
    assert loads(dest) == (0, 1, 0, 1)
    unbind_dest(one)
    assert one.dest is None
    assert loads(dest) == (0, 0, 0, 0)


def test_replies_by_nat_come_by(dest: Destination) -> None:
    one = conn()
    bind_dest(one, dest)
    assert not one.flags & ConnFlag.NOOUTPUT


def test_templates_are_counted_apart(dest: Destination) -> None:
    one = conn(ConnFlag.TEMPLATE)
    bind_dest(one, dest)
    assert loads(dest) == (0, 0, 1, 1)
    unbind_dest(one)
    assert loads(dest) == (0, 0, 0, 0)


def test_only_udp_is_forgotten_after_a_packet(dest: Destination) -> None:
    dest.conn_flags = ConnFlag.ONE_PACKET
    tcp, udp = conn(), conn(protocol=Proto.UDP)
    bind_dest(tcp, dest)
    bind_dest(udp, dest)
    assert not tcp.flags & ConnFlag.ONE_PACKET
    assert udp.flags & ConnFlag.ONE_PACKET


def test_a_synchronised_connection_keeps_its_activity_and_takes_the_method(dest: Destination) -> None:
    active = conn(ConnFlag.SYNC | Forward.TUNNEL | ConnFlag.NOOUTPUT)
    bind_dest(active, dest)
    assert active.forward == Forward.MASQ
    assert not active.flags & (ConnFlag.NOOUTPUT | ConnFlag.INACTIVE)
    assert loads(dest) == (1, 0, 0, 1)
    idle = conn(ConnFlag.SYNC | ConnFlag.INACTIVE)
    bind_dest(idle, dest)
    assert loads(dest) == (1, 1, 0, 2)
    unbind_dest(active)
    assert loads(dest) == (0, 1, 0, 1)


def test_thresholds_are_told(dest: Destination) -> None:
    dest.u_threshold = 1
    one = conn()
    bind_dest(one, dest)
    assert dest.overloaded
    unbind_dest(one)
    assert not dest.overloaded


def test_nobody_to_bind_to_is_no_harm() -> None:
    one = conn()
    bind_dest(one, None)
    unbind_dest(one)
    assert one.dest is None


def test_activity_moves_a_connection_between_the_counts(dest: Destination) -> None:
    one = conn()
    bind_dest(one, dest)
    for active in (True, True):
        activity(one, active)
        assert loads(dest)[:2] == (1, 0)
        assert not one.flags & ConnFlag.INACTIVE
    for active in (False, False):
        activity(one, active)
        assert loads(dest)[:2] == (0, 1)
        assert one.flags & ConnFlag.INACTIVE


def test_activity_without_a_server_is_only_marked() -> None:
    one = conn(ConnFlag.INACTIVE)
    activity(one, True)
    assert not one.flags & ConnFlag.INACTIVE


def test_a_synchronised_connection_finds_its_server_later(ns: Namespace, dest: Destination) -> None:
    dest.conn_flags = Forward.DROUTE
    one = conn(ConnFlag.SYNC)
    ns.connections.insert(one)
    assert try_bind_dest(ns, one) is dest
    assert ns.connections.find_in(6, in_key(one)) is one
    assert ns.connections.find_out(6, out_key(one)) is one
    assert ns.connections.count == 1
    assert try_bind_dest(ns, one) is dest
    assert loads(dest)[3] == 1


@pytest.mark.parametrize(
    ("wanted", "port", "found"), [(8080, 8080, True), (8080, 0, True), (8081, 8080, False)]
)
def test_the_server_is_the_one_with_the_port_or_any(
    ns: Namespace, dest: Destination, wanted: int, port: int, found: bool
) -> None:
    dest.port = port
    assert (find_dest(ns, conn(dport=wanted)) is dest) == found


def test_an_exact_port_comes_before_any(ns: Namespace, service: Service, dest: Destination) -> None:
    anyone = Destination(Family.INET, REAL, 0, service)
    service.destinations.insert(0, anyone)
    assert find_dest(ns, conn()) is dest
    assert find_dest(ns, conn(dport=9)) is anyone


def test_by_mark_without_nat_any_port_comes_first(ns: Namespace) -> None:
    marked = Service(Family.INET, Proto.TCP, bytes(4), 0, 7)
    ns.services.add(marked)
    exact, anyone = (Destination(Family.INET, REAL, port, marked) for port in (8080, 0))
    marked.destinations += [exact, anyone]
    for method, found in ((Forward.DROUTE, anyone), (Forward.MASQ, exact)):
        one = conn(method)
        one.fwmark = 7
        assert find_dest(ns, one) is found


def test_no_service_no_server(ns: Namespace) -> None:
    one = conn()
    assert find_dest(ns, one) is None
    assert try_bind_dest(ns, one) is None


def test_the_helper_is_bound_once(ns: Namespace, dest: Destination) -> None:
    ns.apps.register(Ftp(), (80,))
    ((_, incarnation),) = [item for item in ns.apps.incarnations.items() if item[0] == (Proto.TCP, 80)]
    one = conn(ConnFlag.SYNC)
    ns.apps.bind(one)
    assert incarnation.usecnt == 1
    try_bind_dest(ns, one)
    assert (incarnation.usecnt, one.app) == (1, incarnation.app)
