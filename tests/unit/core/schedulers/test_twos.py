from collections import Counter

from pyvs.core.schedulers.twos import TwoChoices
from pyvs.testing.schedulers import SchedulerBench


class Draws:
    """Surroundings whose chance is written down."""

    now = 0.0

    def __init__(self, *numbers: int) -> None:
        self.numbers = list(numbers)
        self.below: list[int] = []

    def random(self, below: int) -> int:
        self.below.append(below)
        return self.numbers.pop(0)

    def setting(self, name: str) -> int:
        raise AssertionError(name)


def picked(bench: SchedulerBench, *numbers: int) -> int | None:
    draws = Draws(*numbers)
    bench.scheduler.surroundings = draws
    number = bench.number()
    assert draws.below == [sum(s.weight for s in bench.servers.values()) + 1] * 2
    return number


def test_the_less_loaded_of_two_for_its_weight() -> None:
    bench = SchedulerBench(TwoChoices, [2, 3])
    # Newest first: server 2 holds the draws 0 to 3, server 1 holds 4 and 5.
    bench.servers[2].activeconns = 3
    bench.servers[1].activeconns = 2
    assert picked(bench, 3, 4) == 2
    assert picked(bench, 5, 0) == 1
    bench.servers[1].activeconns = 1
    assert picked(bench, 3, 4) == 1
    assert picked(bench, 0, 3) == 2


def test_a_tie_goes_to_the_first_draw() -> None:
    bench = SchedulerBench(TwoChoices, [1, 1])
    assert picked(bench, 2, 0) == 1
    assert picked(bench, 0, 2) == 2


def test_spreads_by_weight_when_idle() -> None:
    bench = SchedulerBench(TwoChoices, [1, 3], seed=5)
    share = Counter(bench.numbers(2000))
    assert 0.15 < share[1] / 2000 < 0.3
