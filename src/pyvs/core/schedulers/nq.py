"""Never queue: an idle server at once, else the shortest expected delay. Kernel: ip_vs_nq.c."""

from pyvs.core.schedulers.scheduler import Request, Scheduler
from pyvs.core.services.destination import Destination


class NeverQueue(Scheduler):
    """The first without an active connection, whatever its weight; none idle: as `sed`."""

    name = "nq"

    def pick(self, request: Request) -> Destination | None:
        """Kernel: `ip_vs_nq_schedule`."""
        least = None
        least_load = 0
        least_weight = 0
        for destination in self.service.destinations:
            weight = destination.weight
            if weight > 0 and not destination.overloaded:
                active = destination.activeconns
                if active == 0:
                    return destination
                if least is None or least_load * weight > (active + 1) * least_weight:
                    least, least_load, least_weight = destination, active + 1, weight
        return least
