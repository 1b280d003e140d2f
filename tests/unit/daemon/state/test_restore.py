"""Kept rows made true again: each kind, and what becomes of those that are refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.control.specs import DaemonSpec, DestKey, DestSpec, ServiceKey, ServiceSpec, Timeouts
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Forward, Proto, ServiceFlag, SyncState
from pyvs.core.policy.policy import AtExpiry, Policy
from pyvs.daemon.state.kept import _FOLD, Kept
from pyvs.daemon.state.restore import _MAKE, restore
from pyvs.testing.environment import FixedEnvironment

VIP, FIRST, SECOND = (bytes(each) for each in ((192, 0, 2, 100), (10, 1, 0, 11), (10, 1, 0, 12)))
WEB = ServiceKey(Family.INET, Proto.TCP, VIP, 80)
SERVICE = ["service", "tcp/192.0.2.100/80", "wlc", int(ServiceFlag.PERSISTENT), 90, 0xFFFFFFFF, ""]
SERVERS = [
    ["server", "tcp/192.0.2.100/80", "10.1.0.11/80", int(Forward.TUNNEL), 3, 50, 20, 1, 5555, 0],
    ["server", "tcp/192.0.2.100/80", "10.1.0.12/80", 0, 8, 0, 0, 0, 0, 0],
]
WALL = 1e9


def kept(*rows: list[Any]) -> Kept:
    found = Kept()
    for row in rows:
        found.fold(row)
    return found


class Start:
    """A director that begins with these rows, at 5 s of its own time."""

    def __init__(self, *rows: list[Any], wall: float = WALL) -> None:
        self.engine = Engine(FixedEnvironment([VIP], {"eth1": 1500}), now=5.0)
        self.control = self.engine.control
        self.told: list[str] = []
        self.count = restore(kept(*rows), self.control, 5.0, wall, self.told.append)


def test_services_with_their_servers_and_policy() -> None:
    start = Start(SERVICE, *SERVERS, ["policy", "tcp/192.0.2.100/80", 600.0, "rst", False])
    assert (start.count, start.told) == (4, [])
    ((spec, servers, policy),) = start.control.each_rule()
    assert spec == ServiceSpec(WEB, "wlc", ServiceFlag.PERSISTENT, timeout=90)
    assert servers == [
        DestSpec(
            DestKey(FIRST, 80, Family.INET), Forward.TUNNEL, 3, u_threshold=50, l_threshold=20,
            tun_type=1, tun_port=5555,
        ),
        DestSpec(DestKey(SECOND, 80, Family.INET), Forward.MASQ, 8),
    ]  # fmt: skip
    assert policy == Policy(600.0, AtExpiry.RST)


@pytest.mark.parametrize(
    ("deadline", "wall", "left"),
    [(None, WALL, None), (WALL + 100, WALL, 100.0), (WALL + 100, WALL + 60, 40.0), (WALL + 100, WALL + 999, 0.0)],
)  # fmt: skip
def test_draining_goes_on_by_the_clock_on_the_wall(
    deadline: float | None, wall: float, left: float | None
) -> None:
    start = Start(SERVICE, *SERVERS, ["drain", "tcp/192.0.2.100/80", "10.1.0.12/80", deadline], wall=wall)
    assert (start.count, start.told) == (4, [])
    (view,) = start.control.get_drains(5.0)
    assert (view.dest.addr, view.weight, view.left) == (SECOND, 8, left)
    assert {each.spec.key.addr: each.spec.weight for each in start.control.get_dests(WEB)} == {
        FIRST: 3,
        SECOND: 0,
    }


def test_settings() -> None:
    start = Start(
        ["timeouts", 900, 120, 77],
        ["sysctl", "conn_reuse_mode", "0"],
        ["daemon", int(SyncState.BACKUP), "eth1", 7, 0, "e0000051", 8848, 1],
        ["masquerade", "network", "add", "10.9.0.0/16"],
        ["rules", "00ff"],
    )
    assert (start.count, start.told) == (5, [])
    assert start.control.get_config() == Timeouts(900, 120, 77)
    assert start.control.sysctl_read("conn_reuse_mode") == "0"
    (daemon,) = start.control.get_daemons()
    assert isinstance(daemon, DaemonSpec)
    assert (daemon.state, daemon.ifn, daemon.syncid) == (SyncState.BACKUP, "eth1", 7)
    assert "10.9.0.0/16" in start.control.proc("ip_masq_networks", 5.0)


def test_a_refusal_is_told_and_ends_nothing() -> None:
    start = Start(
        ["daemon", int(SyncState.MASTER), "eth9", 0, 0, "", 0, 0],
        ["sysctl", "nosuch", "1"],
        SERVICE,
        ["drain", "tcp/192.0.2.100/80", "10.1.0.99/80", None],
        SERVERS[0],
    )
    assert start.count == 2
    assert len(start.told) == 3
    for line in start.told:
        assert line.startswith("kept rule refused: [")
        assert line.endswith("; it is tried again at the next start")
    assert any('"eth9"' in line for line in start.told)
    assert len(start.control.get_dests(WEB)) == 1


@pytest.mark.parametrize(
    "row",
    [
        ["timeouts", 900, 120, -1],
        ["timeouts", 900, 120, "77"],
        ["sysctl", "conn_reuse_mode", 0],
        ["timeouts", True, 120, 300],
        ["daemon", 9, "eth1", 7, 0, "", 0, 0],
        ["daemon", int(SyncState.BACKUP), "eth1", 7, 0, "no hex", 0, 0],
        ["daemon", int(SyncState.BACKUP), "a device of a long name", 7, 0, "", 0, 0],
        ["masquerade", "network", "add", "10.9.0.0/99"],
        ["masquerade", "network", "add", "hello"],
    ],
)
def test_a_row_that_makes_no_sense_is_refused(row: list[Any]) -> None:
    start = Start(row)
    assert start.count == 0
    assert len(start.told) == 1
    assert start.control.get_config() == Start().control.get_config()
    assert start.control.get_daemons() == []
    assert start.engine.ns.masquerade is None or "10.9" not in start.control.proc("ip_masq_networks", 5.0)


WORDS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.floats(), st.text(max_size=20), st.lists(st.integers()),
    st.sampled_from(["tcp/192.0.2.100/80", "10.1.0.11/80", "eth1", "conn_reuse_mode", "rst", "network", "add"]),
)  # fmt: skip


@given(
    st.sampled_from(["service", "server", "policy", "drain", "timeouts", "sysctl", "daemon", "masquerade"]),
    st.lists(WORDS, max_size=10),
)
def test_whatever_a_row_says_is_done_or_told(kind: str, words: list[Any]) -> None:
    class Given(Kept):
        def rows(self) -> Any:
            yield SERVICE
            yield [kind, *words]

    told: list[str] = []
    control = Engine(FixedEnvironment([VIP], {"eth1": 1500}), now=5.0).control
    count = restore(Given(), control, 5.0, WALL, told.append)
    assert count + len(told) == 2
    assert control.get_service(WEB).spec.scheduler == "wlc"


def test_every_kind_of_row_that_is_kept_can_be_made() -> None:
    rows: list[list[Any]] = [
        SERVICE,
        *SERVERS,
        ["policy", SERVICE[1], 60.0, "rst", False],
        ["drain", SERVICE[1], "10.1.0.11/80", None],
        ["timeouts", 0, 0, 77],
        ["sysctl", "conn_reuse_mode", "0"],
        ["daemon", int(SyncState.BACKUP), "eth1", 7, 0, "", 0, 0],
        ["masquerade", "network", "add", "10.9.0.0/16"],
        ["rules", "00ff"],
    ]
    start = Start(*rows)
    assert (start.count, start.told) == (len(rows), [])
    stays = {row[0] for row in kept(*rows).rows()}
    assert (
        stays
        == set(_MAKE)
        == {kind for kind in _FOLD if not kind.startswith("-")} - {"flush", "all", "part", "whole"}
    )
