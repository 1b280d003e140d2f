"""Locality-based least connections with replication: an address has servers. Kernel: ip_vs_lblcr.c."""

from typing import ClassVar

from pyvs.core.schedulers.cache import AddressCache
from pyvs.core.schedulers.load import crowded, least_loaded, most_loaded
from pyvs.core.schedulers.scheduler import Request, Scheduler, Surroundings
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service


class ServerSet:
    """The servers of one address, newest first. Kernel: `struct ip_vs_dest_set`."""

    __slots__ = ("members", "modified")

    def __init__(self) -> None:
        self.members: list[Destination] = []
        self.modified = 0.0

    def insert(self, destination: Destination, now: float) -> None:
        """Put in one that is not there yet."""
        if destination not in self.members:
            destination.refcnt += 1
            self.members.insert(0, destination)
            self.modified = now

    def erase(self, destination: Destination, now: float) -> None:
        """Take one out."""
        destination.refcnt -= 1
        self.members.remove(destination)
        self.modified = now

    def clear(self) -> None:
        """Take all out."""
        for destination in self.members:
            destination.refcnt -= 1
        self.members.clear()


class LocalityReplicated(Scheduler):
    """The least loaded of the address's set.

    When it is crowded while another is half idle, the least loaded of all joins the set.
    The most loaded leaves a set that has not changed for the expiration time.
    """

    name = "lblcr"
    settings: ClassVar[dict[str, int]] = {"lblcr_expiration": 24 * 3600}

    def __init__(self, service: Service, surroundings: Surroundings) -> None:
        super().__init__(service, surroundings)
        self._cache: AddressCache[ServerSet] = AddressCache(surroundings.now, ServerSet.clear)

    def pick(self, request: Request) -> Destination | None:
        """Kernel: `ip_vs_lblcr_schedule`."""
        now = self.surroundings.now
        expiration = self.surroundings.setting("lblcr_expiration")
        servers = self._cache.get(request.dst, now, expiration)
        destinations = self.service.destinations
        if servers is not None:
            least = least_loaded(member for member in servers.members if member.available)
            if len(servers.members) > 1 and now > servers.modified + expiration:
                most = most_loaded(servers.members)
                if most is not None:
                    servers.erase(most, now)
            if least is not None and not crowded(least, destinations):
                return least
        least = least_loaded(destinations)
        if least is None:
            return None
        if servers is None:
            servers = ServerSet()
            self._cache.put(request.dst, servers, now)
        servers.insert(least, now)
        return least

    def close(self) -> None:
        """Let go of the servers."""
        self._cache.clear()
