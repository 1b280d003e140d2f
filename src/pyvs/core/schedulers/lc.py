"""Least connections: who has the fewest, whatever its weight. Kernel: ip_vs_lc.c."""

from pyvs.core.schedulers.scheduler import Request, Scheduler
from pyvs.core.services.destination import Destination


class LeastConnection(Scheduler):
    """The least load; the first of several."""

    name = "lc"

    def pick(self, request: Request) -> Destination | None:
        """Kernel: `ip_vs_lc_schedule`."""
        least = None
        least_load = 0
        for destination in self.service.destinations:
            load = (destination.activeconns << 8) + destination.inactconns
            if (least is None or load < least_load) and destination.weight > 0 and not destination.overloaded:
                least, least_load = destination, load
        return least
