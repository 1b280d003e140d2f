"""Work that is done a stretch at a time, so that packets never wait for all of it.

    ns.jobs.begin("expire_nodest", connections)      an iterator: each step of it is a stretch
    ns.jobs.step()                                   one stretch; the engine asks for it between packets

A stretch is a millisecond at most. What is small is done when it is begun, so that nobody sees a difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_END: Final = object()


class Jobs:
    """What was begun and is not at its end, by name."""

    def __init__(self) -> None:
        self._jobs: dict[str, Iterator[None]] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, name: str) -> bool:
        return name in self._jobs

    def begin(self, name: str, job: Iterator[None]) -> None:
        """Do the first stretch of a job, and keep the rest; one of this name that was not at its end is left."""
        self._jobs.pop(name, None)
        self._go_on(name, job)

    def step(self) -> None:
        """One stretch of one job; they take turns."""
        if self._jobs:
            name = next(iter(self._jobs))
            self._go_on(name, self._jobs.pop(name))

    def step_of(self, name: str) -> None:
        """One stretch of a job, if it is there."""
        job = self._jobs.pop(name, None)
        if job is not None:
            self._go_on(name, job)

    def finish(self, name: str) -> None:
        """Do all that is left of a job."""
        while name in self._jobs:
            self.step_of(name)

    def _go_on(self, name: str, job: Iterator[None]) -> None:
        if next(job, _END) is not _END:
            self._jobs[name] = job
