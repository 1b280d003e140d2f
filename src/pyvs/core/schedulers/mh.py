"""Maglev hashing: a client stays with its server even if others come and go. Kernel: ip_vs_mh.c.

Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", 2016. Flags of the service:
`mh-fallback` (SCHED1) seeks another when the server can't take it, `mh-port` (SCHED2) tells the client's
ports apart.
"""

from math import gcd
from typing import Final

from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import SCHED_MH_FALLBACK, SCHED_MH_PORT, Family
from pyvs.core.schedulers.hashing import MASK_32, available, fold, hsiphash
from pyvs.core.schedulers.scheduler import Request, Scheduler, Surroundings
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service

TABLE_INDEX: Final = 12
"""Kernel: CONFIG_IP_VS_MH_TAB_INDEX."""
SLOTS: Final = 4093
"""The greatest prime below 2 ** TABLE_INDEX."""
KEY_1: Final = (2654435761, 2654435761)
KEY_2: Final = (2654446892, 2654446892)


class MaglevHashing(Scheduler):
    """A table of 4093 slots, in which each server takes free slots in an order of its own.

    A server's last weight that was not 0 counts, so that weight 0 moves no other server's clients.
    """

    name = "mh"

    def __init__(self, service: Service, surroundings: Surroundings) -> None:
        super().__init__(service, surroundings)
        self._slots: list[Destination] = []
        self._stale = True
        """The table is dealt out when next looked at: it takes milliseconds, and changes come in bursts."""
        self._orders: dict[Destination, tuple[int, int]] = {}
        self._check()

    def _check(self) -> None:
        """Raises ControlError when there are more servers than slots."""
        if len(self.service.destinations) > SLOTS:
            raise ControlError(Errno.EINVAL, f"the scheduler mh can't serve more than {SLOTS} servers")

    def added(self, destination: Destination) -> None:
        """Raises ControlError when there are more servers than slots."""
        self._check()
        self._stale = True

    def removed(self, destination: Destination) -> None:
        """Its slots go to others."""
        self._orders.pop(destination, None)
        self._stale = True

    def updated(self, destination: Destination) -> None:
        """Its weight may be another."""
        self._stale = True

    def _populate(self) -> None:
        """Deal out the slots. Kernel: `ip_vs_mh_populate`."""
        destinations = self.service.destinations
        takers = [(d, turns) for d, turns in zip(destinations, self._turns(), strict=True) if turns]
        slots: list[Destination | None] = [None] * SLOTS
        orders = [self._order(destination) for destination, _ in takers]
        free = SLOTS if takers else 0
        while free:
            for number, (destination, turns) in enumerate(takers):
                place, skip = orders[number]
                for _ in range(min(turns, free)):
                    while slots[place] is not None:
                        place += skip
                        if place >= SLOTS:
                            place -= SLOTS
                    slots[place] = destination
                    free -= 1
                orders[number] = place, skip
                if not free:
                    break
        self._slots = [destination for destination in slots if destination is not None]

    def _turns(self) -> list[int]:
        """How many slots each server takes in a round. Kernel: `ip_vs_mh_shift_weight`."""
        weights = [d.last_weight for d in self.service.destinations]
        divisor = gcd(*(weight for weight in weights if weight > 0))
        if not divisor:
            return [0] * len(weights)
        shift = max(0, (max(weights) // divisor).bit_length() - TABLE_INDEX // 2)
        return [(weight // divisor) >> shift or int(weight != 0) for weight in weights]

    def _order(self, destination: Destination) -> tuple[int, int]:
        """Where a server looks first, and how far from there each further time."""
        # The union of both families' addresses is read by the service's family.
        addr = destination.addr[:4] if self.service.af == Family.INET else destination.addr
        order = self._orders.get(destination)
        if order is None:
            value = fold(addr) + destination.port & MASK_32
            order = hsiphash(value, KEY_1) % SLOTS, hsiphash(value, KEY_2) % (SLOTS - 1) + 1
            self._orders[destination] = order
        return order

    def slots(self) -> list[Destination]:
        """The table, empty without servers that take any."""
        if self._stale:
            self._populate()
            self._stale = False
        return self._slots

    def pick(self, request: Request) -> Destination | None:
        """Kernel: `ip_vs_mh_schedule`."""
        slots = self.slots()
        if not slots:
            return None
        flags = self.service.flags
        client = fold(request.src) + (request.sport if flags & SCHED_MH_PORT else 0)
        home = hsiphash(client & MASK_32, KEY_1) % SLOTS
        destination = slots[home]
        if available(destination):
            return destination
        return self._another(client, home) if flags & SCHED_MH_FALLBACK else None

    def _another(self, client: int, home: int) -> Destination | None:
        """An able server by hashing again with other offsets. Kernel: `ip_vs_mh_get_fallback`."""
        if not any(available(destination) for destination in self.service.destinations):
            return None
        for offset in range(SLOTS):
            again = hsiphash(client + (offset + home) % SLOTS & MASK_32, KEY_1) % SLOTS
            if available(self._slots[again]):
                return self._slots[again]
        return None
