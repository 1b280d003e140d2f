"""Weighted overflow: the heaviest server until it is full, then the next. Kernel: ip_vs_ovf.c."""

from pyvs.core.schedulers.scheduler import Request, Scheduler
from pyvs.core.services.destination import Destination


class WeightedOverflow(Scheduler):
    """The greatest weight of those with no more active connections than weight; the first of several.

    So a server gets one connection more than its weight says.
    """

    name = "ovf"

    def pick(self, request: Request) -> Destination | None:
        """Kernel: `ip_vs_ovf_schedule`."""
        heaviest = None
        most = 0
        for destination in self.service.destinations:
            weight = destination.weight
            if weight > most and destination.activeconns <= weight and not destination.overloaded:
                heaviest, most = destination, weight
        return heaviest
