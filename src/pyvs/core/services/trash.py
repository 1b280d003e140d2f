"""Removed destinations, kept while connections still point to them. Kernel: `dest_trash` in ip_vs_ctl.c.

One that is added again to the same service is taken out, with its counters and connections. One without
connections is forgotten when it has been seen idle for two minutes; the trash is looked through once a minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service

PERIOD: Final = 120.0
"""Seconds that an idle destination is kept. Kernel: `IP_VS_DEST_TRASH_PERIOD`."""

Place = tuple[int, bytes, int, int, int, bytes, int]


class Trash:
    """The destinations that stand in no service."""

    def __init__(self) -> None:
        self._lying: dict[Place, tuple[Destination, Service]] = {}
        self.next_time: float | None = None
        """When to call `sweep`, None while there is nothing to look through."""

    def __len__(self) -> int:
        return len(self._lying)

    def __iter__(self) -> Iterator[tuple[Destination, Service]]:
        """Those that lie here, with the services that they were in."""
        return iter(list(self._lying.values()))

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

    def sweep(self, now: float) -> None:
        """Forget those that have been idle for long enough. Kernel: `ip_vs_dest_trash_expire`."""
        for place, (destination, _) in list(self._lying.items()):
            if destination.refcnt > 0:
                continue
            if destination.idle_since is None:
                destination.idle_since = now
            elif now >= destination.idle_since + PERIOD:
                del self._lying[place]
        self.next_time = now + PERIOD / 2 if self._lying else None


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
