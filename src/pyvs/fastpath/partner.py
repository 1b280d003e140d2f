"""The maps as an engine's partner: what is written and read before and after packets, verbs and time.

    partner = Partner(fast, engine, Changes(fast.loaded, folder), new=True)
    partner.before_packets(now)     packets are looked at
    partner.after_packets(now)
    partner.before_verbs()          a verb changes something
    partner.changed()

Times are the engine's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pyvs.fastpath.mirror import Mirror, Place
from pyvs.fastpath.newcomers import Newcomers
from pyvs.fastpath.owner import SharedTable
from pyvs.fastpath.relay import Relay

if TYPE_CHECKING:
    from pyvs.core.engine import Engine
    from pyvs.fastpath.change import Changes
    from pyvs.fastpath.fast import FastPath


class Partner:
    """Engine and maps, which own each connection between them."""

    def __init__(self, fast: FastPath, engine: Engine, changes: Changes, *, new: bool) -> None:
        """Put the maps beside the engine's table. new: the programs schedule new connections."""
        self.fast = fast
        self.ns = engine.ns
        self._changes = changes
        self.mirror = Mirror(engine.ns, fast, changes)
        self.mirror.new = new
        self.table = SharedTable(engine.ns, fast, self.mirror)
        self.newcomers = Newcomers(engine.ns, fast, self.mirror) if new else None
        if self.newcomers is not None:
            self.newcomers.claiming = self.table.claiming
            self.table.claims.begin(self.newcomers.offers_at, engine.ns.now)
        else:
            self.table.claims.begin(None, engine.ns.now)
        self.relay = Relay(engine.ns, fast, self.table)
        self._dirty = True
        engine.ns.connections = self.table

    def changed(self) -> None:
        """A verb changed something: it is written before the next packet is looked at."""
        self._dirty = True

    def renew(self) -> None:
        """Write what has changed; connections come back that may not stay in the maps. Raises OSError."""
        self._dirty = False
        for _ in self.renewing():
            pass

    def renewing(self) -> Iterator[None]:
        """The same, a stretch a step."""
        back: list[Place] = []
        again: list[Place] = []
        yield from self.mirror.renewing(back, again)
        if again:
            self.table.handover.offer(again)
        self.table.adopt_templates()
        if self.newcomers is not None:
            yield from self.handing_over()
            yield from self.newcomers.renewing()
        if back:
            self.bring_back(back)

    def handing_over(self) -> Iterator[None]:
        """Hand over what there is, some a step: else the programs begin anew what the engine has. Raises OSError."""
        while self.table.handover.fresh:
            self.table.handover.settle(self.ns.now)
            yield

    def bring_back(self, places: list[Place]) -> None:
        """Take back the connections of destinations that rest from now on. Raises OSError."""
        for _ in self.table.come_back(places):
            pass

    def before_packets(self, now: float) -> None:
        """Let schedulers stand where the programs' cursors stand, and look at true counts. Raises OSError.

        What a master has to tell of packets before these becomes commands of the engine.
        """
        if self._dirty:
            self.renew()
        self.relay.read(now)
        self.table.claims.alive(now)
        if self.newcomers is not None:
            self.newcomers.carry_back()
        self.mirror.pull_counts()

    def after_packets(self, now: float) -> None:
        """Hand over what the packets have made. Raises OSError."""
        self.table.handover.settle(now)
        if self.newcomers is not None:
            self.newcomers.settle()

    def before_verbs(self) -> None:
        """Bring everything that listings show to what it is now. Raises OSError."""
        if self._dirty:
            self.renew()
        self.table.claims.alive(self.ns.now)
        if self.newcomers is not None:
            self.newcomers.carry_back()
        self.mirror.pull()
