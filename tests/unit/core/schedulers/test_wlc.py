from pyvs.core.schedulers.wlc import WeightedLeastConnection
from pyvs.testing.schedulers import SchedulerBench


def test_connections_follow_the_weights() -> None:
    assert SchedulerBench(WeightedLeastConnection, [1, 2, 3]).numbers(6, begin=True) == [3, 2, 1, 3, 2, 3]


def test_inactive_connections_count_a_little() -> None:
    bench = SchedulerBench(WeightedLeastConnection, [1, 1])
    bench.servers[1].activeconns = 1
    bench.servers[2].inactconns = 255
    assert bench.number() == 2
    bench.servers[2].inactconns = 257
    assert bench.number() == 1
