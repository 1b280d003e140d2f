"""What the fast path does in stretches where there are many servers: one work at a time, a stretch a turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

REST: Final = 20.0
"""While verbs come a rest is so many times as long as the stretch before it had the processor."""
QUIET: Final = 0.05
"""Seconds without a verb after which no rests are made."""


class Works:
    """Named works and when the next stretch may be.

    Without rests each verb of a long row pays for a stretch: ipvsadm -R sends a line when the last is answered.
    """

    def __init__(self) -> None:
        """Nothing to do."""
        self._works: dict[str, Iterator[None]] = {}
        self._next = 0.0
        self._verb = -QUIET

    def __contains__(self, name: str) -> bool:
        return name in self._works

    def note_verb(self, now: float) -> None:
        """Somebody asks for something."""
        self._verb = now

    @property
    def due(self) -> float | None:
        """When the next stretch may be, None when there is nothing to do."""
        return self._next if self._works else None

    def begin(self, name: str, begin: Callable[[], Iterator[None]], *, whole: bool) -> None:
        """Do a work to its end, or leave it to `go_on`."""
        work = self._works.pop(name, None) or begin()
        if whole:
            for _ in work:
                pass
        else:
            self._works[name] = work

    def go_on(self, now: float, *, whole: bool) -> None:
        """A stretch of a work, all in turn, if its time has come."""
        if not self._works or now < self._next:
            return
        begun = time.thread_time()
        name = next(iter(self._works))
        work = self._works.pop(name)
        for _ in work:
            if not whole:
                self._works[name] = work
                break
        if now - self._verb < QUIET:
            self._next = now + (time.thread_time() - begun) * REST
