from pyvs.core.schedulers.lc import LeastConnection
from pyvs.testing.schedulers import SchedulerBench


def test_does_not_look_at_weights() -> None:
    bench = SchedulerBench(LeastConnection, [1, 100])
    bench.servers[2].inactconns = 1
    assert bench.number() == 1


def test_a_tie_goes_to_the_newest() -> None:
    assert SchedulerBench(LeastConnection, [1, 1, 1]).numbers(4, begin=True) == [3, 2, 1, 3]


def test_passes_over_weight_0_and_overloaded() -> None:
    bench = SchedulerBench(LeastConnection, [1, 0, 1])
    bench.servers[1].activeconns = 9
    bench.servers[3].overloaded = True
    assert bench.number() == 1
