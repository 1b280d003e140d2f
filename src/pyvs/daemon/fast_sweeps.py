"""The tables of the fast path swept for what has been silent for too long: a stretch at a time, and then a rest.

A thread waits for the kernel, since a stretch of a large table with few connections takes 40 ms: all that is empty is
gone through. What ended is noted by the loop.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from pyvs.fastpath.sweep import SWEPT

if TYPE_CHECKING:
    from pyvs.fastpath.fast import FastPath
    from pyvs.fastpath.mirror import Mirror
    from pyvs.fastpath.owner import SharedTable
    from pyvs.fastpath.sweep import Ended

SHARE: Final = 100.0
"""Sweeping takes one in so many seconds of a processor."""
SECOND: Final = 1.0
LONGEST: Final = 5.0
"""Seconds between two sweeps at the most: so late may the counts be that schedulers look at."""
GLANCE: Final = 0.005
"""Seconds after which it is looked again whether a stretch is done."""


class Sweeps:
    """One sweep after the other."""

    def __init__(
        self, fast: FastPath, mirror: Mirror, table: SharedTable, now: float, pool: Executor | None = None
    ) -> None:
        """pool: who waits for the kernel; none: a thread of its own."""
        self._pool = pool or ThreadPoolExecutor(1, "sweep")
        self._fast = fast
        self._mirror = mirror
        self._table = table
        self._sweep: Iterator[list[Ended]] | None = None
        self._stretch: Future[tuple[list[Ended] | None, float]] | None = None
        """What comes of the present stretch: what ended, None after the last one, and seconds of a processor."""
        self._at = now
        """When the next sweep begins, or when to look after the present stretch."""
        self._took = 0.0
        """Seconds of a processor that the present sweep has taken."""

    @property
    def due(self) -> float:
        """When to call `go_on` next."""
        return 0.0 if self._sweep is not None and self._stretch is None else self._at

    def begin(self, tables: Collection[str] = SWEPT) -> Iterator[list[Ended]]:
        """Begin one, whether there are connections or not; `go_on` goes on with it."""
        self._sweep, self._took = self._fast.sweep(tables), 0.0
        return self._sweep

    def go_on(self, now: float) -> bool:
        """Begin a stretch, or take what it has ended; whether it was the last of a sweep. Raises OSError."""
        sweep = self._sweep
        if sweep is None:
            if now < self._at:
                return False
            if not self._mirror.may_end:
                self._at = now + SECOND
                return False
            sweep = self.begin(self._mirror.in_use())
        if self._stretch is None:
            self._stretch = self._pool.submit(_next, sweep)
        if not self._stretch.done():
            self._at = now + GLANCE
            return False
        done, self._stretch = self._stretch, None
        ended, took = done.result()
        self._took += took
        if ended is None:
            self._sweep = None
            self._at = now + min(max(SECOND, self._took * SHARE), LONGEST)
            return True
        self._table.note_ended(ended)
        return False

    def close(self) -> None:
        """Wait for the present stretch; no other follows."""
        self._pool.shutdown()


def _next(sweep: Iterator[list[Ended]]) -> tuple[list[Ended] | None, float]:
    begun = time.thread_time()  # of the processor: on a busy host others' work would count as ours
    return next(sweep, None), time.thread_time() - begun
