"""Round robin: one server after another. Kernel: ip_vs_rr.c."""

from pyvs.core.schedulers.scheduler import Request, Scheduler, Surroundings
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service


class RoundRobin(Scheduler):
    """Goes through the list from where it last stood, skipping who can't take more."""

    name = "rr"

    def __init__(self, service: Service, surroundings: Surroundings) -> None:
        super().__init__(service, surroundings)
        self._position = -1
        """Index of the last server picked; -1 is before the first, where the kernel's list head stands."""

    def pick(self, request: Request) -> Destination | None:
        """The next server that can take one. Kernel: `ip_vs_rr_schedule`."""
        after = self._position + 1
        picked = self._first(after, len(self.service.destinations))
        return self._first(0, after) if picked is None else picked

    def _first(self, start: int, stop: int) -> Destination | None:
        destinations = self.service.destinations
        for index in range(start, stop):
            destination = destinations[index]
            if destination.weight > 0 and not destination.overloaded:
                self._position = index
                return destination
        return None

    def standing(self) -> tuple[int, ...]:
        """Where it stands: what `stand` takes."""
        return (self._position,)

    def stand(self, standing: tuple[int, ...]) -> None:
        """Go on from where one of its kind, for the same list, stood."""
        (self._position,) = standing

    def added(self, destination: Destination) -> None:
        """The list grew at its head: what was picked last stands one further on."""
        if self._position >= 0:
            self._position += 1

    def removing(self, destination: Destination) -> None:
        """Step back when the last one picked goes, or stay with it. Kernel: `ip_vs_rr_del_dest`."""
        if self._position >= self.service.destinations.index(destination):
            self._position -= 1
