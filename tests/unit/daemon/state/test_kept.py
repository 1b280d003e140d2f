"""Rows add up: the latest of each thing counts."""

from __future__ import annotations

from typing import Any

import pytest

from pyvs.daemon.state.kept import Kept

K, S = "tcp/192.0.2.100/80", "10.1.0.1/80"
SERVICE = ["service", K, "rr", 0, 0, 4294967295, ""]
SERVER = ["server", K, S, 0, 1, 0, 0, 0, 0, 0]
DRAIN = ["drain", K, S, None]
POLICY = ["policy", K, 5.0, "rst", False]


def folded(*rows: list[Any]) -> list[list[Any]]:
    """What is left; and that rows taken in twice change nothing."""
    kept = Kept()
    for row in rows:
        kept.fold(row)
    once = list(kept.rows())
    for row in rows[-1:]:
        kept.fold(row)
    assert list(kept.rows()) == once
    assert bool(kept) == bool(once)
    return once


@pytest.mark.parametrize(
    ("rows", "left"),
    [
        ([SERVICE, SERVER, DRAIN, POLICY], [SERVICE, SERVER, DRAIN, POLICY]),
        ([SERVICE, SERVER, [*SERVER[:4], 9, *SERVER[5:]]], [SERVICE, [*SERVER[:4], 9, *SERVER[5:]]]),
        ([SERVICE, SERVER, DRAIN, ["-drain", K, S]], [SERVICE, SERVER]),
        ([SERVICE, SERVER, DRAIN, ["-server", K, S]], [SERVICE]),
        ([SERVICE, SERVER, POLICY, ["-service", K]], []),
        ([SERVICE, ["service", "fwm/5", "wlc", 0, 0, 0, ""], ["flush"]], []),
        ([["all", [SERVICE, SERVER]], ["all", [["-server", K, S]]]], [SERVICE]),
        ([["timeouts", 1, 2, 3], ["timeouts", 4, 5, 6]], [["timeouts", 4, 5, 6]]),
        ([["sysctl", "a", "1"], ["sysctl", "b", "1"], ["sysctl", "a", "2"]],
         [["sysctl", "a", "2"], ["sysctl", "b", "1"]]),
        ([["daemon", 1, "eth0", 0, 0, "", 0, 0], ["daemon", 2, "eth0", 0, 0, "", 0, 0], ["-daemon", 1]],
         [["daemon", 2, "eth0", 0, 0, "", 0, 0]]),
        ([["masquerade", "network", "add", "10.1.0.0/24"], ["masquerade", "network", "delete", "10.1.0.0/24"]], []),
        ([["masquerade", "agent", "add", "10.1.0.1", "80"], ["masquerade", "agent", "add", "10.1.0.1", "81"]],
         [["masquerade", "agent", "add", "10.1.0.1", "81"]]),
    ],
)  # fmt: skip
def test_rows_add_up(rows: list[list[Any]], left: list[list[Any]]) -> None:
    assert folded(*rows) == left


def portfw(verb: str, lport: str, raddr: str = "10.1.0.1", rport: str = "80", pref: str = "10") -> list[Any]:
    return ["masquerade", "portfw", verb, "tcp", "192.0.2.1", lport, raddr, rport, pref]


def test_port_forwarding_keeps_its_order() -> None:
    assert folded(portfw("add", "80"), portfw("add", "81"), portfw("edit", "80", pref="3")) == [
        portfw("add", "80", pref="3"),
        portfw("add", "81"),
    ]
    assert folded(portfw("add", "80"), portfw("delete", "80")) == []
    wide = portfw("delete", "80", "0.0.0.0", "0")
    assert folded(portfw("add", "80"), portfw("add", "81"), wide) == [
        portfw("add", "80"),
        portfw("add", "81"),
        wide,
    ]
    assert folded(portfw("add", "80"), ["masquerade", "portfw", "flush"]) == []


@pytest.mark.parametrize(
    "row",
    [
        ["nosuch"],
        ["service"],
        ["server", "x", "y"],
        ["all", 5],
        [5],
        ["masquerade"],
        ["timeouts", 900, 120],
        ["timeouts", 900, 120, 300, 7],
        ["all", [["all", []]]],
        ["rules"],
    ],
)
def test_rows_that_make_no_sense_raise(row: list[Any]) -> None:
    with pytest.raises((KeyError, IndexError, TypeError, ValueError)):
        Kept().fold(row)
