"""A sweep goes on from stretch to stretch, and the next one begins after a rest that is as long as it was work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import pytest
from tests.unit.fastpath.memory import MemoryFast, in_memory

from pyvs.daemon.fast_sweeps import GLANCE, LONGEST, SECOND, SHARE, Sweeps
from pyvs.fastpath.layout import DEST
from pyvs.fastpath.sweep import SWEPT, Ended
from pyvs.testing.shared import Shared

ENDED = Ended(b"", 0, 0, 0)


class Kernel(Executor):
    """Does what is asked for at once, or when it is let."""

    def __init__(self) -> None:
        self.slow = False
        self.asked: list[Callable[[], None]] = []

    def submit(self, call: Any, /, *arguments: Any, **more: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.asked.append(lambda: future.set_result(call(*arguments)))
        if not self.slow:
            self.asked.pop()()
        return future


class Case:
    """Sweeps beside maps in memory, with a service."""

    def __init__(self) -> None:
        self.shared: Shared
        self.maps: MemoryFast
        self.shared, self.maps, _ = in_memory()
        self.shared.service()
        self.kernel = Kernel()
        self.sweeps = Sweeps(self.maps, self.shared.mirror, self.shared.table, self.shared.now, self.kernel)

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


def test_only_tables_with_something_in_them_are_swept() -> None:
    case = Case()
    case.connection()
    assert case.sweeps.go_on(case.shared.now)
    row = case.maps.dests.at(0) | {"active": 0, "persistent": 1}
    case.maps.dests.set(0, DEST.pack(**row))
    case.shared.mirror.pull_counts()
    assert case.sweeps.go_on(case.shared.now + 10)
    case.shared.mirror.inherit({(2, 0, 6, b"", 80, 2, b"", 80): 9})
    assert case.sweeps.go_on(case.shared.now + 20)
    assert [set(tables) for tables in case.maps.swept] == [{"conns4"}, {"templates"}, set(SWEPT)]


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
    monkeypatch.setattr("pyvs.daemon.fast_sweeps.time.thread_time", lambda: next(ticks) / 100)
    case.maps.to_end = [[ENDED], [ENDED, ENDED]]
    assert [case.sweeps.go_on(case.shared.now) for _ in range(2)] == [False, False]
    assert case.shared.table.ended == 3
    assert case.sweeps.due == 0.0
    assert case.sweeps.go_on(case.shared.now)
    rest = 3 / 100 * SHARE  # each look took a hundredth, the last one too
    assert case.sweeps.due == pytest.approx(case.shared.now + rest)
    case.maps.to_end = [[ENDED]]
    assert not case.sweeps.go_on(case.shared.now + rest - 1.0)
    assert case.shared.table.ended == 3
    case.sweeps.go_on(case.shared.now + rest)
    assert case.shared.table.ended == 4


def test_counts_are_never_older_than_some_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a sweep of large tables takes."""
    case = Case()
    case.connection()
    ticks = iter(range(100))
    monkeypatch.setattr("pyvs.daemon.fast_sweeps.time.thread_time", lambda: float(next(ticks)))
    case.maps.to_end = [[ENDED]]
    assert [case.sweeps.go_on(case.shared.now) for _ in range(2)] == [False, True]
    assert case.sweeps.due == case.shared.now + LONGEST


def test_what_waits_for_a_processor_does_not_lengthen_the_rest() -> None:
    """A tenth of a second in which the thread did nothing."""
    case = Case()
    case.connection()
    idle = threading.Event()

    def stretches(tables: Collection[str] = SWEPT) -> Iterator[list[Ended]]:
        idle.wait(0.1)
        yield [ENDED]

    case.maps.sweep = stretches  # type: ignore[method-assign]
    assert [case.sweeps.go_on(case.shared.now) for _ in range(2)] == [False, True]
    assert case.sweeps.due == case.shared.now + SECOND


def test_nobody_waits_for_the_kernel() -> None:
    case = Case()
    case.connection()
    case.maps.to_end = [[ENDED]]
    case.kernel.slow = True
    now = case.shared.now
    assert not case.sweeps.go_on(now)
    assert case.sweeps.due == now + GLANCE
    assert not case.sweeps.go_on(now + GLANCE)
    assert len(case.kernel.asked) == 1, "one stretch at a time"
    assert case.shared.table.ended == 0
    case.kernel.asked.pop()()
    case.sweeps.go_on(now + 2 * GLANCE)
    assert case.shared.table.ended == 1
    assert case.sweeps.due == 0.0


def test_a_thread_does_it() -> None:
    case = Case()
    case.connection()
    case.maps.to_end = [[ENDED]]
    pool = ThreadPoolExecutor(1)
    sweeps = Sweeps(case.maps, case.shared.mirror, case.shared.table, case.shared.now, pool)
    sweeps.go_on(case.shared.now)
    pool.submit(int).result(10)  # comes after it
    sweeps.go_on(case.shared.now + GLANCE)
    sweeps.close()
    assert case.shared.table.ended == 1
