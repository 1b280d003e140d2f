"""New connections scheduled by the programs (`--fast-new on`): which services, and where their schedulers stand.

While packets are looked at by the engine its schedulers stand where the programs' cursors stand; what it has scheduled
itself is told to the programs afterwards. So both take turns in one order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from pyvs.core.flags import Proto
from pyvs.core.schedulers.rr import RoundRobin
from pyvs.core.schedulers.wrr import WeightedRoundRobin
from pyvs.core.scheduling.persist import masked
from pyvs.core.services.registry import FTP_PORT
from pyvs.fastpath import refusal
from pyvs.fastpath.selection import NOT_HERE, Selection, select
from pyvs.fastpath.services import SlotsFull
from pyvs.fastpath.tables import Selector
from pyvs.fastpath.templates import plain

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace
    from pyvs.core.services.destination import Destination
    from pyvs.core.services.service import Service
    from pyvs.fastpath.fast import FastPath
    from pyvs.fastpath.mirror import Mirror

Name = tuple[int, bytes, int]
"""Protocol, address and port."""
Persistence = tuple[int, bytes]
"""Jiffies that templates live, 0 without; the mask of clients that have one together."""


STRETCH: Final = 30
"""Services of one step: about a millisecond."""
MANY: Final = 300
"""Entries that are only looked at in one step."""
SOME: Final = 100
"""Services whose cursors are carried to and fro with each look at packets; of more, each has its turn."""


class Offer:
    """A service as it was given to the programs."""

    __slots__ = ("persistence", "selection", "service", "standing")

    def __init__(self, service: Service, selection: Selection, persistence: Persistence) -> None:
        self.service = service
        self.selection = selection
        self.persistence = persistence
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
        self._turn: list[Name] = []
        """Of many offers those that are still to be looked at, in turns."""
        self._all_ports = -1
        self._coming: set[Name] = set()
        """Services that are about to be offered."""
        self.claiming: Callable[[set[Name]], Iterator[None]] = lambda names: iter(())
        """Lets programs know first what the engine has of them, a stretch a step."""
        self._turns = 0
        """Packets that drop_packet spares still, as the programs know it."""

    def renew(self) -> None:
        """Offer what can be, withdraw what can't be any more; after `carry_back` and the change. Raises OSError."""
        for _ in self.renewing():
            pass

    def renewing(self) -> Iterator[None]:
        """The same, a stretch a step."""
        refused: dict[str, str] = {}
        wanted: set[Name] = set()
        coming: list[Service] = []
        for count, service in enumerate(self.ns.services, 1):
            if count % STRETCH == 0:
                yield
            if service not in self.ns.services:
                continue
            if name_of(service) not in self.offers and self.why_not(service) is None:
                coming.append(service)
            else:
                self._renew_one(service, wanted, refused)
        if coming:
            self._coming = {name_of(service) for service in coming}
            yield from self.claiming(self._coming)
        for count, service in enumerate(coming, 1):
            if service in self.ns.services:
                self._renew_one(service, wanted, refused)
            if count % STRETCH == 0:
                yield
        self._coming = set()
        self.refused = refused
        wanted |= self._shut(wanted)
        gone: list[Name] = []
        for count, (name, _) in enumerate(self.fast.services, 1):
            if name not in wanted:
                gone.append(name)
            if count % MANY == 0:
                yield
        for count, name in enumerate(gone, 1):
            self.fast.services.remove(*name)
            self.offers.pop(name, None)
            if count % STRETCH == 0:
                yield
        own: set[bytes] = set()
        for count, address in enumerate(self._own_addresses(), 1):
            if address:
                own.add(address)
            if count % MANY == 0:
                yield
        self.fast.own.set(own)

    def _renew_one(self, service: Service, wanted: set[Name], refused: dict[str, str]) -> None:
        """Offer a service, or note why not."""
        why = self.why_not(service)
        if why is None:
            selection = select(service.scheduler, self._number)
            if selection.selector is Selector.NONE:
                why = "its scheduler is not one of the programs'"
            elif self._offer(service, selection):
                wanted.add(name_of(service))
                return
        refused[str(service)] = why or "its table of slots is too long"

    def offers_at(self, protocol: int, addr: bytes, port: int) -> bool:
        """Whether programs begin connections there, or are about to."""
        return any((protocol, addr, at) in names for at in (port, 0) for names in (self.offers, self._coming))

    def _own_addresses(self) -> Iterator[bytes]:
        """Addresses of this host that the engine knows of: of services, and towards servers; empty: none there."""
        environment = self.ns.environment
        for service in self.ns.services:
            yield service.addr if service.addr and environment.is_local(service.addr) else b""
            for dest in tuple(service.destinations):
                route = environment.route(dest.addr)
                yield b"" if route is None else route.source

    def _offer(self, service: Service, selection: Selection) -> bool:
        name, persistence = name_of(service), self._persistence(service)
        before = self.offers.get(name)
        if (
            before is not None
            and before.service is service
            and before.selection == selection
            and before.persistence == persistence
        ):
            return True
        try:
            self._set(name, Offer(service, selection, persistence))
        except SlotsFull:
            return False
        return True

    def _set(self, name: Name, offer: Offer) -> None:
        persist, mask = offer.persistence
        self.fast.services.set(*name, offer.selection, persist=persist, mask=mask)
        self.offers[name] = offer

    def _persistence(self, service: Service) -> Persistence:
        if not service.persistent:
            return 0, b""
        mask = masked(service, b"\xff" * len(service.addr))
        return self.fast.jiffies.length(float(service.timeout)), mask

    def _shut(self, offered: set[Name]) -> set[Name]:
        """Services that go up although one on all ports of their address does not; they are named to the programs."""
        open_wide = {name[:2] for name in offered if not name[2]}
        if bool(open_wide) != self._all_ports:
            self._all_ports = bool(open_wide)
            self.fast.configure(all_ports=int(bool(open_wide)))
        shut: set[Name] = set()
        for service in self.ns.services if open_wide else ():
            name = name_of(service)
            if not service.fwmark and name[:2] in open_wide and name not in offered:
                shut.add(name)
                self.offers.pop(name, None)
                self.fast.services.set(*name, NOT_HERE)
        return shut

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
        if service.one_packet:
            return "each of its packets is scheduled by itself"
        if service.pe is not None:
            return "it has a persistence engine"
        if service.persistent and not (plain(service) and service.timeout):
            return "it is persistent, and not in a plain way: the engine has its templates"
        if not service.port and any(other.fwmark and other.af == service.af for other in self.ns.services):
            return "it takes all ports, and packets that a service goes by the mark of are not marked yet"
        if not service.port and self._has_ftp(service):
            return "its address has an FTP service, to which high ports belong"
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

    def _has_ftp(self, service: Service) -> bool:
        ftp = self.ns.services.exact(service.af, Proto.TCP, service.addr, FTP_PORT)
        return ftp is not None and service.protocol == Proto.TCP

    def carry_back(self) -> None:
        """Let schedulers stand where the programs' cursors stand, and drop_packet where it counts. Raises OSError."""
        defense = self.ns.defense
        if defense.drop_rate:
            defense.drop_counter = self._turns = int(self.fast.settings.at(0)["drop_counter"])
        for name, offer in self._some():
            scheduler = offer.service.scheduler
            if offer.selection.standings and scheduler is not None:
                offer.selection.carry_back(scheduler, self.fast.services.cursor(*name))
                offer.standing = standing(offer.service)

    def _some(self) -> list[tuple[Name, Offer]]:
        """All offers; of many, the next ones: each has its turn."""
        if len(self.offers) <= SOME:
            return list(self.offers.items())
        found: list[tuple[Name, Offer]] = []
        while len(found) < SOME:
            if not self._turn:
                self._turn = list(self.offers)
            name = self._turn.pop()
            offer = self.offers.get(name)
            if offer is not None:
                found.append((name, offer))
        return found

    def settle(self) -> None:
        """Tell the programs where schedulers stand that the engine has used, and drop_packet. Raises OSError."""
        turns = self.ns.defense.drop_counter
        if turns != self._turns:
            self.fast.configure(drop_counter=turns)
            self._turns = turns
        for name, offer in self._some():
            if offer.standing is not None and standing(offer.service) != offer.standing:
                selection = select(offer.service.scheduler, self._number)
                self._set(name, Offer(offer.service, selection, offer.persistence))


def name_of(service: Service) -> Name:
    """What the programs know a service by."""
    return int(service.protocol), service.addr, service.port


def standing(service: Service) -> tuple[int, ...] | None:
    """Where a scheduler with a cursor stands."""
    scheduler = service.scheduler
    if isinstance(scheduler, (RoundRobin, WeightedRoundRobin)):
        return tuple(scheduler.standing())
    return None
