import pytest

from pyvs.core.flags import Family, Proto
from pyvs.core.services import thresholds
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service


def server(u_threshold: int, l_threshold: int = 0) -> Destination:
    service = Service(Family.INET, Proto.TCP, bytes((192, 0, 2, 100)), 80, 0)
    destination = Destination(Family.INET, bytes((10, 1, 0, 11)), 80, service)
    thresholds.changed(destination, u_threshold, l_threshold)
    return destination


def course(destination: Destination, counts: range, step: "str") -> list[int]:
    """At which counts of connections it is overloaded."""
    marked = []
    for count in counts:
        destination.activeconns, destination.inactconns = count - count // 2, count // 2
        (thresholds.bound if step == "bound" else thresholds.unbound)(destination)
        if destination.overloaded:
            marked.append(count)
    return marked


@pytest.mark.parametrize(
    ("upper", "lower", "down_to"),
    [(8, 0, 6), (8, 5, 5), (8, 8, 8), (1, 0, 1), (5, 0, 4), (4, 0, 3)],
)
def test_hysteresis(upper: int, lower: int, down_to: int) -> None:
    """Up at the upper threshold; down below the lower one, else below three quarters of the upper."""
    destination = server(upper, lower)
    assert course(destination, range(12), "bound") == list(range(upper, 12))
    assert course(destination, range(11, -1, -1), "unbound") == list(range(11, down_to - 1, -1))


def test_without_thresholds() -> None:
    destination = server(0)
    assert course(destination, range(100), "bound") == []
    destination.overloaded = True
    thresholds.unbound(destination)
    assert not destination.overloaded


@pytest.mark.parametrize(
    ("before", "after", "still"), [(3, 3, True), (3, 1, True), (1, 2, False), (3, 0, False)]
)
def test_change(before: int, after: int, still: bool) -> None:
    destination = server(before)
    destination.overloaded = True
    thresholds.changed(destination, after, 1)
    assert (destination.overloaded, destination.u_threshold, destination.l_threshold) == (still, after, 1)
