"""When a connection is told: each row of the policy, and the recorded kernel's choices with a refresh period."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.connections.connection import Connection
from pyvs.core.flags import ConnFlag, Family, Proto
from pyvs.core.namespace import Namespace
from pyvs.core.protocols.tcp import Tcp
from pyvs.core.protocols.tcp_states import TcpState
from pyvs.core.protocols.udp import Udp
from pyvs.core.sync.policy import end_time, in_persistence, wanted
from pyvs.core.sysctl.table import Sysctl


class Space:
    """What the policy asks of a namespace."""

    def __init__(self, **knobs: Any) -> None:
        self.now = 0.0
        self.sysctl = Sysctl()
        for name, value in knobs.items():
            setattr(self.sysctl, name, value)
        self.protocols = {Proto.TCP: Tcp(cast("Namespace", self)), Proto.UDP: Udp(cast("Namespace", self))}


def space(**knobs: Any) -> Namespace:
    return cast("Namespace", Space(**knobs))


def connection(protocol: int = Proto.UDP, timeout: float = 300.0, flags: int = 0) -> Connection:
    conn = Connection(
        Family.INET, protocol, b"\1\2\3\4", 5, b"\5\6\7\x08", 6, Family.INET, b"\x09\0\0\1", 7, flags
    )
    conn.timeout = timeout
    conn.sync_endtime = end_time(0.0)
    return conn


def test_threshold_and_period() -> None:
    ns, conn = space(), connection()
    assert [n for n in range(1, 160) if wanted(ns, conn, n)] == [3, 53, 103, 153]


def test_period_zero_is_once() -> None:
    ns, conn = space(sync_threshold=(3, 0)), connection()
    assert [n for n in range(1, 160) if wanted(ns, conn, n)] == [3]


def test_template_at_every_telling() -> None:
    ns = space()
    assert [n for n in range(1, 6) if wanted(ns, connection(flags=ConnFlag.TEMPLATE), n)] == [1, 2, 3, 4, 5]
    ns.sysctl.sync_threshold = (3, 0)
    assert [n for n in range(1, 6) if wanted(ns, connection(flags=ConnFlag.TEMPLATE), n)] == [3]


@pytest.mark.parametrize("state", TcpState)
def test_tcp_states(state: TcpState) -> None:
    ns, conn = space(), connection(Proto.TCP)
    conn.state = state
    told = {
        TcpState.ESTABLISHED,
        TcpState.FIN_WAIT,
        TcpState.CLOSE,
        TcpState.CLOSE_WAIT,
        TcpState.TIME_WAIT,
    }
    assert wanted(ns, conn, 3) is (state in told)
    fresh = connection(Proto.TCP)
    fresh.state = state
    assert wanted(ns, fresh, 4) is (state in told - {TcpState.ESTABLISHED}), "a new state is told at once"
    assert not wanted(ns, fresh, 4), "but once"


def test_persist_mode_tells_templates_only() -> None:
    ns = space(sync_persist_mode=1)
    template, control, conn = connection(flags=ConnFlag.TEMPLATE), connection(), connection()
    assert wanted(ns, conn, 3)
    conn.control, control.control = control, template
    assert in_persistence(conn)
    assert not wanted(ns, conn, 3)
    assert wanted(ns, template, 3)
    ns.sysctl.sync_persist_mode = 0
    assert wanted(ns, conn, 3)


TIMES = (0, 0.1, 1.5, 2.6, 4, 5, 8, 10.2, 12, 15, 20, 21, 23)


@pytest.mark.parametrize(
    ("retries", "timeout", "told"),
    [
        # The recorded kernel: sync_threshold "0 0", sync_refresh_period 8.
        pytest.param(0, 300.0, [0, 8, 20], id="UDP, no repetitions"),
        pytest.param(2, 300.0, [0, 1.5, 2.6, 12, 15, 20], id="UDP, two repetitions"),
    ],
)
def test_refresh_period_as_recorded(retries: int, timeout: float, told: list[float]) -> None:
    ns = space(sync_threshold=(0, 0), sync_refresh_period=8, sync_retries=retries)
    conn = connection(timeout=timeout)
    chosen = []
    for number, time in enumerate(TIMES, 1):
        ns.now = time
        if wanted(ns, conn, number):
            chosen.append(time)
    assert chosen == told


def test_refresh_is_never_rarer_than_half_the_timeout() -> None:
    ns = space(sync_threshold=(0, 0), sync_refresh_period=600)
    conn = connection(timeout=40.0)
    assert wanted(ns, conn, 1)
    ns.now = 19.9
    assert not wanted(ns, conn, 2)
    ns.now = 20.1
    assert wanted(ns, conn, 3)


def test_refresh_counts_from_birth() -> None:
    ns = space(sync_threshold=(0, 0), sync_refresh_period=600)
    ns.now = 100.0
    conn = connection(timeout=2.0)
    conn.sync_endtime = end_time(100.0)
    assert not wanted(ns, conn, 1), "the end that a newborn's backups would assume is near enough"
    ns.now = 108.1
    assert wanted(ns, conn, 2)


@given(
    st.lists(st.tuples(st.floats(0, 20), st.sampled_from(TcpState)), max_size=60),
    st.integers(0, 30),
    st.integers(0, 3),
)
def test_repetitions_are_bounded(steps: list[tuple[float, TcpState]], refresh: int, retries: int) -> None:
    ns = space(sync_threshold=(0, 0), sync_refresh_period=refresh, sync_retries=retries)
    conn = connection(Proto.TCP, 900.0)
    for number, (pause, state) in enumerate(steps, 1):
        ns.now += pause
        conn.state = state
        if wanted(ns, conn, number):
            assert int(conn.sync_endtime) & 3 <= retries
            assert conn.old_state == conn.state
            assert abs(conn.sync_endtime / 100 - ns.now - conn.timeout) < 0.05
