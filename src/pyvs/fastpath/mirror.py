"""What an administrator wants, kept in the maps.

What has not changed since it was written is only looked at. New destinations are written many at a time: no program
counts at them yet.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from pyvs.core.flags import Proto
from pyvs.core.sync.policy import LEAST_REFRESH
from pyvs.fastpath import ledger, refusal
from pyvs.fastpath.change import Changes, Kept
from pyvs.fastpath.identity import Identity, identity
from pyvs.fastpath.layout import DEST
from pyvs.fastpath.ledger import COUNTERS, Ledger
from pyvs.fastpath.objects import BY_FAMILY
from pyvs.fastpath.sweep import SWEPT
from pyvs.fastpath.tables import LIMITS, SYNC_V0, Flag

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace
    from pyvs.core.services.destination import Destination
    from pyvs.core.services.service import Service
    from pyvs.fastpath.fast import FastPath

_NEW: Final = 2
"""So many new destinations are written in the time of one that has changed."""


class Place:
    """A destination in the maps: its number, what was written, what was last read."""

    __slots__ = (
        "active",
        "counted",
        "counters",
        "dest",
        "here",
        "inactive",
        "kept",
        "number",
        "persistent",
        "pulled",
        "refused",
        "rests",
        "service",
        "share",
        "stance",
        "written",
    )

    def __init__(self, number: int, dest: Destination, service: Service) -> None:
        self.number = number
        self.dest = dest
        self.service = service
        self.stance: tuple[object, ...] = ()
        """All that decides what is written, as it was when that was done."""
        self.written: dict[str, Any] = {}
        self.share: tuple[int, ...] = ()
        """The engine's share of the counters, as the maps know it."""
        self.active = 0
        """Connections in the maps as last read: they are in the engine's counts already."""
        self.inactive = 0
        self.persistent = 0
        """Templates, likewise."""
        self.counted = b""
        """What these were read from; empty when they have been changed since."""
        self.kept: Kept | None = None
        """What the maps were told of the engine's connections."""
        self.pulled = dict.fromkeys(COUNTERS, 0)
        self.counters = b""
        """What these were read from."""
        self.refused: str | None = None
        self.rests = False
        """Its connections are the engine's at present."""
        self.here = False
        """It is this host, and served."""


class Mirror(Ledger):
    """The destinations and settings of one engine in the maps of its fast path."""

    def __init__(self, ns: Namespace, fast: FastPath, changes: Changes) -> None:
        super().__init__(ns, fast, changes)
        self.waiting: dict[Identity, int] = {}
        """Destinations that another daemon left, until this one's rules name them."""
        self.inherited: frozenset[int] = frozenset()
        """Their numbers."""
        self.refused: str | None = None
        """Why nothing is offloaded at present."""
        self.answers = False
        """Whether servers on this host are served too: programs see what they answer."""
        self.own_mark = 0
        """Bits by which the host's chains know what has been served."""
        self.some_here = False
        """Whether there are servers on this host among those that are served."""
        self.new = False
        """Whether the programs schedule new connections."""
        self._settings: dict[str, Any] = {}
        self._rows: list[tuple[bytes, bytes]] = []
        """New destinations that are still to be written, by number."""
        self._signatures: list[tuple[bytes, bytes]] = []

    def inherit(self, found: dict[Identity, int]) -> None:
        """Destinations of another daemon are in the maps: their numbers, by what they are known by."""
        self.waiting = found
        self.inherited = frozenset(found.values())
        self._end = max(self.inherited, default=-1) + 1

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
        self.configure()
        self.refused = refusal.of_director(self.ns)
        here = False
        left = most = ledger.STRETCH * ledger.LOOKS
        for service, dest, stands in self._wanted():
            if left <= 0:
                self._write_new()
                yield
                left = most
            left -= 1
            place = self.places.get(dest)
            if place is not None:
                if self._renew_one(service, place, back, again):
                    left -= ledger.LOOKS
            elif stands:
                place = self._settle(service, dest, back, again)
                left -= ledger.LOOKS // _NEW
            here |= place is not None and place.here
        self._write_new()
        self.some_here = here

    def renew_first(self, dests: Iterable[Destination]) -> tuple[list[Place], list[Place]]:
        """The same of some destinations that are in the maps, before their turn comes. Raises OSError."""
        found: tuple[list[Place], list[Place]] = [], []
        for dest in dests:
            place = self.places.get(dest)
            if place is not None:
                self._renew_one(dest.service or place.service, place, *found)
        return found

    def _stance(self, service: Service, dest: Destination) -> tuple[object, ...]:
        """All that decides what is written of a destination."""
        ns = self.ns
        return (
            service,
            dest.available,
            dest.overloaded,
            dest.weight,
            dest.conn_flags,
            dest.u_threshold,
            dest.l_threshold,
            dest.tun_type,
            dest.tun_port,
            dest.tun_flags,
            dest.drain is None,
            dest.terms is None,
            dest.method_changed,
            ns.environment.generation,
            refusal.of_family(ns, service.af) is None,
            self.refused is None,
            self.answers,
        )

    def _renew_one(self, service: Service, place: Place, back: list[Place], again: list[Place]) -> bool:
        """Write what has changed of a destination; whether something may have."""
        dest = place.dest
        stance = self._stance(service, dest)
        if stance == place.stance:
            return False
        place.service = service
        self._pull_counts(place)
        before = place.rests
        self._judge(place)
        self.write(place)
        self.sign(place)
        place.stance = stance
        if before and not place.rests:
            again.append(place)
        elif place.rests and not before and place.active + place.inactive:
            back.append(place)
        return True

    def _judge(self, place: Place) -> None:
        """See whether it may be served."""
        ns, dest = self.ns, place.dest
        place.refused = refusal.of_family(ns, place.service.af) or refusal.of_destination(
            ns, dest, answers=self.answers
        )
        place.rests = place.refused is not None or self.refused is not None
        place.here = self.answers and place.refused is None and refusal.is_here(ns, dest)

    def _wanted(self) -> Iterator[tuple[Service, Destination, bool]]:
        """All destinations, those in the trash too, and whether they stand in their service."""
        for service in self.ns.services:
            for dest in tuple(service.destinations):
                yield service, dest, True
        for dest, service in self.ns.trash:
            yield service, dest, False

    def _settle(
        self, service: Service, dest: Destination, back: list[Place], again: list[Place]
    ) -> Place | None:
        """Give a destination a number: the one that it had with another daemon, or a free one; None: there is none."""
        number = self._known(identity(service, dest)) if self.strangers else None
        if number is not None:
            place = self._placed(number, dest, service)
            self._inherit(place)
            self._renew_one(service, place, back, again)
            return place
        number = self._next_free()
        if number is None:
            return None
        place = self._placed(number, dest, service)
        place.stance = self._stance(service, dest)
        self._judge(place)
        place.written = self._said(place)
        place.kept = active, inactive, _ = self._kept(place)
        place.counters = self._zero
        place.share = self._share(place)
        raw = number.to_bytes(4, sys.byteorder)
        row = DEST.pack(**place.written, kept_active=active, kept_inactive=inactive)
        self._rows.append((raw, row))
        self._signatures.append((raw, self._signature(place, place.share)))
        if dest.refcnt and not place.rests:  # it had connections before its turn came
            again.append(place)
        return place

    def _known(self, name: Identity) -> int | None:
        number = self.waiting.pop(name, None)
        return self._take_left(name) if number is None else number

    def _placed(self, number: int, dest: Destination, service: Service) -> Place:
        place = self.places[dest] = self.by_number[number] = Place(number, dest, service)
        self._end = max(self._end, number + 1)
        return place

    def _write_new(self) -> None:
        rows, signatures = self._rows, self._signatures
        if rows:
            self._rows, self._signatures = [], []
            self.fast.dests.put_many(rows)
            self.changes.owners.put_many(signatures)

    def _next_free(self) -> int | None:
        if self._freed:
            return self._freed.pop()
        while self._next in self.inherited:
            self._next += 1
        if self._next >= LIMITS["MAX_DESTS"]:
            return None
        self._next += 1
        return self._next - 1

    def give_up_waiting(self) -> int:
        """No rule names what still waits: it counts as removed; how many there were. Raises OSError."""
        waiting, self.waiting = self.waiting, {}
        for name, number in waiting.items():
            self._leave(name, number)
        return len(waiting)

    @property
    def strangers(self) -> bool:
        """Whether connections of another daemon's servers may be in the maps that no rule names."""
        return bool(self.waiting or self._left)

    @property
    def may_end(self) -> bool:
        """Whether there may be connections or templates in the maps, as far as is known."""
        return bool(self.live or self.strangers)

    def in_use(self) -> Collection[str]:
        """The tables in which something may end, as far as is known."""
        if self.strangers:
            return SWEPT
        found = set()
        for place in self.places.values():
            if place.active or place.inactive:
                found.add(BY_FAMILY[place.service.af])
            if place.persistent:
                found.add("templates")
        return found

    def write(self, place: Place) -> None:
        """Write what is said of a destination, if that has changed. Raises OSError."""
        wanted = self._said(place)
        if wanted != place.written:
            moved = place.written.get("addr") not in (None, wanted["addr"])
            self.changes.make(place.number, wanted=wanted, hop=moved or not place.written)
            place.written = wanted

    def _said(self, place: Place) -> dict[str, Any]:
        """What is said of a destination, as fields of `layout.DEST`."""
        dest = place.dest
        return {
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
