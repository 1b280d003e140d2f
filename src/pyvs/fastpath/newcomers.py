"""New connections scheduled by the programs (`--fast-new on`): which services, and where their schedulers stand.

While packets are looked at by the engine its schedulers stand where the programs' cursors stand; what it has scheduled
itself is told to the programs afterwards. So both take turns in one order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pyvs.core.schedulers.rr import RoundRobin
from pyvs.core.schedulers.wrr import WeightedRoundRobin
from pyvs.fastpath import refusal
from pyvs.fastpath.selection import Selection, select
from pyvs.fastpath.services import SlotsFull
from pyvs.fastpath.tables import Selector

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace
    from pyvs.core.services.destination import Destination
    from pyvs.core.services.service import Service
    from pyvs.fastpath.fast import FastPath
    from pyvs.fastpath.mirror import Mirror

Name = tuple[int, bytes, int]
"""Protocol, address and port."""


class Offer:
    """A service as it was given to the programs."""

    __slots__ = ("selection", "service", "standing")

    def __init__(self, service: Service, selection: Selection) -> None:
        self.service = service
        self.selection = selection
        self.standing: tuple[int, ...] | None = standing(service)


class Newcomers:
    """The services whose new connections the programs schedule."""

    def __init__(self, ns: Namespace, fast: FastPath, mirror: Mirror) -> None:
        self.ns = ns
        self.fast = fast
        self.mirror = mirror
        self.offers: dict[Name, Offer] = {}
        self.refused: dict[str, str] = {}
        """Why services are not among them, by their text."""
        self._turns = 0
        """Packets that drop_packet spares still, as the programs know it."""

    def renew(self) -> None:
        """Offer what can be, withdraw what can't be any more; after `carry_back` and the change. Raises OSError."""
        self.refused = {}
        wanted: set[Name] = set()
        for service in self.ns.services:
            why = self.why_not(service)
            if why is None:
                selection = select(service.scheduler, self._number)
                why = (
                    "its scheduler is not one of the programs'"
                    if selection.selector is Selector.NONE
                    else None
                )
                if why is None and self._offer(service, selection):
                    wanted.add(name_of(service))
                    continue
            self.refused[str(service)] = why or "its table of slots is too long"
        for name, _ in list(self.fast.services):
            if name not in wanted:
                self.fast.services.remove(*name)
                self.offers.pop(name, None)

        self.fast.own.set(self._own_addresses())

    def _own_addresses(self) -> Iterator[bytes]:
        """Addresses of this host that the engine knows of: of services, and towards servers."""
        environment = self.ns.environment
        for service in self.ns.services:
            if service.addr and environment.is_local(service.addr):
                yield service.addr
            for dest in service.destinations:
                route = environment.route(dest.addr)
                if route is not None:
                    yield route.source

    def _offer(self, service: Service, selection: Selection) -> bool:
        name = name_of(service)
        before = self.offers.get(name)
        if before is not None and before.service is service and before.selection == selection:
            return True
        try:
            self.fast.services.set(*name, selection)
        except SlotsFull:
            return False
        self.offers[name] = Offer(service, selection)
        return True

    def _number(self, destination: Destination) -> int:
        return self.mirror.places[destination].number

    def why_not(self, service: Service) -> str | None:
        """Why a service's new connections go up; None: they don't."""
        if self.mirror.refused is not None:
            return self.mirror.refused
        if service.fwmark:
            return "it goes by a mark, which netfilter sets after the programs"
        if service.protocol not in refusal.PROTOCOLS:
            return refusal.PROTOCOL
        if service.persistent:
            return "it is persistent: the engine has the templates"
        if service.one_packet:
            return "each of its packets is scheduled by itself"
        if service.pe is not None or not service.port:
            return "it takes all ports, or has a persistence engine"
        if not self.ns.environment.is_local(service.addr):
            return refusal.ELSEWHERE
        if (service.protocol, service.port) in self.ns.apps.incarnations:
            return "it has a helper"
        for dest in service.destinations:
            place = self.mirror.places.get(dest)
            if place is None or place.refused is not None:
                why = refusal.NO_DESTINATION if place is None else place.refused
                return f"server {self.ns.name_of(dest.addr, dest.port)}: {why}"
        return None

    def carry_back(self) -> None:
        """Let schedulers stand where the programs' cursors stand, and drop_packet where it counts. Raises OSError."""
        defense = self.ns.defense
        if defense.drop_rate:
            defense.drop_counter = self._turns = int(self.fast.settings.at(0)["drop_counter"])
        for name, offer in self.offers.items():
            scheduler = offer.service.scheduler
            if offer.selection.standings and scheduler is not None:
                offer.selection.carry_back(scheduler, self.fast.services.cursor(*name))
                offer.standing = standing(offer.service)

    def settle(self) -> None:
        """Tell the programs where schedulers stand that the engine has used, and drop_packet. Raises OSError."""
        turns = self.ns.defense.drop_counter
        if turns != self._turns:
            self.fast.configure(drop_counter=turns)
            self._turns = turns
        for name, offer in list(self.offers.items()):
            if offer.standing is not None and standing(offer.service) != offer.standing:
                selection = select(offer.service.scheduler, self._number)
                self.fast.services.set(*name, selection)
                self.offers[name] = Offer(offer.service, selection)


def name_of(service: Service) -> Name:
    """What the programs know a service by."""
    return int(service.protocol), service.addr, service.port


def standing(service: Service) -> tuple[int, ...] | None:
    """Where a scheduler with a cursor stands."""
    scheduler = service.scheduler
    if isinstance(scheduler, (RoundRobin, WeightedRoundRobin)):
        return tuple(scheduler.standing())
    return None
