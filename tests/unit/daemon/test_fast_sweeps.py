"""A sweep goes on from stretch to stretch, and the next one begins after a rest that is as long as it was work."""

from __future__ import annotations

import pytest
from tests.unit.fastpath.memory import MemoryFast, in_memory

from pyvs.daemon.fast_sweeps import SECOND, SHARE, Sweeps
from pyvs.fastpath.sweep import Ended
from pyvs.testing.shared import Shared

ENDED = Ended(b"", 0, 0, 0)


class Case:
    """Sweeps beside maps in memory, with a service."""

    def __init__(self) -> None:
        self.shared: Shared
        self.maps: MemoryFast
        self.shared, self.maps, _ = in_memory()
        self.shared.service()
        self.sweeps = Sweeps(self.maps, self.shared.mirror, self.shared.table, self.shared.now)

    def connection(self) -> None:
        self.maps.count(0, active=1)
        self.shared.mirror.pull_counts()


def test_nothing_is_swept_while_there_is_nothing() -> None:
    case = Case()
    case.maps.to_end = [[ENDED]]
    assert case.sweeps.due == case.shared.now
    assert not case.sweeps.go_on(case.shared.now)
    assert case.sweeps.due == case.shared.now + SECOND
    assert case.shared.table.ended == 0


def test_what_another_daemon_left_is_swept_whether_its_servers_are_named_or_not() -> None:
    case = Case()
    case.shared.mirror.inherit({(2, 0, 6, b"", 80, 2, b"", 80): 9})
    case.maps.count(9, active=1)
    for count in (1, 2):
        case.maps.to_end = [[ENDED]]
        assert not case.sweeps.go_on(case.shared.now + 10 * count)
        assert case.shared.table.ended == count
        assert case.sweeps.go_on(case.shared.now + 10 * count)
        case.shared.mirror.give_up_waiting()


def test_what_another_daemon_left_is_swept_at_once() -> None:
    case = Case()
    case.maps.to_end = [[ENDED]]
    case.sweeps.begin()
    assert case.sweeps.due == 0.0
    assert not case.sweeps.go_on(case.shared.now)
    assert case.shared.table.ended == 1


def test_a_sweep_has_an_end_and_a_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case()
    case.connection()
    ticks = iter(range(100))
    monkeypatch.setattr("pyvs.daemon.fast_sweeps.time.perf_counter", lambda: float(next(ticks)))
    case.maps.to_end = [[ENDED], [ENDED, ENDED]]
    assert [case.sweeps.go_on(case.shared.now) for _ in range(2)] == [False, False]
    assert case.shared.table.ended == 3
    assert case.sweeps.due == 0.0
    assert case.sweeps.go_on(case.shared.now)
    rest = 2 * SHARE  # each stretch took a second
    assert case.sweeps.due == case.shared.now + rest
    case.maps.to_end = [[ENDED]]
    assert not case.sweeps.go_on(case.shared.now + rest - 1.0)
    assert case.shared.table.ended == 3
    case.sweeps.go_on(case.shared.now + rest)
    assert case.shared.table.ended == 4
