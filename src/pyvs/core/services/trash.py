"""Removed destinations, kept while connections still point to them. Kernel: `dest_trash` in ip_vs_ctl.c.

One that is added again to the same service is taken out, with its counters and connections. One without
connections is forgotten when it has been seen idle for two minutes; the trash is looked through once a minute.

Of services that were removed with many servers, or all at once, the servers come one by one (`services.clear_away`);
till then the services wait here (`coming`), found by nobody else.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Final

from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service, ServiceName

PERIOD: Final = 120.0
"""Seconds that an idle destination is kept. Kernel: `IP_VS_DEST_TRASH_PERIOD`."""

STRETCH: Final = 2000
"""Destinations that a sweep looks at in one go: half a millisecond."""

Place = tuple[int, bytes, int, int, int, bytes, int]


class Trash:
    """The destinations that stand in no service."""

    def __init__(self) -> None:
        self._lying: dict[Place, tuple[Destination, Service]] = {}
        self.coming: list[dict[ServiceName, Service]] = []
        """Services that were removed, whose servers do not all lie here yet."""
        self.next_time: float | None = None
        """When to call `sweep`, None while there is nothing to look through."""

    def __len__(self) -> int:
        return len(self._lying)

    def __iter__(self) -> Iterator[tuple[Destination, Service]]:
        """Those that lie here or are to come, with the services that they were in."""
        coming = [service for services in list(self.coming) for service in list(services.values())]
        lying = list(self._lying.values())
        return chain(lying, ((each, service) for service in coming for each in list(service.destinations)))

    def expect(self, service: Service) -> None:
        """The servers of a removed service are to come."""
        self.coming.append({service.name: service})

    def called(self, name: ServiceName) -> Service | None:
        """Take out the service of this name that is still to come."""
        for services in self.coming:
            service = services.pop(name, None)
            if service is not None:
                return service
        return None

    def next_coming(self) -> Service | None:
        """Take out any of them."""
        while self.coming:
            if self.coming[0]:
                return self.coming[0].popitem()[1]
            del self.coming[0]
        return None

    def __contains__(self, destination: Destination) -> bool:
        """Whether this very destination lies here."""
        found = self._lying.get(_place(destination))
        return found is not None and found[0] is destination

    def put(self, destination: Destination, service: Service, now: float) -> None:
        """Throw a destination of a service away. Kernel: `__ip_vs_del_dest`."""
        if not self._lying:
            self.next_time = now + PERIOD / 2
        destination.idle_since = None
        self._lying[_place(destination)] = destination, service

    def take(self, service: Service, af: int, addr: bytes, port: int) -> tuple[Destination, Service] | None:
        """Find one of the same service (by address or mark) and take it out, with the service that it was in.

        Kernel: `ip_vs_trash_get_dest`.
        """
        place = (af, addr, port, service.fwmark, service.protocol, service.addr, service.port)
        return self._lying.pop(place, None)

    def sweep(self, now: float) -> Iterator[None]:
        """Forget those that have been idle for long enough, a stretch a step. Kernel: `ip_vs_dest_trash_expire`."""
        self.next_time = now + PERIOD / 2
        for count, (place, found) in enumerate(list(self._lying.items()), 1):
            destination, _ = found
            if destination.refcnt <= 0 and self._lying.get(place) is found:
                if destination.idle_since is None:
                    destination.idle_since = now
                elif now >= destination.idle_since + PERIOD:
                    del self._lying[place]
            if count % STRETCH == 0:
                yield
        if not self._lying:
            self.next_time = None


def _place(destination: Destination) -> Place:
    return (
        destination.af,
        destination.addr,
        destination.port,
        destination.vfwmark,
        destination.protocol,
        destination.vaddr,
        destination.vport,
    )
