"""The fast path of a live director: opened, attached, kept true, swept, told of, and left behind or taken away."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from pyvs.core.wording import counted
from pyvs.daemon.across import Across
from pyvs.daemon.across import Choice as AcrossChoice
from pyvs.daemon.fast_devices import FastDevices
from pyvs.daemon.fast_own import OwnServers
from pyvs.daemon.fast_sweeps import Sweeps
from pyvs.daemon.fast_works import Works
from pyvs.daemon.onlookers import Onlookers
from pyvs.fastpath import pins
from pyvs.fastpath.change import Changes
from pyvs.fastpath.errors import FastPathUnavailable
from pyvs.fastpath.fast import FastPath, Mode
from pyvs.fastpath.links import Links, detach_all
from pyvs.fastpath.mirror import Place
from pyvs.fastpath.neighbours import Neighbours
from pyvs.fastpath.partner import Partner
from pyvs.fastpath.sizes import ENTRIES
from pyvs.fastpath.takeover import forget_dead, left_behind

if TYPE_CHECKING:
    from pyvs.core.engine import Engine
    from pyvs.daemon.environment import LiveEnvironment
    from pyvs.daemon.log import Log

Choice = Literal["auto", "tc", "xdp", "off"]
CHOICES: Final[tuple[Choice, ...]] = ("auto", "tc", "xdp", "off")

SECOND: Final = 1.0
IN_USE: Final = 5.0
"""Seconds for which a neighbour counts as used after a packet. Kernel: `delay_first_probe_time`."""
SHARE: Final = 20.0
"""Reading counts takes at most one in so many of the daemon's time of the processor: on a busy host the work of others
would count as ours."""
PULL_SHARE: Final = 5.0
"""Likewise with bringing the counters of many servers back."""
MANY: Final = 200
"""Servers above which nothing is done for all of them in one go."""
PATIENCE: Final = 60.0
"""Seconds for which destinations that another daemon left wait for rules that name them."""

LEFT: Final = (
    "programs of the director before go on serving its connections beside this one, by its rules: end this one, and "
    "`pyvs detach` takes them away"
)


class Fast(Partner):
    """The fast path beside an engine."""

    def __init__(
        self,
        fast: FastPath,
        folder: Path,
        engine: Engine,
        environment: LiveEnvironment,
        log: Log,
        clock: Callable[[], float],
        *,
        new: bool,
        across: Across,
    ) -> None:
        """Put the maps beside the engine's table. Raises FastPathUnavailable, OSError."""
        changes = Changes(fast.loaded, folder)
        waiting = left_behind(changes, fast.dests)
        self.links = Links(fast.mode, fast.program, folder / pins.LINKS)
        self.neighbours = Neighbours()
        self.devices = FastDevices(fast, self.links, across, environment, log)
        super().__init__(fast, engine, changes, new=new)
        self.mirror.inherit(waiting)
        self.taken_over = len(waiting)
        self.table.mapped.inherit()
        self.log = log
        self.clock = clock
        self.environment = environment
        self._folder = folder
        self.own = OwnServers(fast, self.mirror, folder, log)
        self._patience = clock() + PATIENCE
        self._second = clock()
        self._counts_at = 0.0
        self._sweeps = Sweeps(fast, self.mirror, self.table, clock())
        self._works = Works()
        self._counting: Iterator[None] = iter(())
        self._pull_at = 0.0
        self._coming: Iterator[None] | None = None
        """Connections that come back from the maps."""
        self._refused: str | None = None
        self._ran = self._again = False
        """Again: something has changed while what had changed before was written."""

    @classmethod
    def open(
        cls,
        choice: Choice,
        engine: Engine,
        environment: LiveEnvironment,
        log: Log,
        clock: Callable[[], float],
        *,
        new: bool = False,
        across: AcrossChoice = "auto",
        connections: int = 0,
    ) -> Fast | None:
        """The fast path, or None and a line in the log that says why there is none.

        new: the programs schedule new connections, before the host's filter sees them. across: whether
        packets to another namespace's end of a veth pair go there at once. connections: of each family that the
        tables have room for.
        """
        if choice == "off":
            _leave_nothing(log)
            return None
        mode: Mode = "xdp" if choice == "xdp" else "tc"
        fast: FastPath | None = None
        folder: Path | None = None
        try:
            folder = pins.prepare()
            with contextlib.suppress(OSError):  # another director may be at it
                forget_dead(folder.parent.parent, folder.parent)
            fast = FastPath.open(mode, pins=folder, connections=connections * ENTRIES)
            fast.sweep()  # where that can't be, nothing would ever end
            if fast.kept_size:
                room = fast.loaded.entries("conns4") // ENTRIES
                log.warning(
                    f"the fast path's tables keep their size, with room for {counted(room, 'connection')} of each "
                    f"family and not for {connections}: {fast.kept_size}"
                )
            looks = Onlookers(environment.rtnetlink)
            return cls(fast, folder, engine, environment, log, clock, new=new, across=Across(across, looks))
        except (FastPathUnavailable, OSError) as reason:
            if fast is not None:
                fast.close()
            log.info(f"the fast path is off, the engine serves alone: {reason}")
            if folder is not None:
                if any((folder / pins.LINKS).iterdir()):
                    log.warning(LEFT)
                else:
                    with contextlib.suppress(OSError):
                        pins.remove(folder.parent)
            return None

    # ---- the beginning and the end -------------------------------------------

    def prepare(self) -> None:
        """What takes long, before anybody's packets wait: write what there is. Raises OSError."""
        self.renew()
        self._ran = True
        self.ns.services.touched = {}
        if self.found:  # the one before may have left claims, if nothing else
            self._sweeps.begin()

    def start(self) -> None:
        """Let packets through the programs."""
        if not self._ran:
            self.prepare()
        devices = self.devices.attach()
        self._follow_tables()
        if not devices:
            self.log.warning("the fast path is at no device: no Ethernet here takes its program")
            return
        places = self.mirror.places.values()
        taken = sum(place.active + place.inactive for place in places)
        templates = sum(place.persistent for place in places)
        whose = ("connection of the director before is", "connections of the director before are")
        by = "/".join(sorted(set(self.links.attached.values())))
        over = f"; {counted(taken, *whose)} taken over" if self.taken_over else ""
        if over and templates:
            over += f", and {counted(templates, 'template', 'templates')}"
        self.log.info(f"the fast path is on by {by} at {', '.join(devices)}{over}")
        if self.fast.mode == "xdp" and (pairs := self.devices.pairs()):
            self.log.warning(
                f"XDP at {', '.join(pairs)}, halves of veth pairs: packets get lost unless the far ends finish "
                "checksums (`ethtool -K DEV tx off` there) and poll (`gro on`)"
            )

    def _follow_tables(self) -> None:
        try:
            if self.fast.follow_tables():
                room = self.fast.loaded.entries("conns4") // ENTRIES
                self.log.info(
                    f"the fast path's tables have room for {counted(room, 'connection')} of each family now"
                )
        except OSError as error:
            self.log.error(
                f"the fast path's tables have another size, which the next director won't find: {error}"
            )

    @property
    def found(self) -> bool:
        """Whether there are programs at devices: of a director before, as long as this one has not started."""
        return any((self._folder / pins.LINKS).iterdir())

    def close(self, *, keep: bool) -> None:
        """Let go. keep: programs and connections stay for the next daemon, else nothing is left."""
        self.neighbours.close()
        self._sweeps.close()
        with contextlib.suppress(OSError):
            self.mirror.pull()  # so that the engine's share is noted
            self.table.claims.begin(None, self.clock())  # nobody has these connections any more
        if keep:
            left = sum(place.active + place.inactive for place in self.mirror.places.values())
            self.log.info(
                f"the fast path stays, with {counted(left, 'connection')}, for the next `pyvs run` or `pyvs detach`"
            )
        else:
            try:
                self.links.detach()
                pins.remove(self._folder)
                with contextlib.suppress(OSError):
                    self._folder.parent.rmdir()
            except OSError as error:
                self.log.error(f"the fast path is still in the kernel: {error}; `pyvs detach` takes it away")
        self.own.close()
        self._changes.close()
        self.fast.close()

    # ---- what the director tells ----------------------------------------------

    def host_changed(self) -> None:
        """Routes, addresses or devices changed."""
        self._dirty = True
        self.fast.renew_hops()
        self.devices.attach()

    def look_at_neighbours(self) -> None:
        """A neighbour may have another address now."""
        if self.neighbours.changed():
            self.fast.renew_hops()

    def changed(self) -> None:
        """As any partner; servers that the maps don't know yet need not come first."""
        super().changed()
        if touched := self.ns.services.touched:
            self.ns.services.touched = {dest: None for dest in touched if dest in self.mirror.places}

    def before_packets(self, now: float) -> None:
        """As any partner, but with counts that are some milliseconds old where there are many servers."""
        if self._dirty:
            self.renew()
        self.relay.read(now)
        if self.newcomers is not None:
            self.newcomers.carry_back()
        if now >= self._counts_at:
            begun = time.thread_time()
            if not self.many:
                self.mirror.pull_counts()
            elif next(self._counting, self) is self:
                self._counting = self.mirror.pulling_counts()
            self._counts_at = now + (time.thread_time() - begun) * SHARE

    def before_verbs(self) -> None:
        """As any partner; where there are many servers what listings show is up to some seconds old."""
        self._works.note_verb(self.clock())
        if not self.many:
            super().before_verbs()

    @property
    def many(self) -> bool:
        """Whether there are so many servers that packets must not wait for a look at all."""
        return len(self.mirror.places) > MANY

    def _work(self, name: str, begin: Callable[[], Iterator[None]]) -> None:
        """Do something, or begin it where there are many servers: `tick` goes on with it in stretches."""
        self._works.begin(name, begin, whole=not self.many)

    # ---- time -------------------------------------------------------------------

    @property
    def _may_wait(self) -> bool:
        """Whether what has changed is all written by the renewal that goes on, and the one after it."""
        return self.many and "renew" in self._works and not self.ns.services.touched

    @property
    def due(self) -> float:
        """When to call `tick` next."""
        if self._coming is not None or (self._dirty and not self._may_wait):
            return 0.0
        others = (self.table.handover.due, self._works.due)
        return min(self._second, self._sweeps.due, *(due for due in others if due is not None))

    def tick(self, now: float) -> None:
        """Do what is due."""
        if self._dirty:
            self.renew()
        if now >= self._second or self.ns.next_estimate <= now:
            self._second = now + SECOND
            self.mirror.configure()
            self.table.claims.alive(now)
            self.neighbours.use(
                lambda ifindex, lladdr: self.fast.hops.lately(ifindex, lladdr, self.fast.jiffies, now, IN_USE)
            )
            if "pull" not in self._works and (now >= self._pull_at or not self.many):
                self._work("pull", self._pulling)
            self.table.audit()
            self.devices.look()
            if self.mirror.waiting and now >= self._patience:
                self._give_up_waiting()
        self.table.handover.settle(now)
        self._works.go_on(now, whole=not self.many)
        if self._coming is not None and next(self._coming, self) is self:
            self._coming = None
        if self._sweeps.go_on(now):
            self._work("swept", self.mirror.pulling_counts)

    def renew(self) -> None:
        """As any partner; the log is told when nothing can be offloaded any more, or can be again."""
        if self.many and self._ran:
            self._dirty = False
            self._come_first()
            if "renew" in self._works:  # it has gone past what has changed, perhaps: once more then
                self._again = True
            else:
                self._work("renew", self._renewing)
            return
        super().renew()
        self._renewed()

    def _come_first(self) -> None:
        """Write what a verb has just changed; all else comes in stretches."""
        if touched := self.ns.services.touched:
            self.ns.services.touched = {}
            back, again = self.mirror.renew_first(touched)
            if again:
                self.table.handover.offer(again)
            if back:
                self.bring_back(back)

    def _pulling(self) -> Iterator[None]:
        """`pull`, a stretch a step, and then a rest."""
        spent, begun = 0.0, time.thread_time()
        for _ in self.mirror.pulling():
            spent += time.thread_time() - begun
            yield
            begun = time.thread_time()
        self._pull_at = self.clock() + spent * PULL_SHARE

    def _renewing(self) -> Iterator[None]:
        """`renew`, a stretch a step."""
        self._again = False
        yield from self.renewing()
        self._renewed()
        self._dirty = self._dirty or self._again

    def _renewed(self) -> None:
        self.own.renewed(tell=self._ran)
        if self.mirror.refused != self._refused:
            self._refused = self.mirror.refused
            what = "serves again" if self._refused is None else f"rests: {self._refused}"
            self.log.info(f"the fast path {what}")

    def bring_back(self, places: list[Place]) -> None:
        """As any partner, but in stretches: what has packets in the meantime comes back by them."""
        every, coming = self.mirror.places.values(), set(places)
        self._coming = self.table.come_back(place for place in every if place.rests or place in coming)

    def _give_up_waiting(self) -> None:
        """Destinations of a director before that no rule names: their servers count as removed."""
        self.log.info(
            f"the director before had {counted(self.mirror.give_up_waiting(), 'server')} that no rule names now; "
            "connections there count as those of removed servers"
        )


def _leave_nothing(log: Log) -> None:
    """There is to be no fast path: what a director before left would go on by rules that nobody changes any more."""
    with contextlib.suppress(OSError):  # as a rule because nothing was ever pinned, or it is not ours
        taken, _ = detach_all(pins.home())
        if taken:
            log.warning(
                f"the fast path that the director before left at {counted(taken, 'device')} is taken away, "
                "and its connections end"
            )
    log.info("--fast off: the engine serves alone")
