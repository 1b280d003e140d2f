"""Destination hashing: all for one address go to one server, as caches need it. Kernel: ip_vs_dh.c."""

from typing import Final

from pyvs.core.schedulers.hashing import available, fold, hash_32
from pyvs.core.schedulers.scheduler import Request, Scheduler, Surroundings
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service

BITS: Final = 8
"""Kernel: CONFIG_IP_VS_DH_TAB_BITS."""
SLOTS: Final = 1 << BITS


class DestinationHashing(Scheduler):
    """A table of 256 slots, dealt out to the servers in turn, whatever their weights.

    Whose server can take no more is refused; no other is sought.
    """

    name = "dh"

    def __init__(self, service: Service, surroundings: Surroundings) -> None:
        super().__init__(service, surroundings)
        self._slots: list[Destination] = []
        self._deal()

    def _deal(self) -> None:
        """Kernel: `ip_vs_dh_reassign`."""
        destinations = self.service.destinations
        count = len(destinations)
        self._slots = [destinations[slot % count] for slot in range(SLOTS)] if count else []

    def _changed(self, destination: Destination) -> None:
        self._deal()

    added = removed = _changed

    def slots(self) -> list[Destination]:
        """The table, empty without servers."""
        return self._slots

    def pick(self, request: Request) -> Destination | None:
        """Kernel: `ip_vs_dh_schedule`."""
        if not self._slots:
            return None
        destination = self._slots[hash_32(fold(request.dst), BITS)]
        return destination if available(destination) else None
