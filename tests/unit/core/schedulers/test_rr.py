from pyvs.core.schedulers.rr import RoundRobin
from pyvs.testing.schedulers import SchedulerBench


def test_the_newest_server_is_first() -> None:
    assert SchedulerBench(RoundRobin, [1, 2, 3]).numbers(6) == [3, 2, 1, 3, 2, 1]


def test_goes_on_from_its_place_when_servers_come_and_go() -> None:
    bench = SchedulerBench(RoundRobin, [1] * 5)
    assert bench.numbers(2) == [5, 4]
    bench.add(6)
    assert bench.numbers(1) == [3]
    bench.remove(3)
    assert bench.numbers(2) == [2, 1]


def test_goes_back_to_the_head_when_the_first_was_picked_and_goes() -> None:
    bench = SchedulerBench(RoundRobin, [1, 1, 1])
    assert bench.number() == 3
    bench.remove(3)
    assert bench.number() == 2


def test_passes_over_who_takes_no_more_and_finds_the_last_one_picked_again() -> None:
    bench = SchedulerBench(RoundRobin, [1, 0, 1])
    assert bench.numbers(3) == [3, 1, 3]
    bench.servers[1].overloaded = True
    assert bench.numbers(2) == [3, 3]
