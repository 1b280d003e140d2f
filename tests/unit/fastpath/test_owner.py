from itertools import pairwise

import pytest

from pyvs.core.connections import expiry
from pyvs.core.flags import Forward
from pyvs.fastpath import fast, owner
from pyvs.fastpath.returns import HOLD, OFTEN
from pyvs.fastpath.views import View
from pyvs.testing.shared import ACK, CLIENT, VIP, Shared, packed

pytestmark = pytest.mark.root


def inner_key(port: int) -> bytes:
    return packed(CLIENT) + packed(VIP) + port.to_bytes(2, "big") + (80).to_bytes(2, "big")


@pytest.mark.parametrize("method", [Forward.MASQ, Forward.DROUTE, Forward.TUNNEL])
def test_what_the_engine_makes_goes_to_the_maps_and_is_listed_once(shared: Shared, method: int) -> None:
    shared.service(method=method)
    for port in range(40000, 40004):
        shared.from_client(port)
    assert shared.offloaded() == 0
    shared.settle()
    assert shared.offloaded() == 4
    assert shared.table.count == 0
    assert shared.counts() == [(2, 0), (2, 0)]
    listed = list(shared.engine.ns.connections)
    assert sorted(conn.cport for conn in listed) == [40000, 40001, 40002, 40003]
    assert all(isinstance(conn, View) and conn.expires > shared.now for conn in listed)
    shared.settle()
    assert shared.offloaded() == 4


def test_a_packet_that_comes_up_takes_its_connection_back_with_its_state(shared: Shared) -> None:
    shared.service()
    shared.from_client(40000)
    shared.settle()
    shared.now += 5
    shared.from_client(40000, ACK)
    assert shared.offloaded() == 0
    conn = shared.engine.ns.connections.find_in(6, inner_key(40000))
    assert conn is not None
    assert not isinstance(conn, View)
    assert conn.in_pkts == 2
    assert conn.dest is not None
    assert conn.dest.refcnt == 1
    assert sorted(shared.counts()) == [(0, 0), (1, 0)]
    shared.settle()
    assert shared.offloaded() == 1
    assert sorted(shared.counts()) == [(0, 0), (1, 0)]


def test_a_servers_packet_finds_it_too(shared: Shared) -> None:
    shared.service(servers=1)
    shared.from_client(40000)
    shared.settle()
    key = packed("10.1.0.11") + packed(CLIENT) + (8080).to_bytes(2, "big") + (40000).to_bytes(2, "big")
    conn = shared.engine.ns.connections.find_out(6, key)
    assert conn is not None
    assert (conn.cport, conn.vport, conn.dport) == (40000, 80, 8080)
    assert not list(shared.fast.conns4.items()), "both entries went along"


def test_one_that_comes_back_often_stays(shared: Shared) -> None:
    shared.service(servers=1)
    shared.from_client(40000)
    shared.settle()
    for _ in range(OFTEN):
        shared.now += 2 * HOLD
        shared.from_client(40000, ACK)
        shared.settle()
        assert shared.offloaded() == 1
    shared.now += 2 * HOLD
    shared.from_client(40000, ACK)
    shared.settle()
    assert shared.offloaded() == 0
    assert shared.table.handover.due == pytest.approx(shared.now + 2 * HOLD)
    shared.now += 2 * HOLD
    shared.settle()
    assert shared.offloaded() == 1


def test_one_whose_time_is_over_is_not_taken_back(shared: Shared) -> None:
    shared.service(servers=1)
    shared.from_client(40000)
    shared.settle()
    shared.now += 3600
    shared.set_clock()
    shared.engine.ns.now = shared.now
    assert list(shared.engine.ns.connections) == []
    assert shared.engine.ns.connections.find_in(6, inner_key(40000)) is None
    assert shared.counts_of(0) == (0, 0)
    assert shared.dest().refcnt == 0


def test_the_end_of_a_view_is_the_connections(shared: Shared) -> None:
    shared.service()
    for port in range(40000, 40006):
        shared.from_client(port)
    shared.settle()
    dest = shared.dest(0)
    for conn in shared.engine.ns.connections:
        if conn.dest is dest:
            expiry.delete(shared.engine.ns, conn)
    assert shared.offloaded() == 3
    assert shared.counts() == [(0, 0), (3, 0)]
    assert dest.refcnt == 0


def test_the_end_of_an_old_view_is_that_of_what_there_is_now(shared: Shared) -> None:
    shared.service()
    shared.from_client(40000)
    shared.settle()
    (old,) = shared.engine.ns.connections
    (conn,) = shared.fast.connections()
    shared.counts()
    conn.inactive = True  # as programs do with a FIN
    shared.fast.insert(conn)
    shared.count(conn.dest, active=-1, inactive=1)
    expiry.delete(shared.engine.ns, old)
    assert list(shared.fast.conns4.items()) == []
    row = shared.fast.destination(conn.dest)
    assert (row["active"], row["inactive"]) == (0, 0)
    assert shared.counts() == [(0, 0), (0, 0)]


def test_a_persistent_services_connections_hold_their_template(shared: Shared) -> None:
    shared.service(servers=1, persist=60)
    shared.table.mapped.takes = lambda template: False  # type: ignore[method-assign]
    shared.from_client(40000)
    shared.from_client(40001)
    shared.settle()
    assert shared.offloaded() == 2
    template = next(conn for conn in shared.engine.ns.connections if conn.template)
    assert template.n_control == 2
    gone = next(conn for conn in shared.fast.connections() if conn.cport == 40000)
    shared.fast.remove(gone)  # as programs do when a new one takes its place
    shared.table.audit()
    shared.table.audit()
    assert template.n_control == 1
    left = next(conn for conn in shared.engine.ns.connections if not conn.template)
    expiry.delete(shared.engine.ns, left)
    assert template.n_control == 0


def test_all_of_a_server_come_back(shared: Shared) -> None:
    shared.service()
    for port in range(40000, 40006):
        shared.from_client(port)
    shared.settle()
    place = shared.mirror.places[shared.dest(1)]
    list(shared.table.come_back([place]))
    assert shared.offloaded() == 3
    assert all(conn.dest != place.number for conn in shared.fast.connections())
    assert shared.counts() == [(3, 0), (3, 0)]
    assert shared.table.came_back == 3
    shared.settle()
    assert shared.offloaded() == 6, "nothing stands against them"


def test_many_come_back_in_stretches(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, "TAKEN", 4)
    monkeypatch.setattr(fast, "STRETCH", 10)
    shared.service(servers=1)
    for port in range(40000, 40030):
        shared.from_client(port)
    shared.settle()
    place = shared.mirror.places[shared.dest(0)]
    left = [30]
    for _ in shared.table.come_back([place]):
        left.append(shared.offloaded())
    left.append(shared.offloaded())
    assert left[-1] == 0
    assert all(0 <= before - after <= 4 for before, after in pairwise(left))
