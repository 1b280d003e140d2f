"""What an administrator wants, kept in the maps; what the programs count, brought back to the engine.

The engine's `Destination` and counters stay the one thing that verbs, schedulers and listings read: `pull` adds what
happened in the maps since the last time. So a connection may wander between both without being counted anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from pyvs.core.flags import Forward, Proto
from pyvs.core.services import thresholds
from pyvs.core.sync.policy import LEAST_REFRESH
from pyvs.core.transmit.route import Mode, held_route
from pyvs.fastpath import refusal
from pyvs.fastpath.change import Changes, Kept
from pyvs.fastpath.identity import Identity, identity
from pyvs.fastpath.layout import OWNER
from pyvs.fastpath.tables import LIMITS, SYNC_V0, Flag

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace
    from pyvs.core.services.destination import Destination
    from pyvs.core.services.service import Service
    from pyvs.fastpath.fast import FastPath

COUNTERS: Final = ("conns", "inpkts", "outpkts", "inbytes", "outbytes")

STRETCH: Final = 40
"""Destinations of one step: about a millisecond."""


class Place:
    """A destination in the maps: its number, what was written, what was last read."""

    __slots__ = (
        "active",
        "dest",
        "inactive",
        "kept",
        "number",
        "owner",
        "persistent",
        "pulled",
        "refused",
        "rests",
        "service",
        "written",
    )

    def __init__(self, number: int, dest: Destination, service: Service) -> None:
        self.number = number
        self.dest = dest
        self.service = service
        self.written: dict[str, Any] = {}
        self.owner = b""
        self.active = 0
        """Connections in the maps as last read: they are in the engine's counts already."""
        self.inactive = 0
        self.persistent = 0
        """Templates, likewise."""
        self.kept: Kept | None = None
        """What the maps were told of the engine's connections."""
        self.pulled = dict.fromkeys(COUNTERS, 0)
        self.refused: str | None = None
        self.rests = False
        """Its connections are the engine's at present."""


class Mirror:
    """The destinations and settings of one engine in the maps of its fast path."""

    def __init__(self, ns: Namespace, fast: FastPath, changes: Changes) -> None:
        self.ns = ns
        self.fast = fast
        self.changes = changes
        self.places: dict[Destination, Place] = {}
        self.by_number: dict[int, Place] = {}
        self.waiting: dict[Identity, int] = {}
        """Destinations that another daemon left, until this one's rules name them."""
        self.refused: str | None = None
        """Why nothing is offloaded at present."""
        self.answers = False
        """Whether servers on this host are served too: programs see what they answer."""
        self.own_mark = 0
        """Bits by which the host's chains know what has been served."""
        self._here = False
        self.some_here = False
        """Whether there are servers on this host among those that are served."""
        self.new = False
        """Whether the programs schedule new connections."""
        self._settings: dict[str, Any] = {}
        self._next = 0
        self._freed: list[int] = []

    # ---- towards the maps --------------------------------------------------

    def renew(self) -> tuple[list[Place], list[Place]]:
        """`renewing` in one go. Raises OSError."""
        found: tuple[list[Place], list[Place]] = [], []
        for _ in self.renewing(*found):
            pass
        return found

    def renewing(self, back: list[Place], again: list[Place]) -> Iterator[None]:
        """Write what has changed, a stretch a step. Raises OSError.

        Gathers the destinations whose connections must come back to the engine, and those that may be offloaded again.
        """
        ns = self.ns
        self.configure()
        self.refused = refusal.of_director(ns)
        self._here = False
        for count, (service, dest) in enumerate(self._wanted(), 1):
            if count % STRETCH == 0:
                yield
            self._renew_one(service, dest, back, again)
        self.some_here = self._here

    def renew_first(self, dests: Iterable[Destination]) -> tuple[list[Place], list[Place]]:
        """The same of some destinations, before their turn comes. Raises OSError."""
        found: tuple[list[Place], list[Place]] = [], []
        for dest in dests:
            place = self.places.get(dest)
            service = dest.service or (None if place is None else place.service)
            if service is not None:
                self._renew_one(service, dest, *found)
        return found

    def _renew_one(self, service: Service, dest: Destination, back: list[Place], again: list[Place]) -> None:
        place = self.places.get(dest) or self._settle(service, dest)
        if place is None:
            return
        place.service = service
        self._pull_counts(place)
        place.refused = refusal.of_family(self.ns, service.af) or refusal.of_destination(
            self.ns, dest, answers=self.answers
        )
        before, place.rests = place.rests, place.refused is not None or self.refused is not None
        self.write(place)
        self._here |= self.answers and place.refused is None and refusal.is_here(self.ns, dest)
        if before and not place.rests:
            again.append(place)
        elif place.rests and not before and place.active + place.inactive:
            back.append(place)

    def _wanted(self) -> Iterator[tuple[Service, Destination]]:
        for service in self.ns.services:
            for dest in tuple(service.destinations):
                yield service, dest
        for dest, service in self.ns.trash:
            if dest in self.places:
                yield service, dest

    def _settle(self, service: Service, dest: Destination) -> Place | None:
        """A number for a destination: the one that it had with another daemon, or a free one."""
        number = self.waiting.pop(identity(service, dest), None)
        found = number is not None
        if number is None:
            number = self._next_free()
            if number is None:
                return None
        place = self.places[dest] = self.by_number[number] = Place(number, dest, service)
        if found:
            owner = self.changes.owners.at(number)
            self._credit(place, {name: owner[f"stats_{name}"] for name in COUNTERS})
            self.pull_place(place)
        return place

    def _next_free(self) -> int | None:
        if self._freed:
            return self._freed.pop()
        taken = set(self.waiting.values())
        while self._next in taken:
            self._next += 1
        if self._next >= LIMITS["MAX_DESTS"]:
            return None
        self._next += 1
        return self._next - 1

    def write(self, place: Place) -> None:
        """Write what is said of a destination, if that has changed. Raises OSError."""
        dest = place.dest
        wanted = {
            "addr": dest.addr.ljust(16, b"\0"),
            "port": dest.port.to_bytes(2, "big"),
            "af": int(dest.af),
            "method": dest.forward,
            "weight": dest.weight,
            "u_threshold": dest.u_threshold,
            "l_threshold": dest.l_threshold,
            "tun_type": dest.tun_type & 0xFF,
            "tun_port": dest.tun_port.to_bytes(2, "big"),
            "tun_flags": dest.tun_flags & 0xFF,
            "source": self._source(dest),
            "flags": self._flags(place),
        }
        if wanted != place.written:
            moved = place.written.get("addr") not in (None, wanted["addr"])
            self.changes.make(place.number, wanted=wanted, hop=moved or not place.written)
            place.written = wanted
        self._sign(place)

    def _flags(self, place: Place) -> int:
        dest = place.dest
        flags = int(Flag.OVERLOAD) if dest.overloaded else 0
        if self.answers and refusal.is_here(self.ns, dest):
            flags |= Flag.HERE
        if not dest.available:
            return flags
        if place.rests:
            return flags | Flag.RESTS
        return flags | (Flag.ELSEWHERE if refusal.is_elsewhere(self.ns, dest) else Flag.AVAILABLE)

    def _source(self, dest: Destination) -> bytes:
        route = self.ns.environment.route(dest.addr)
        return (route.source if route is not None else b"").ljust(16, b"\0")

    def _sign(self, place: Place) -> None:
        """Note whose the number is, and the engine's share of the counters."""
        family, mark, protocol, vaddr, vport, _, _, _ = identity(place.service, place.dest)
        stats = place.dest.stats
        share = {f"stats_{name}": max(getattr(stats, name) - place.pulled[name], 0) for name in COUNTERS}
        owner = OWNER.pack(
            vaddr=vaddr.ljust(16, b"\0"),
            fwmark=mark,
            vport=vport.to_bytes(2, "big"),
            protocol=protocol,
            af=family,
            **share,
        )
        if owner != place.owner:
            self.changes.owners.set(place.number, owner)
            place.owner = owner

    def configure(self) -> None:
        """Bring the settings to what timeouts, sysctls and the defence say. Raises OSError."""
        ns, length = self.ns, self.fast.jiffies.length
        sysctl, defense = ns.sysctl, ns.defense
        wanted: dict[str, Any] = {
            "timeouts": tuple(length(seconds) for seconds in ns.protocols[Proto.TCP].timeouts),
            "udp_timeout": length(ns.protocols[Proto.UDP].timeouts[0]),
            "secure": int(defense.secure),
            "drop_entries": int(defense.drop_entries),
            "drop_rate": defense.drop_rate & 0xFFFFFFFF,
            "reuse_mode": sysctl.conn_reuse_mode & 0xFF,
            "expire_nodest": int(bool(sysctl.expire_nodest_conn)),
            "sloppy_tcp": int(bool(sysctl.sloppy_tcp)),
            "new": int(self.new),
            "pmtu_disc": int(bool(sysctl.pmtu_disc)),
            "quiescent": int(bool(sysctl.expire_quiescent_template)),
            "own_mark": self.own_mark,
            **self._sync(),
        }
        if wanted != self._settings:
            self.fast.configure(**wanted)
            self._settings = wanted

    def _sync(self) -> dict[str, int]:
        """What decides when a master is told of a connection; see `core.sync.policy`."""
        sysctl, length = self.ns.sysctl, self.fast.jiffies.length
        threshold, period = sysctl.sync_threshold
        return {
            "sync": SYNC_V0 + sysctl.sync_version if self.ns.sync.is_master else 0,
            "sync_persist": int(bool(sysctl.sync_persist_mode)),
            "sync_retries": sysctl.sync_retries,
            "sync_threshold": threshold,
            "sync_period": period,
            "sync_refresh": length(sysctl.sync_refresh_period),
            "sync_least": length(LEAST_REFRESH),
        }

    # ---- from the maps -----------------------------------------------------

    def pull_counts(self) -> None:
        """Bring active and inactive connections to what they are now. Raises OSError."""
        for _ in self.pulling_counts():
            pass

    def pulling_counts(self) -> Iterator[None]:
        """The same, a stretch a step."""
        for count, place in enumerate(list(self.places.values()), 1):
            if self.by_number.get(place.number) is place:
                self._pull_counts(place)
            if count % STRETCH == 0:
                yield

    def pull(self) -> None:
        """The same, and the counters; destinations that nobody needs any more are given up. Raises OSError."""
        for _ in self.pulling():
            pass

    def pulling(self) -> Iterator[None]:
        """The same, a stretch a step."""
        gone = []
        for count, place in enumerate(list(self.places.values()), 1):
            if count % STRETCH == 0:
                yield
            if self.by_number.get(place.number) is not place:
                continue
            self.pull_place(place)
            dest = place.dest
            if (
                not dest.available
                and not dest.refcnt
                and place.active + place.inactive + place.persistent <= 0
            ):
                gone.append(place)
            else:
                self._sign(place)
        for count, place in enumerate(gone, 1):
            dest = place.dest
            if not dest.available and not dest.refcnt and dest not in self.ns.trash and dest in self.places:
                self._give_up(place)
            if count % STRETCH == 0:
                yield

    def pull_place(self, place: Place) -> None:
        """Both, of one destination. Raises OSError."""
        self._pull_counts(place)
        now = self.fast.totals(place.number)
        if now != place.pulled:
            if now["inpkts"] != place.pulled["inpkts"]:
                held_route(self.ns, place.dest, Mode.KNOWN_NH if place.dest.forward == Forward.DROUTE else 0)
            self._credit(place, {name: now[name] - place.pulled[name] for name in COUNTERS})
            place.pulled = now

    def _pull_counts(self, place: Place) -> None:
        present = self.fast.destination(place.number)
        active, inactive = present["active"] - place.active, present["inactive"] - place.inactive
        persistent = present["persistent"] - place.persistent
        if active or inactive or persistent:
            dest = place.dest
            told = place.kept == self._kept(place) and all(
                place.written.get(name) == getattr(dest, name) for name in ("u_threshold", "l_threshold")
            )
            dest.activeconns += active
            dest.inactconns += inactive
            dest.persistconns += persistent
            dest.refcnt += active + inactive + persistent
            place.active, place.inactive = present["active"], present["inactive"]
            place.persistent = present["persistent"]
            if told:  # the programs knew all connections, and saw each of theirs come and go
                dest.overloaded = bool(present["flags"] & Flag.OVERLOAD)
            elif active + inactive + persistent > 0:
                thresholds.bound(dest)
            else:
                thresholds.unbound(dest)
        kept = self._kept(place)
        if kept != place.kept:
            self.changes.make(place.number, kept=kept)
            place.kept = kept

    @staticmethod
    def _kept(place: Place) -> Kept:
        """The connections that the engine has: not those in the maps."""
        dest = place.dest
        return dest.activeconns - place.active, dest.inactconns - place.inactive, dest.overloaded

    def _credit(self, place: Place, more: dict[str, int]) -> None:
        for stats in (place.dest.stats, place.service.stats, self.ns.stats):
            _add(stats, more)

    def _give_up(self, place: Place) -> None:
        del self.places[place.dest]
        del self.by_number[place.number]
        self._freed.append(place.number)
        self.changes.owners.set(place.number, bytes(OWNER.size))
        self.fast.stats.set(place.number, bytes(self.fast.stats.size))
        self.fast.clear_destination(place.number)

    # ---- connections that wander -------------------------------------------

    def moved(self, place: Place, active: int, inactive: int) -> None:
        """Connections went to the maps (positive) or came from there: nothing is counted anew. Raises OSError."""
        place.active += active
        place.inactive += inactive
        place.kept = self._kept(place)
        self.changes.make(place.number, active=active, inactive=inactive, kept=place.kept)

    def moved_templates(self, place: Place, many: int) -> None:
        """The same of templates. Raises OSError."""
        place.persistent += many
        self.changes.make(place.number, persistent=many)

    @property
    def numbers(self) -> int:
        """All numbers that destinations have had are below this one."""
        return self._next


def _add(stats: Any, more: dict[str, int]) -> None:
    for name, value in more.items():
        setattr(stats, name, getattr(stats, name) + value)
