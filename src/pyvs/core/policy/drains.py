"""Servers that drain: no new connections, the old ones go on, and at the deadline they are reset (`deadline.py`).

While it drains a server's weight is 0; another weight that an administrator or a health check sets is remembered, and
holds when the draining is cancelled. Removing the server ends the draining.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyvs.core.policy.deadline import Ending
    from pyvs.core.services.destination import Destination
    from pyvs.core.services.service import Service


@dataclass(slots=True, eq=False)
class Drain:
    """One server of one service that drains."""

    destination: Destination
    service: Service
    weight: int
    """What it had before, or was set since."""
    deadline: float | None
    """When its connections are reset; None: never."""
    begun_with: int
    """Connections that it had then."""
    ended: int = 0
    """How many were ended at the deadline."""
    swept: bool = False
    """The deadline has passed, and its connections are being ended or were."""
    over: bool = False
    """All of them have been looked at since then: those that are left answer what still comes, or can't be ended."""
    kept: int = 0
    """Those that can't be ended."""

    @property
    def left(self) -> int:
        """Connections that it still has."""
        return self.destination.activeconns + self.destination.inactconns


class Drains:
    """All that drain, and the walks over the connections that go on."""

    def __init__(self) -> None:
        self._drains: dict[Destination, Drain] = {}
        self.sweeps: list[Ending] = []

    def __iter__(self) -> Iterator[Drain]:
        """All, in the order in which they began."""
        return iter(list(self._drains.values()))

    def __len__(self) -> int:
        return len(self._drains)

    def start(self, service: Service, destination: Destination, deadline: float | None) -> Drain:
        """Let a server drain; of one that does, the deadline changes."""
        drain = destination.drain
        if drain is None:
            count = destination.activeconns + destination.inactconns
            drain = Drain(destination, service, destination.weight, deadline, count)
            self._drains[destination] = destination.drain = drain
            weigh(service, destination, 0)
        drain.deadline, drain.swept, drain.over, drain.kept = deadline, False, False, 0
        return drain

    def cancel(self, drain: Drain) -> None:
        """Let it take connections again."""
        self.forget(drain.destination)
        weigh(drain.service, drain.destination, drain.weight)

    def forget(self, destination: Destination) -> None:
        """It is removed."""
        self._drains.pop(destination, None)
        destination.drain = None

    def clear(self) -> None:
        """All are removed; each is told by `forget`."""
        self._drains = {}

    def next_time(self) -> float | None:
        """When `deadline.handle` has something to do."""
        if self.sweeps:
            return 0.0
        times = [
            drain.deadline
            for drain in self._drains.values()
            if drain.deadline is not None and not drain.swept
        ]
        return min(times, default=None)


def weigh(service: Service, destination: Destination, weight: int) -> None:
    """Change a server's weight."""
    destination.weight = weight
    if weight:
        destination.last_weight = weight
    if service.scheduler is not None:
        service.scheduler.updated(destination)
