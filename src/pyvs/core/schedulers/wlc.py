"""Weighted least connections: the fewest for its weight; the default of `ipvsadm`. Kernel: ip_vs_wlc.c."""

from pyvs.core.schedulers.load import least_loaded
from pyvs.core.schedulers.scheduler import Request, Scheduler
from pyvs.core.services.destination import Destination


class WeightedLeastConnection(Scheduler):
    """The least load for its weight; the first of several."""

    name = "wlc"

    def pick(self, request: Request) -> Destination | None:
        """Kernel: `ip_vs_wlc_schedule`."""
        return least_loaded(self.service.destinations)
