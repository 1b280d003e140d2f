"""Shortest expected delay: who would be done first with one more. Kernel: ip_vs_sed.c."""

from pyvs.core.schedulers.scheduler import Request, Scheduler
from pyvs.core.services.destination import Destination


class ShortestExpectedDelay(Scheduler):
    """The least (active connections + 1) / weight; the first of several."""

    name = "sed"

    def pick(self, request: Request) -> Destination | None:
        """Kernel: `ip_vs_sed_schedule`."""
        least = None
        least_load = 0
        least_weight = 0
        for destination in self.service.destinations:
            weight = destination.weight
            if weight > 0:
                load = destination.activeconns + 1
                if (
                    least is None or least_load * weight > load * least_weight
                ) and not destination.overloaded:
                    least, least_load, least_weight = destination, load, weight
        return least
