from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import pytest

from pyvs.lab import course
from pyvs.lab.course import Meter, Outcome, Result, Round, Settings
from pyvs.lab.load import Tally

T = TypeVar("T")


def result(good: int = 3, bad: int = 0, known: int = 3, planned: int = 3) -> Result:
    return Result(Round("nat", 4), planned, Tally(Counter(server1=good), Counter(late=bad)), known)


def test_rounds_go_through_the_methods_and_their_families() -> None:
    rounds = Settings(methods=("dr", "nat"), families=(6, 4)).rounds
    assert rounds == [Round("dr", 6), Round("dr", 4), Round("nat", 6), Round("nat", 4)]


def test_a_round_is_good_if_all_was_served_by_way_of_the_director() -> None:
    assert result().is_good
    assert not result(good=2, bad=1).is_good
    assert not result(good=2).is_good
    assert not result(known=2).is_good


def test_nothing_run_is_nothing_good() -> None:
    assert not Outcome().is_good


def test_one_bad_round_spoils_the_outcome() -> None:
    outcome = Outcome([result(), result(good=2, bad=1)])
    assert not outcome.is_good
    assert (outcome.planned, outcome.tally.good, outcome.tally.bad) == (6, 5, 1)
    assert Outcome([result(), result()]).is_good


def test_the_meter_looks_back_for_its_span() -> None:
    meter = Meter(1.0)
    assert meter.rates(10.0, {"a": 0}) == {}
    assert meter.rates(10.5, {"a": 10}) == {"a": 20.0}
    assert meter.rates(11.0, {"a": 20, "b": 5}) == {"a": 20.0, "b": 5.0}
    assert meter.rates(11.5, {"a": 20, "b": 5}) == {"a": 10.0, "b": 5.0}
    assert meter.rates(12.5, {"a": 20, "b": 5}) == {"a": 0.0, "b": 0.0}


class Server:
    """A real server with these interfaces, which notes what is asked of it."""

    def __init__(self, *interfaces: str) -> None:
        self.interfaces = interfaces
        self.asked: list[list[str]] = []

    def __getitem__(self, host: str) -> "Server":
        return self

    def call(self, function: Callable[[], T]) -> T:
        return function()

    def run(self, host: str, arguments: list[str]) -> None:
        self.asked.append(arguments)

    def start(self, host: str, arguments: list[str]) -> None:
        self.asked.append(arguments[2:])


@pytest.mark.parametrize(
    ("interfaces", "asked"),
    [
        (("lo", "eth0"), [["pyvs.lab.decapsulate", "lvs0", "4", "6"]]),
        (
            ("tunl0",),
            [["ip", "link", "set", "tunl0", "up"], ["rp_filter 0"], ["pyvs.lab.decapsulate", "lvs0", "6"]],
        ),
        (("ip6tnl0",), [["ip", "link", "set", "ip6tnl0", "up"], ["pyvs.lab.decapsulate", "lvs0", "4"]]),
        (
            ("ip6tnl0", "tunl0"),
            [["ip", "link", "set", "tunl0", "up"], ["rp_filter 0"], ["ip", "link", "set", "ip6tnl0", "up"]],
        ),
    ],
)
def test_tunnels_end_in_the_kernel_where_it_has_devices_and_in_our_program_elsewhere(
    interfaces: tuple[str, ...], asked: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(*interfaces)
    monkeypatch.setattr("socket.if_nameindex", lambda: list(enumerate(interfaces)))
    monkeypatch.setattr(
        course,
        "write_sysctl",
        lambda host, name, value: server.asked.append([f"{name.rsplit('/')[-1]} {value}"]),
    )
    tries = iter([False, True] * 2)
    monkeypatch.setattr(course, "listens", lambda families: bool(families) and next(tries))
    course.end_tunnels(server, "server1", (4, 6))  # type: ignore[arg-type]
    assert server.asked == asked
