"""Weighted failover: the heaviest server takes all. Kernel: ip_vs_fo.c."""

from pyvs.core.schedulers.scheduler import Request, Scheduler
from pyvs.core.services.destination import Destination


class WeightedFailover(Scheduler):
    """The greatest weight; the first of several."""

    name = "fo"

    def pick(self, request: Request) -> Destination | None:
        """Kernel: `ip_vs_fo_schedule`."""
        heaviest = None
        most = 0
        for destination in self.service.destinations:
            if destination.weight > most and not destination.overloaded:
                heaviest, most = destination, destination.weight
        return heaviest
