from pyvs.core.schedulers.fo import WeightedFailover
from pyvs.testing.schedulers import SchedulerBench


def test_the_heaviest_takes_all_the_first_of_several() -> None:
    bench = SchedulerBench(WeightedFailover, [7, 7, 3])
    assert bench.numbers(3, begin=True) == [2, 2, 2]
    bench.servers[2].overloaded = True
    assert bench.number() == 1
    bench.weigh(1, 0)
    assert bench.number() == 3
