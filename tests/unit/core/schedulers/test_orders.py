"""Orders known from the recorded kernel, and the corners of each simple scheduler."""

import pytest

from pyvs.core.schedulers import SCHEDULERS
from pyvs.core.services.destination import Destination
from pyvs.testing.schedulers import SchedulerBench


def test_the_newest_server_is_first() -> None:
    assert SchedulerBench(SCHEDULERS["rr"], [1, 2, 3]).numbers(6) == [3, 2, 1, 3, 2, 1]


def test_wrr_begins_at_the_level_that_adding_left() -> None:
    assert SchedulerBench(SCHEDULERS["wrr"], [1, 2, 3]).numbers(9) == [3, 2, 1, 3, 3, 2, 3, 2, 1]


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


def test_rr_goes_on_from_its_place_when_servers_come_and_go() -> None:
    bench = SchedulerBench(SCHEDULERS["rr"], [1] * 5)
    assert bench.numbers(2) == [5, 4]
    bench.add(6)
    assert bench.numbers(1) == [3]
    bench.remove(3)
    assert bench.numbers(2) == [2, 1]


def test_lc_does_not_look_at_weights() -> None:
    bench = SchedulerBench(SCHEDULERS["lc"], [1, 100])
    bench.servers[2].inactconns = 1
    assert bench.number() == 1


def test_an_active_connection_weighs_as_much_as_256_inactive_ones() -> None:
    bench = SchedulerBench(SCHEDULERS["wlc"], [1, 1])
    bench.servers[1].activeconns = 1
    bench.servers[2].inactconns = 255
    assert bench.number() == 2
    bench.servers[2].inactconns = 257
    assert bench.number() == 1


def test_sed_counts_the_one_to_come_and_nq_takes_the_idle_one() -> None:
    for name, expected in (("sed", 2), ("nq", 1)):
        bench = SchedulerBench(SCHEDULERS[name], [1, 10])
        bench.servers[2].activeconns = 5
        assert bench.number() == expected


def test_fo_takes_the_heaviest_the_first_of_several() -> None:
    bench = SchedulerBench(SCHEDULERS["fo"], [7, 7, 3])
    assert bench.number() == 2
    bench.servers[2].overloaded = True
    assert bench.number() == 1


def test_ovf_lets_one_more_in_than_the_weight_says() -> None:
    bench = SchedulerBench(SCHEDULERS["ovf"], [2, 3])
    assert bench.numbers(8, begin=True) == [2] * 4 + [1] * 3 + [None]


def test_wrr_does_not_count_levels_down_for_an_overloaded_giant() -> None:
    bench = SchedulerBench(SCHEDULERS["wrr"], [1, 2**31 - 1])
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
