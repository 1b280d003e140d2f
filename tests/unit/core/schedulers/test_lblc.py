from pyvs.core.schedulers.lblc import LocalityLeastConnection
from pyvs.testing.schedulers import SchedulerBench, request


def test_an_address_stays_with_its_server() -> None:
    bench = SchedulerBench(LocalityLeastConnection, [5, 5])
    first = bench.number(request(to="203.0.113.1"), begin=True)
    assert bench.number(request(to="203.0.113.2"), begin=True) != first
    assert {bench.number(request(to="203.0.113.1")) for _ in range(5)} == {first}


def test_leaves_a_crowded_server_when_another_is_half_idle() -> None:
    bench = SchedulerBench(LocalityLeastConnection, [5, 5])
    first = bench.number()
    assert first == 2
    bench.servers[2].activeconns = 6
    bench.servers[1].activeconns = 3
    assert bench.number() == 2
    bench.servers[1].activeconns = 2
    assert bench.number() == 1
    assert bench.number() == 1


def test_leaves_a_removed_or_quiet_server() -> None:
    bench = SchedulerBench(LocalityLeastConnection, [5, 5])
    assert bench.number() == 2
    bench.weigh(2, 0)
    assert bench.number() == 1
    bench.remove(1)
    assert bench.number() is None


def test_holds_servers_only_as_long_as_it_remembers_them() -> None:
    bench = SchedulerBench(LocalityLeastConnection, [5])
    for number in range(20):
        bench.number(request(to=f"203.0.113.{number}"))
    assert bench.servers[1].refcnt == 20
    bench.surroundings.now = 2 * 86400.0
    bench.number(request(to="203.0.113.1"))
    assert bench.servers[1].refcnt == 1
    bench.scheduler.close()
    assert bench.servers[1].refcnt == 0
