"""Source hashing: a client stays with its server as long as the servers stay. Kernel: ip_vs_sh.c.

Flags of the service: `sh-fallback` (SCHED1) seeks another when the server can't take it, `sh-port` (SCHED2)
tells the client's ports apart.
"""

from typing import Final

from pyvs.core.flags import SCHED_SH_FALLBACK, SCHED_SH_PORT
from pyvs.core.schedulers.hashing import MASK_32, available, fold, hash_32
from pyvs.core.schedulers.scheduler import Request, Scheduler, Surroundings
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service

BITS: Final = 8
"""Kernel: CONFIG_IP_VS_SH_TAB_BITS."""
SLOTS: Final = 1 << BITS


class SourceHashing(Scheduler):
    """A table of 256 slots, as many for each server in turn as it has weight, and one for weight 0."""

    name = "sh"

    def __init__(self, service: Service, surroundings: Surroundings) -> None:
        super().__init__(service, surroundings)
        self._slots: list[Destination] = []
        self._deal()

    def _deal(self) -> None:
        """Kernel: `ip_vs_sh_reassign`."""
        self._slots = []
        destinations = self.service.destinations
        while destinations and len(self._slots) < SLOTS:
            for destination in destinations:
                self._slots.extend([destination] * min(max(destination.weight, 1), SLOTS))
                if len(self._slots) >= SLOTS:
                    break
        del self._slots[SLOTS:]

    def _changed(self, destination: Destination) -> None:
        self._deal()

    added = removed = updated = _changed

    def slots(self) -> list[Destination]:
        """The table, empty without servers."""
        return self._slots

    def pick(self, request: Request) -> Destination | None:
        """Kernel: `ip_vs_sh_schedule`."""
        if not self._slots:
            return None
        flags = self.service.flags
        port = request.sport if flags & SCHED_SH_PORT else 0
        home = hash_32(port + fold(request.src) & MASK_32, BITS)
        destination = self._slots[home]
        if available(destination):
            return destination
        return self._another(home) if flags & SCHED_SH_FALLBACK else None

    def _another(self, home: int) -> Destination | None:
        """The first able server from twice the home slot on, around the table.

        Kernel: `ip_vs_sh_get_fallback`, which adds the offset home + n to the hash, that is home again.
        """
        for offset in range(SLOTS):
            destination = self._slots[(2 * home + offset) % SLOTS]
            if available(destination):
                return destination
        return None
