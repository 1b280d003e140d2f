"""The tables of the fast path swept for what has been silent for too long: a stretch a turn, and then a rest."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pyvs.fastpath.fast import FastPath
    from pyvs.fastpath.mirror import Mirror
    from pyvs.fastpath.owner import SharedTable
    from pyvs.fastpath.sweep import Ended

SHARE: Final = 100.0
"""Sweeping takes at most one in so many of the daemon's time."""
SECOND: Final = 1.0


class Sweeps:
    """One sweep after the other."""

    def __init__(self, fast: FastPath, mirror: Mirror, table: SharedTable, now: float) -> None:
        self._fast = fast
        self._mirror = mirror
        self._table = table
        self._sweep: Iterator[list[Ended]] | None = None
        self._at = now
        """When the next one begins."""
        self._took = 0.0
        """Seconds of work that the present one has taken."""

    @property
    def due(self) -> float:
        """When to call `go_on` next."""
        return self._at if self._sweep is None else 0.0

    def begin(self) -> Iterator[list[Ended]]:
        """Begin one, whether there are connections or not; `go_on` goes on with it."""
        self._sweep, self._took = self._fast.sweep(), 0.0
        return self._sweep

    def go_on(self, now: float) -> bool:
        """Do a stretch, if its time has come; whether it was the last of a sweep. Raises OSError."""
        sweep = self._sweep
        if sweep is None:
            if now < self._at:
                return False
            if not self._mirror.may_end:
                self._at = now + SECOND
                return False
            sweep = self.begin()
        begun = time.perf_counter()
        ended = next(sweep, None)
        if ended is None:
            self._sweep = None
            self._at = now + max(SECOND, self._took * SHARE)
            return True
        self._table.note_ended(ended)
        self._took += time.perf_counter() - begun
        return False
