"""What holds for all schedulers of the register."""

import pytest

from pyvs.core.schedulers import SCHEDULERS
from pyvs.core.schedulers.scheduler import Scheduler
from pyvs.testing.schedulers import SchedulerBench, request


@pytest.mark.parametrize("name", SCHEDULERS)
def test_the_name_is_that_of_the_register(name: str) -> None:
    assert SCHEDULERS[name].name == name


@pytest.mark.parametrize("name", SCHEDULERS)
def test_no_servers_no_choice(name: str) -> None:
    bench = SchedulerBench(SCHEDULERS[name], [])
    assert bench.number() is None
    bench.add(1, 0)
    assert bench.number() is None
    bench.remove(1)
    assert bench.number() is None


@pytest.mark.parametrize("name", SCHEDULERS)
def test_holds_no_server_when_closed(name: str) -> None:
    bench = SchedulerBench(SCHEDULERS[name], [1, 2, 3])
    bench.numbers(5, begin=True)
    bench.scheduler.close()
    assert [server.refcnt for server in bench.servers.values()] == [0, 0, 0]


def test_an_unfinished_one_says_so() -> None:
    with pytest.raises(NotImplementedError):
        SchedulerBench(Scheduler, [1]).scheduler.pick(request())
