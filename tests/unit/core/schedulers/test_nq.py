from pyvs.core.schedulers.nq import NeverQueue
from pyvs.testing.schedulers import SchedulerBench


def test_an_idle_server_first_however_light() -> None:
    bench = SchedulerBench(NeverQueue, [1, 10])
    bench.servers[2].activeconns = 5
    assert bench.number() == 1
    bench.servers[1].overloaded = True
    assert bench.number() == 2


def test_none_idle_then_as_sed() -> None:
    bench = SchedulerBench(NeverQueue, [1, 10])
    bench.servers[1].activeconns = 1
    bench.servers[2].activeconns = 5
    assert bench.number() == 2
