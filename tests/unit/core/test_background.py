from pyvs.core import background
from pyvs.core.connections.birth import new_connection
from pyvs.core.connections.expiry import put
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Proto
from pyvs.core.namespace import Namespace
from pyvs.core.services.service import Service
from pyvs.core.stats import estimator
from pyvs.core.stats.estimator import STRETCH
from pyvs.testing.environment import FixedEnvironment

WEB = ServiceKey(Family.INET, Proto.TCP, bytes((192, 0, 2, 100)), 80)
SERVER = DestKey(bytes((10, 1, 0, 11)), 80)


def run(ns: Namespace, until: float) -> list[float]:
    """Let time pass as the engine does; when something was done."""
    times = []
    while background.next_time(ns) <= until:
        ns.now = background.next_time(ns)
        times.append(ns.now)
        background.handle(ns)
    ns.now = until
    return times


def test_defence_each_second_estimator_each_two() -> None:
    ns = Namespace(FixedEnvironment(pages=0), now=100.5)
    ns.stats.conns = 8
    ns.sysctl.drop_entry = 1
    assert run(ns, 102.0) == [101.5]
    assert ns.defense.drop_entries
    assert estimator.totals(ns.stats).conns == 0
    assert run(ns, 103.0) == [102.5]
    assert estimator.totals(ns.stats).conns == 8


def test_missed_runs_are_not_made_up_for() -> None:
    ns = Namespace(FixedEnvironment(), now=0.0)
    ns.now = 1e9 + 0.25
    background.handle(ns)
    assert (ns.next_defense, ns.next_estimate) == (1e9 + 1, 1e9 + 2)


def test_trash_each_minute_while_there_is_any() -> None:
    engine = Engine(FixedEnvironment())
    ns, control = engine.ns, engine.control
    control.new_service(ServiceSpec(WEB, "rr"), 0.0)
    control.new_dest(WEB, DestSpec(SERVER), 0.0)
    control.del_service(WEB, 0.5)
    ns.next_defense = ns.next_estimate = 1e6
    assert run(ns, 1000.0) == [60.5, 120.5, 180.5]
    assert len(ns.trash) == 0


def test_connections_of_a_removed_server() -> None:
    """Recorded: gone a tick after the removal, but not if the server is back by then."""
    engine = Engine(FixedEnvironment())
    ns, control = engine.ns, engine.control
    control.sysctl_write("expire_nodest_conn", "1", 0.0)
    control.new_service(ServiceSpec(WEB, "rr"), 0.0)
    control.new_dest(WEB, DestSpec(SERVER), 0.0)
    (service,) = ns.services
    (dest,) = service.destinations
    conn = new_connection(
        ns, Family.INET, Proto.TCP, bytes(4), 40001, WEB.addr, 80, Family.INET, SERVER.addr, 80, 0, dest
    )
    put(ns, conn)
    for back, left in ((True, 1), (False, 0)):
        control.del_dest(WEB, SERVER, ns.now)
        if back:
            control.new_dest(WEB, DestSpec(SERVER), ns.now)
        engine.handle_timeouts(ns.now + 0.02)
        engine.handle_timeouts(ns.now + 0.2)
        assert ns.connections.count == left
    assert dest.refcnt == 0


def test_clock_that_counts_in_hundredths_never_waits_for_a_rounding_error() -> None:
    ns = Namespace(FixedEnvironment(), now=0.07)
    for _ in range(2000):
        due = background.next_time(ns)
        ns.now = round(due * 100) / 100
        background.handle(ns)
        assert background.next_time(ns) > due


def test_a_run_over_many_objects_is_done_in_stretches() -> None:
    ns = Namespace(FixedEnvironment(), now=0.0)
    services = [
        Service(Family.INET, 6, number.to_bytes(4, "big"), 80, 0) for number in range(2 * STRETCH + 10)
    ]
    for service in services:
        ns.services.add(service)
        service.stats.conns = 4
    ns.now = 2.0
    background.handle(ns)
    assert sum(service.stats.shown.conns == 4 for service in services) == STRETCH
    assert background.next_time(ns) == ns.now
    ns.services.remove(services[0])
    background.handle(ns)
    background.handle(ns)
    assert all(service.stats.shown.conns == 4 for service in services)
    assert background.next_time(ns) > ns.now
