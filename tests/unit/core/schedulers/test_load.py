import pytest

from pyvs.core.schedulers.load import crowded, least_loaded, load, most_loaded
from pyvs.core.schedulers.wlc import WeightedLeastConnection
from pyvs.core.services.destination import Destination
from pyvs.testing.schedulers import SchedulerBench


def servers(*rows: tuple[int, int, int]) -> list[Destination]:
    """Weight, active and inactive connections of each."""
    bench = SchedulerBench(WeightedLeastConnection, [weight for weight, _, _ in reversed(rows)])
    for server, (_, active, inactive) in zip(bench.service.destinations, rows, strict=True):
        server.activeconns, server.inactconns = active, inactive
    return bench.service.destinations


def test_an_active_connection_weighs_as_much_as_256_inactive_ones() -> None:
    assert [load(server) for server in servers((1, 1, 0), (1, 0, 256), (1, 2, 3))] == [256, 256, 515]


@pytest.mark.parametrize(
    ("rows", "least", "most"),
    [
        ([(1, 1, 0), (1, 0, 255)], 1, 0),
        ([(1, 1, 0), (1, 0, 256)], 0, 0),
        ([(1, 1, 0), (3, 2, 0)], 1, 0),
        ([(2, 1, 0), (4, 2, 0)], 0, 0),
        ([(0, 0, 0), (1, 9, 0), (0, 99, 0)], 1, 1),
    ],
)
def test_least_and_most_for_the_weight(rows: list[tuple[int, int, int]], least: int, most: int) -> None:
    row = servers(*rows)
    assert least_loaded(row) is row[least]
    assert most_loaded(row) is row[most]


def test_overloaded_ones_can_be_the_most_loaded_only() -> None:
    row = servers((1, 1, 0), (1, 2, 0))
    row[0].overloaded = row[1].overloaded = True
    assert least_loaded(row) is None
    assert most_loaded(row) is row[1]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [((5, 6, 0), (5, 2, 0), True), ((5, 5, 0), (5, 2, 0), False), ((5, 6, 0), (4, 2, 0), False)],
)
def test_crowded(one: tuple[int, int, int], other: tuple[int, int, int], expected: bool) -> None:
    row = servers(one, other)
    assert crowded(row[0], row) is expected
