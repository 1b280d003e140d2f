from pyvs.core.schedulers.sed import ShortestExpectedDelay
from pyvs.testing.schedulers import SchedulerBench


def test_counts_the_one_to_come() -> None:
    bench = SchedulerBench(ShortestExpectedDelay, [1, 10])
    bench.servers[2].activeconns = 5
    assert bench.number() == 2
    bench.servers[2].activeconns = 10
    assert bench.number() == 1


def test_inactive_connections_do_not_count() -> None:
    bench = SchedulerBench(ShortestExpectedDelay, [1, 1])
    bench.servers[2].inactconns = 10_000
    assert bench.number() == 2
