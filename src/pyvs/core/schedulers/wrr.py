"""Weighted round robin: rounds for each weight from the highest down. Kernel: ip_vs_wrr.c.

The *level* goes from the highest weight down to 1 in steps of the weights' greatest common divisor, and in
each round those serve whose weight reaches it. Weights 3, 2, 1 give A | A B | A B C.
"""

from math import gcd

from pyvs.core.schedulers.scheduler import Request, Scheduler, Surroundings
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service


class WeightedRoundRobin(Scheduler):
    """Goes through the list again and again, each time for a lower weight."""

    name = "wrr"

    def __init__(self, service: Service, surroundings: Surroundings) -> None:
        super().__init__(service, surroundings)
        self._position = -1
        """Index of the last server picked; -1 is before the first. Kernel: `cl`."""
        self._level = 0
        """The weight that it takes to serve in this round. Kernel: `cw`."""
        self._measure()
        self._level = self._highest

    def _measure(self) -> None:
        weights = [d.weight for d in self.service.destinations if d.weight > 0]
        self._step = gcd(*weights) or 1
        """Greatest common divisor of the weights. Kernel: `di`."""
        self._highest = max(weights, default=0) - (self._step - 1)
        """The first level, such that the last one is 1. Kernel: `mw`."""

    def _changed(self, destination: Destination) -> None:
        """Begin at the head of the list, at the level reached. Kernel: `ip_vs_wrr_dest_changed`."""
        self._position = -1
        self._measure()
        if self._level > self._highest or not self._level:
            self._level = self._highest
        elif self._step > 1:
            self._level = self._level // self._step * self._step + 1

    added = removed = updated = _changed

    def standing(self) -> tuple[int, ...]:
        """Where it stands: what `stand` takes."""
        return self._position, self._level

    def stand(self, standing: tuple[int, ...]) -> None:
        """Go on from where one of its kind, for the same list, stood."""
        self._position, self._level = standing

    def pick(self, request: Request) -> Destination | None:
        """Stops when all were asked at the lowest level. Kernel: `ip_vs_wrr_schedule`."""
        if self._highest == 0:
            return None
        destinations = self.service.destinations
        last = self._position
        start, stop = last + 1, len(destinations)
        top: int | None = None
        lowest = restarted = ending = False
        while True:
            level = self._level
            for index in range(start, stop):
                destination = destinations[index]
                if destination.weight >= level and not destination.overloaded:
                    self._position = index
                    return destination
            if ending:
                self._position = last
                return None
            level -= self._step
            if level <= 0:
                self._level = self._highest
                if lowest or last < 0:
                    self._position = -1
                    return None
                level = self._highest
                restarted = True
            start = 0
            if top is None:
                top = max((d.weight for d in destinations if not d.overloaded), default=0)
            # Nobody serves at the levels above `top`: those rounds would only take time.
            above = level - max(top, self._step)
            if above > 0:
                level -= -(-above // self._step) * self._step
            self._level = level
            lowest = level <= self._step
            if lowest and restarted:
                # At this level only those after the last one picked were asked: now those up to it.
                stop = last + 1
                ending = True
