from pyvs.core.schedulers.lblcr import LocalityReplicated
from pyvs.testing.schedulers import SchedulerBench, request


def crowd(bench: SchedulerBench) -> None:
    """Server 3 serves the address, is crowded, and server 2 is idle: it joins the set."""
    assert bench.number() == 3
    bench.servers[3].activeconns = 6
    bench.servers[1].activeconns = 1
    assert bench.number() == 2


def test_a_crowded_server_is_joined_by_the_least_loaded() -> None:
    bench = SchedulerBench(LocalityReplicated, [5, 5, 5])
    crowd(bench)
    assert [s.refcnt for s in bench.service.destinations] == [1, 1, 0]
    # Now it is the least loaded of the set, and of the set only.
    bench.servers[2].activeconns = 3
    assert bench.number() == 2
    bench.servers[3].activeconns = 0
    assert bench.number() == 3


def test_the_most_loaded_leaves_an_old_set() -> None:
    bench = SchedulerBench(LocalityReplicated, [5, 5, 5])
    bench.surroundings.now = 100.0
    crowd(bench)
    bench.surroundings.now = 86500.0
    assert bench.number() == 2
    assert bench.servers[3].refcnt == 1
    bench.surroundings.now = 86501.0
    assert bench.number() == 2
    assert bench.servers[3].refcnt == 0


def test_a_removed_server_is_passed_over() -> None:
    bench = SchedulerBench(LocalityReplicated, [5, 5, 5])
    crowd(bench)
    gone = bench.remove(2)
    bench.servers[1].activeconns = 4
    assert bench.number() == 3
    bench.scheduler.close()
    assert gone.refcnt == 0


def test_each_address_has_a_set_of_its_own() -> None:
    bench = SchedulerBench(LocalityReplicated, [5, 5, 5])
    crowd(bench)
    assert bench.number(request(to="203.0.113.9")) == 2
    assert bench.number(request(to="203.0.113.10")) == 2


def test_a_set_of_one_keeps_it_however_old() -> None:
    bench = SchedulerBench(LocalityReplicated, [5, 5, 5])
    assert bench.number() == 3
    before = bench.servers[3].refcnt
    for now in (86399.0, 86402.0):  # in use all the time, so it is not forgotten
        bench.surroundings.now = now
        assert bench.number() == 3
    assert bench.servers[3].refcnt == before


def test_an_old_set_of_which_nobody_has_a_weight_any_more() -> None:
    bench = SchedulerBench(LocalityReplicated, [5, 5, 5])
    crowd(bench)
    bench.surroundings.now = 86399.0
    assert bench.number() == 2
    for number in (1, 2, 3):
        bench.weigh(number, 0)
    bench.surroundings.now = 86402.0
    assert bench.number() is None
    assert [bench.servers[number].refcnt for number in (2, 3)] == [1, 1]
