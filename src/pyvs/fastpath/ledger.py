"""What programs count at destinations, brought back to the engine: each connection and packet once.

The engine's `Destination` and counters stay the one thing that verbs, schedulers and listings read: `pull` adds what
happened in the maps since the last time. So a connection may wander between both without being counted anew.

Most destinations have seen nothing since the last look: their bytes are compared, many at a time, and that is all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from pyvs.core.flags import Forward
from pyvs.core.services import thresholds
from pyvs.core.stats import estimator
from pyvs.core.stats.counters import Counters, Totals
from pyvs.core.transmit.route import Mode, held_route
from pyvs.fastpath.change import Changes, Kept
from pyvs.fastpath.identity import Identity, identity
from pyvs.fastpath.layout import DEST, OWNER
from pyvs.fastpath.tables import Flag

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace
    from pyvs.core.services.destination import Destination
    from pyvs.fastpath.fast import FastPath
    from pyvs.fastpath.mirror import Place

COUNTERS: Final = ("conns", "inpkts", "outpkts", "inbytes", "outbytes")

STRETCH: Final = 40
"""Destinations of one step at which there is something to do: about a millisecond."""
LOOKS: Final = 10
"""So many destinations are only looked at in the time of one of those."""
TOGETHER: Final = 256
"""Elements that are read from a map in one go."""

_COUNTS: Final = DEST.only("flags", "active", "inactive", "persistent")
_FROM: Final = DEST.offset("flags")
_U64: Final = (1 << 64) - 1


class Ledger:
    """The destinations that have a number in the maps, and what has been read there."""

    def __init__(self, ns: Namespace, fast: FastPath, changes: Changes) -> None:
        self.ns = ns
        self.fast = fast
        self.changes = changes
        self.places: dict[Destination, Place] = {}
        self.by_number: dict[int, Place] = {}
        self.live = 0
        """Connections and templates in the maps, as last read."""
        self._next = 0
        """All numbers that destinations have had are below this one, but for those of another daemon."""
        self._end = 0
        """All numbers that destinations have are below this one."""
        self._freed: list[int] = []
        self._zero = bytes(fast.stats.size)
        """Counters of a number that nobody had."""
        self._left: dict[int, Identity] = {}
        """Numbers of another daemon's servers that no rule names, as long as it has left connections there."""
        self._left_by_name: dict[Identity, int] = {}
        self._bygone = 0
        """Packets that were served for destinations that are gone."""

    @property
    def numbers(self) -> int:
        """All numbers that destinations have had are below this one."""
        return max(self._next, self._end)

    @property
    def served(self) -> int:
        """Packets that the programs have served, as last read."""
        return self._bygone + sum(
            place.pulled["inpkts"] + place.pulled["outpkts"] for place in self.places.values()
        )

    # ---- from the maps -----------------------------------------------------

    def pull_counts(self) -> None:
        """Bring active and inactive connections to what they are now. Raises OSError."""
        for _ in self.pulling_counts():
            pass

    def pulling_counts(self) -> Iterator[None]:
        """The same, a stretch a step."""
        return self._pulling()

    def pull(self) -> None:
        """The same, and the counters; destinations that nobody needs any more are given up. Raises OSError."""
        for _ in self.pulling():
            pass

    def pulling(self) -> Iterator[None]:
        """The same, a stretch a step."""
        gone: list[Place] = []
        yield from self._pulling(gone)
        for count, place in enumerate(gone, 1):
            if self._is_over(place) and place.dest not in self.ns.trash and place.dest in self.places:
                self._give_up(place)
            if count % STRETCH == 0:
                yield

    def _pulling(self, gone: list[Place] | None = None) -> Iterator[None]:
        """Look at all numbers. gone: look at counters too, and gather who is needed no more."""
        fast, by_number = self.fast, self.by_number
        number, left = 0, STRETCH * LOOKS
        while number < self._end:
            # What was read before others had their turn would be too old: connections wander meanwhile.
            many = min(TOGETHER, self._end - number)
            rows = fast.dests.read(number, many)
            sums = () if gone is None else fast.stats.read(number, many)
            for row, at in enumerate(range(number, number + many)):
                number = at + 1
                place = by_number.get(at)
                if place is None:
                    if at in self._left and not _live(rows[row]):
                        del self._left_by_name[self._left.pop(at)]
                        self._free(at)
                    continue
                left -= 1
                if self._take_counts(place, rows[row]):
                    left -= LOOKS
                if gone is not None and sums[row] != place.counters:
                    self._take_counters(place, sums[row])
                    left -= LOOKS
                if gone is not None and self._is_over(place):
                    gone.append(place)
                else:
                    self.sign(place)
                if left <= 0:
                    break
            if left <= 0:
                left = STRETCH * LOOKS
                yield

    def _pull_counts(self, place: Place) -> None:
        self._take_counts(place, self.fast.dests.read(place.number, 1)[0])

    def _take_counts(self, place: Place, row: bytes) -> bool:
        """Take over what stands in a destination's bytes; whether there was something to do."""
        changed = False
        counted = row[_FROM : _COUNTS.size]
        if counted != place.counted:
            changed = self._note_counts(place, row)
            place.counted = counted
        kept = self._kept(place)
        if kept != place.kept:
            self.changes.make(place.number, kept=kept)
            place.kept = kept
            changed = True
        return changed

    def _note_counts(self, place: Place, row: bytes) -> bool:
        flags, now_active, now_inactive, now_persistent = _COUNTS.unpack_from(row)
        active, inactive = now_active - place.active, now_inactive - place.inactive
        persistent = now_persistent - place.persistent
        if not (active or inactive or persistent):
            return False
        dest = place.dest
        told = place.kept == self._kept(place) and all(
            place.written.get(name) == getattr(dest, name) for name in ("u_threshold", "l_threshold")
        )
        more = active + inactive + persistent
        dest.activeconns += active
        dest.inactconns += inactive
        dest.persistconns += persistent
        dest.refcnt += more
        self.live += more
        place.active, place.inactive, place.persistent = now_active, now_inactive, now_persistent
        if told:  # the programs knew all connections, and saw each of theirs come and go
            dest.overloaded = bool(flags & Flag.OVERLOAD)
            if more < 0:  # what we wrote last may have come after they had taken the mark away
                thresholds.unbound(dest)
        elif more > 0:
            thresholds.bound(dest)
        else:
            thresholds.unbound(dest)
        return True

    def _take_counters(self, place: Place, raw: bytes) -> None:
        if raw == place.counters:
            return
        more = self._read_counters(place, raw)
        for stats in self._counters(place):
            _add(stats, more)

    def _read_counters(self, place: Place, raw: bytes) -> dict[str, int]:
        """What has been counted since the last look, which is this one from now on."""
        before, now = place.pulled, self.fast.stats.sum(raw)
        if now["inpkts"] != before["inpkts"]:
            held_route(self.ns, place.dest, Mode.KNOWN_NH if place.dest.forward == Forward.DROUTE else 0)
        place.pulled, place.counters = now, raw
        return {name: now[name] - before[name] for name in COUNTERS}

    def _inherit(self, place: Place) -> None:
        """Take over what another daemon knew of a destination that is new here. Raises OSError."""
        self._pull_counts(place)
        counted = self._read_counters(place, self.fast.stats.read(place.number, 1)[0])
        owner = self.changes.owners.at(place.number)
        past = Totals(*(counted[name] + _signed(owner[f"stats_{name}"]) for name in COUNTERS))
        for stats in self._counters(place):
            estimator.inherit(stats, past)

    @staticmethod
    def _kept(place: Place) -> Kept:
        """The connections that the engine has: not those in the maps."""
        dest = place.dest
        return dest.activeconns - place.active, dest.inactconns - place.inactive, dest.overloaded

    def _counters(self, place: Place) -> tuple[Counters, Counters, Counters]:
        """Whose counters a destination's are."""
        return place.dest.stats, place.service.stats, self.ns.stats

    # ---- whose a number is ---------------------------------------------------

    def sign(self, place: Place) -> None:
        """Note whose the number is, and the engine's share of the counters. Raises OSError."""
        share = self._share(place)
        if share != place.share:
            self.changes.owners.set(place.number, self._signature(place, share))
            place.share = share

    @staticmethod
    def _share(place: Place) -> tuple[int, ...]:
        """The engine's share, less what ZERO takes off both: that may be less than nothing."""
        stats, pulled = place.dest.stats, place.pulled
        base = stats.base
        return (
            stats.conns - base.conns - pulled["conns"],
            stats.inpkts - base.inpkts - pulled["inpkts"],
            stats.outpkts - base.outpkts - pulled["outpkts"],
            stats.inbytes - base.inbytes - pulled["inbytes"],
            stats.outbytes - base.outbytes - pulled["outbytes"],
        )

    @staticmethod
    def _signature(place: Place, share: tuple[int, ...]) -> bytes:
        family, mark, protocol, vaddr, vport, _, _, _ = identity(place.service, place.dest)
        return OWNER.pack(
            vaddr=vaddr.ljust(16, b"\0"),
            fwmark=mark,
            vport=vport.to_bytes(2, "big"),
            protocol=protocol,
            af=family,
            **{f"stats_{name}": count & _U64 for name, count in zip(COUNTERS, share, strict=True)},
        )

    @staticmethod
    def _is_over(place: Place) -> bool:
        """Whether nobody needs it, as far as its counts tell."""
        dest = place.dest
        return (
            not dest.available and not dest.refcnt and place.active + place.inactive + place.persistent <= 0
        )

    def _give_up(self, place: Place) -> None:
        self._bygone += place.pulled["inpkts"] + place.pulled["outpkts"]
        del self.places[place.dest]
        del self.by_number[place.number]
        self.live -= place.active + place.inactive + place.persistent
        self._free(place.number)

    def _leave(self, name: Identity, number: int) -> None:
        """A number's server counts as removed, and the number is free when its connections are over. Raises OSError."""
        row = self.fast.dests.read(number, 1)[0]
        if _live(row):
            self.changes.make(number, wanted={**DEST.unpack(row), "flags": 0})
            self._left[number] = name
            self._left_by_name[name] = number
        else:
            self._free(number)

    def _take_left(self, name: Identity) -> int | None:
        """A rule names a server after all: its number, if it has connections still."""
        number = self._left_by_name.pop(name, None)
        if number is not None:
            del self._left[number]
        return number

    def _free(self, number: int) -> None:
        """A number is anybody's again. Raises OSError."""
        self.fast.stats.set(number, bytes(self.fast.stats.size))
        self.fast.clear_destination(number)
        # Last, since the next daemon takes a number without an owner for an empty one: we may be killed before.
        self.changes.owners.set(number, bytes(OWNER.size))
        self._freed.append(number)

    # ---- connections that wander -------------------------------------------

    def moved(self, place: Place, active: int, inactive: int) -> None:
        """Connections went to the maps (positive) or came from there, which know it. Raises OSError."""
        place.active += active
        place.inactive += inactive
        place.counted = b""
        self.live += active + inactive
        place.kept = self._kept(place)
        self.changes.make(place.number, kept=place.kept)

    def moved_templates(self, place: Place, many: int) -> None:
        """The same of templates. Raises OSError."""
        place.persistent += many
        place.counted = b""
        self.live += many
        self.changes.make(place.number, persistent=many)


def _live(row: bytes) -> int:
    """Connections and templates that a destination's bytes tell of."""
    _, active, inactive, persistent = _COUNTS.unpack_from(row)
    return max(int(active + inactive + persistent), 0)


def _signed(number: int) -> int:
    """A count less than nothing, as `_signature` has written it."""
    return number - (1 << 64) if number >> 63 else number


def _add(stats: Counters, more: dict[str, int]) -> None:
    for name, value in more.items():
        setattr(stats, name, getattr(stats, name) + value)
