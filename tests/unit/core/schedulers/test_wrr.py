from pyvs.core.schedulers.wrr import WeightedRoundRobin
from pyvs.core.services.destination import Destination
from pyvs.testing.schedulers import SchedulerBench


def test_begins_at_the_level_that_adding_left() -> None:
    assert SchedulerBench(WeightedRoundRobin, [1, 2, 3]).numbers(9) == [3, 2, 1, 3, 3, 2, 3, 2, 1]


def test_weights_with_a_common_divisor_make_short_rounds() -> None:
    bench = SchedulerBench(WeightedRoundRobin, [100, 200])
    bench.numbers(3)
    assert bench.numbers(6) == [2, 1, 2, 2, 1, 2]


def test_a_change_begins_at_the_head_again() -> None:
    bench = SchedulerBench(WeightedRoundRobin, [1, 1, 1])
    assert bench.numbers(2) == [3, 2]
    bench.weigh(1, 1)
    assert bench.numbers(3) == [3, 2, 1]


def test_all_overloaded_then_one_is_not() -> None:
    bench = SchedulerBench(WeightedRoundRobin, [3, 2])
    bench.numbers(3)
    for server in bench.servers.values():
        server.overloaded = True
    assert bench.numbers(3) == [None] * 3
    bench.servers[2].overloaded = False
    assert bench.numbers(3) == [2] * 3


def test_does_not_count_levels_down_for_an_overloaded_giant() -> None:
    bench = SchedulerBench(WeightedRoundRobin, [1, 2**31 - 1])
    read = 0

    class Counting(list[Destination]):
        def __getitem__(self, index):  # type: ignore[no-untyped-def]
            nonlocal read
            read += 1
            return super().__getitem__(index)

    bench.service.destinations = Counting(bench.service.destinations)
    bench.servers[2].overloaded = True
    assert bench.numbers(3) == [1, 1, 1]
    assert read < 40


def test_below_an_overloaded_giant_the_others_keep_their_shares() -> None:
    bench = SchedulerBench(WeightedRoundRobin, [10, 20, 1000])
    bench.servers[3].overloaded = True
    picked = bench.numbers(12)
    assert (picked.count(1), picked.count(2), picked.count(3)) == (4, 8, 0)
