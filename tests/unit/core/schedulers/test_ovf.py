from pyvs.core.schedulers.ovf import WeightedOverflow
from pyvs.testing.schedulers import SchedulerBench


def test_lets_one_more_in_than_the_weight_says() -> None:
    bench = SchedulerBench(WeightedOverflow, [2, 3])
    assert bench.numbers(8, begin=True) == [2] * 4 + [1] * 3 + [None]
