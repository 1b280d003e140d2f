"""Locality-based least connections: an address stays with a server, for caches. Kernel: ip_vs_lblc.c."""

from typing import ClassVar

from pyvs.core.schedulers.cache import AddressCache
from pyvs.core.schedulers.load import crowded, least_loaded
from pyvs.core.schedulers.scheduler import Request, Scheduler, Surroundings
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service


class LocalityLeastConnection(Scheduler):
    """The server that last served the address; as wlc when it is crowded while another is half idle.

    An address stays with its server beyond the upper threshold too.
    """

    name = "lblc"
    settings: ClassVar[dict[str, int]] = {"lblc_expiration": 24 * 3600}

    def __init__(self, service: Service, surroundings: Surroundings) -> None:
        super().__init__(service, surroundings)
        self._cache: AddressCache[Destination] = AddressCache(surroundings.now, _put)

    def pick(self, request: Request) -> Destination | None:
        """Kernel: `ip_vs_lblc_schedule`."""
        now = self.surroundings.now
        known = self._cache.get(request.dst, now, self.surroundings.setting("lblc_expiration"))
        destinations = self.service.destinations
        if known is not None and known.available and known.weight > 0 and not crowded(known, destinations):
            return known
        least = least_loaded(destinations)
        if least is not None and least is not known:
            least.refcnt += 1
            self._cache.put(request.dst, least, now)
        return least

    def close(self) -> None:
        """Let go of the servers."""
        self._cache.clear()


def _put(destination: Destination) -> None:
    destination.refcnt -= 1
