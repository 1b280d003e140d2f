from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from pyvs.core.connections import expiry
from pyvs.core.connections.connection import Connection
from pyvs.core.connections.table import in_key
from pyvs.core.engine import Engine
from pyvs.core.flags import ConnFlag, Family, Forward, Proto
from pyvs.core.namespace import Namespace
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service
from pyvs.core.tracking import Tracking

Make = Callable[..., Connection]


def template(make: Make, **given: int) -> Connection:
    return make(cport=0, flags=ConnFlag.TEMPLATE, **given)


def passes(engine: Engine, until: float) -> None:
    engine.handle_timeouts(until)


def test_put_gives_it_its_time_from_now(engine: Engine, ns: Namespace, make: Make) -> None:
    conn = make()
    conn.timeout = 60
    ns.now = 5.0
    expiry.put(ns, conn)
    assert conn.expires == 65.0
    passes(engine, 64.99)
    assert list(ns.connections) == [conn]
    passes(engine, 65.0)
    assert list(ns.connections) == []


def test_one_packet_connections_end_when_put(ns: Namespace, dest: Destination, make: Make) -> None:
    conn = make(protocol=Proto.UDP, flags=ConnFlag.ONE_PACKET)
    assert dest.inactconns == 1
    expiry.put(ns, conn)
    assert (dest.inactconns, dest.refcnt, conn.dest) == (0, 0, None)


def test_a_one_packet_connection_whose_timer_runs_is_left_to_it(
    ns: Namespace, dest: Destination, make: Make
) -> None:
    conn = make(protocol=Proto.UDP, flags=ConnFlag.ONE_PACKET)
    ns.timers.set(conn)
    expiry.put(ns, conn)
    assert (conn.dest, dest.inactconns, conn.expires) == (dest, 1, 3.0)


def test_expire_now_leaves_one_that_is_due_alone(ns: Namespace, make: Make) -> None:
    conn = make()
    conn.timeout = 60
    expiry.put(ns, conn)
    ns.now = conn.expires
    expiry.expire_now(ns, conn)
    assert conn.expires == 60


def test_expire_now_ends_it_at_the_next_tick(engine: Engine, ns: Namespace, make: Make) -> None:
    conn = make()
    conn.timeout = 60
    expiry.put(ns, conn)
    ns.now = 5.0
    expiry.expire_now(ns, conn)
    assert list(ns.connections) == [conn]
    passes(engine, 5.0)
    assert list(ns.connections) == [conn]
    passes(engine, 5.01)
    assert list(ns.connections) == []


def test_expire_now_leaves_one_without_timer_alone(ns: Namespace, make: Make) -> None:
    conn = make()
    expiry.expire_now(ns, conn)
    assert conn.slot == -1
    assert ns.timers.next_slot_time() is None


def test_one_that_controls_others_waits_a_minute_more(engine: Engine, ns: Namespace, make: Make) -> None:
    above, below = template(make), make()
    above.timeout, below.timeout = 10, 100
    expiry.control_add(below, above)
    assert (below.control, above.n_control) == (above, 1)
    expiry.put(ns, above)
    expiry.put(ns, below)
    passes(engine, 10.0)
    assert above.expires == 70.0
    passes(engine, 70.0)
    passes(engine, 100.0)
    assert list(ns.connections) == [above]
    assert above.n_control == 0
    passes(engine, 130.0)
    assert list(ns.connections) == []


def test_one_that_controls_others_is_told_to_the_backup(
    ns: Namespace, make: Make, monkeypatch: object
) -> None:
    class Master:
        is_master = True
        told: list[Connection] = []  # noqa: RUF012

        def note_conn(self, conn: Connection) -> None:
            self.told.append(conn)

    ns.sync = Master()  # type: ignore[assignment]
    above = template(make)
    expiry.control_add(make(), above)
    expiry.expire(ns, above)
    assert Master.told == [above]


def test_a_connection_has_one_controller(make: Make) -> None:
    one, other, below = template(make), template(make), make()
    expiry.control_add(below, one)
    expiry.control_add(below, other)
    assert (one.n_control, other.n_control, below.control) == (0, 1, other)
    expiry.control_del(below)
    expiry.control_del(below)
    assert (other.n_control, below.control) == (0, None)


def test_deleting_a_connection_takes_its_unassured_template_along(
    engine: Engine, ns: Namespace, make: Make
) -> None:
    above, below = template(make), make()
    for one in (above, below):
        one.timeout = 300
        expiry.put(ns, one)
    expiry.control_add(below, above)
    expiry.delete(ns, below)
    assert list(ns.connections) == [above]
    passes(engine, 0.01)
    assert list(ns.connections) == []


def test_an_assured_template_stays(engine: Engine, ns: Namespace, make: Make) -> None:
    above, below = template(make), make()
    for one in (above, below):
        one.timeout = 300
        expiry.put(ns, one)
    expiry.control_add(below, above)
    expiry.assure(below)
    assert above.state == expiry.ASSURED
    expiry.delete(ns, below)
    passes(engine, 1.0)
    assert list(ns.connections) == [above]


def test_a_template_with_others_left_stays(engine: Engine, ns: Namespace, make: Make) -> None:
    above, below, other = template(make), make(), make(cport=2)
    for one in (above, below, other):
        one.timeout = 300
        expiry.put(ns, one)
    for one in (below, other):
        expiry.control_add(one, above)
    expiry.delete(ns, below)
    passes(engine, 1.0)
    assert above.n_control == 1
    assert set(ns.connections) == {above, other}


def test_an_ordinary_end_leaves_the_template_its_time(engine: Engine, ns: Namespace, make: Make) -> None:
    above, below = template(make), make()
    above.timeout, below.timeout = 300, 10
    for one in (above, below):
        expiry.put(ns, one)
    expiry.control_add(below, above)
    passes(engine, 10.0)
    passes(engine, 11.0)
    assert list(ns.connections) == [above]
    assert above.timeout == 300


def test_only_templates_are_assured(make: Make) -> None:
    control, below = make(), make(cport=2)
    expiry.control_add(below, control)
    expiry.assure(below)
    expiry.assure(control)
    assert control.state == 0


def test_deleting_what_is_not_hashed_does_nothing(ns: Namespace, dest: Destination, make: Make) -> None:
    conn = make(protocol=Proto.UDP, flags=ConnFlag.ONE_PACKET)
    expiry.delete(ns, conn)
    assert dest.inactconns == 1


def test_the_clients_port_is_learnt(ns: Namespace, make: Make) -> None:
    conn = make(cport=0, flags=ConnFlag.NO_CPORT)
    expiry.fill_cport(ns, conn, 1025)
    assert (conn.cport, conn.flags & ConnFlag.NO_CPORT, ns.connections.no_cport) == (1025, 0, 0)
    assert ns.connections.find_in(Proto.TCP, in_key(conn)) is conn
    once = make(cport=0, protocol=Proto.UDP, flags=ConnFlag.ONE_PACKET)
    expiry.fill_cport(ns, once, 1025)
    assert not once.flags & ConnFlag.HASHED


def test_connections_and_templates_of_removed_servers_end(
    ns: Namespace, dest: Destination, make: Make
) -> None:
    above, below, stranger = template(make), make(), make(dest=None, cport=9, flags=Forward.BYPASS)
    expiry.control_add(below, above)
    dest.available = False
    list(expiry.expire_nodest(ns))
    assert list(ns.connections) == [stranger]
    assert dest.refcnt == 0


def test_one_alone_ends_and_a_controller_of_others_stays(
    ns: Namespace, service: Service, dest: Destination, make: Make
) -> None:
    other = Destination(Family.INET, bytes((10, 1, 0, 12)), 8080, service)
    other.available = True
    above, alone, below, stays = make(dest=other), make(cport=1), make(cport=2), make(cport=3, dest=other)
    above.timeout = 300
    expiry.put(ns, above)
    for one in (below, stays):
        expiry.control_add(one, above)
    dest.available = False
    list(expiry.expire_nodest(ns))
    assert set(ns.connections) == {above, stays}
    assert (above.timeout, above.n_control, alone.slot) == (300, 1, -1)


def test_connections_of_servers_that_are_there_stay(ns: Namespace, make: Make) -> None:
    conn = make()
    list(expiry.expire_nodest(ns))
    assert list(ns.connections) == [conn]


def test_flushing_ends_all_from_below(ns: Namespace, dest: Destination, make: Make) -> None:
    top, middle, bottom = template(make), make(), make(cport=2)
    expiry.control_add(middle, top)
    expiry.control_add(bottom, middle)
    expiry.put(ns, bottom)
    expiry.flush(ns)
    assert list(ns.connections) == []
    assert (dest.refcnt, dest.persistconns, bottom.slot) == (0, 0, -1)
    assert ns.timers.due(1e6, 100) == []


def test_a_ring_of_controllers_does_not_hang_the_flush(ns: Namespace, make: Make) -> None:
    one, other = make(), make(cport=2)
    expiry.control_add(one, other)
    expiry.control_add(other, one)
    expiry.flush(ns)
    assert ns.connections.count == 2


def test_connection_tracking_forgets_it_unless_it_was_one_packet(ns: Namespace, make: Make) -> None:
    class Recorder(Tracking):
        def __init__(self) -> None:
            self.forgotten: list[Connection] = []

        def forget(self, conn: Connection) -> None:
            self.forgotten.append(conn)

    ns.tracking = recorder = Recorder()
    ns.sysctl.conntrack = 1
    tracked, once = make(), make(protocol=Proto.UDP, flags=ConnFlag.ONE_PACKET)
    ns.sysctl.conntrack = 0
    for conn in (tracked, once, make(cport=3)):
        expiry.expire(ns, conn)
    assert recorder.forgotten == [tracked]


def test_flushing_a_long_chain_whatever_its_order(ns: Namespace, dest: Destination, make: Make) -> None:
    chain = [make(cport=port) for port in range(1, 13)]
    for below, above in pairwise(chain):
        expiry.control_add(below, above)
    expiry.flush(ns)
    assert ns.connections.count == dest.refcnt == 0
