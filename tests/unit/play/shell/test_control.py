from collections.abc import Callable

import pytest

from pyvs.play.director import Director

Run = Callable[[str], tuple[int, str]]


@pytest.mark.parametrize(
    ("expression", "status"),
    [
        ("a = a", 0),
        ("a != a", 1),
        ("-n ''", 1),
        ("-z ''", 0),
        ("3 -gt 2", 0),
        ("3 -le 2", 1),
        ("! a = b", 0),
        ("a = a -a b = c", 1),
        ("a = b -o b = b", 0),
        ("-e /proc/net/ip_vs", 0),
        ("-f /nosuch", 1),
        ("-s /dev/null", 1),
        ("x", 0),
        ("", 1),
        ("a -eq 1", 2),
        ("a b c d", 2),
    ],
)
def test_test(sh: Run, expression: str, status: int) -> None:
    assert sh(f"test {expression}")[0] == status
    assert sh(f"[ {expression} ]")[0] == status


def test_missing_bracket(sh: Run) -> None:
    assert sh("[ a = a") == (2, "/bin/sh: 1: [: missing ]\n")


def test_sleep_moves_the_clock(sh: Run, director: Director) -> None:
    before = director.clock.now
    assert sh("sleep 0.02; sleep 1s; sleep .5") == (0, "")
    assert director.clock.now == pytest.approx(before + 1.52)
    status, output = sh("sleep x")
    assert (status, "invalid time interval" in output) == (1, True)
