"""What a scheduler becomes in the maps: a selector and a table of slots, and what its cursor means afterwards.

rr and wrr become a cursor over one round of theirs, the hashing ones their table, the others a list to look through.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final

from pyvs.core.flags import SCHED_SH_FALLBACK, SCHED_SH_PORT
from pyvs.core.schedulers.dh import DestinationHashing
from pyvs.core.schedulers.mh import MaglevHashing
from pyvs.core.schedulers.rr import RoundRobin
from pyvs.core.schedulers.scheduler import Request, Scheduler
from pyvs.core.schedulers.sh import SourceHashing
from pyvs.core.schedulers.wrr import WeightedRoundRobin
from pyvs.core.services.destination import Destination
from pyvs.fastpath.tables import LEAST_MOST, Selector

ROUND_MOST: Final = 1 << 16
"""Picks of the longest round of rr or wrr that becomes a table."""
_ANY: Final = Request(6, b"", b"", 0, 0)
_LEAST: Final = {
    "lc": Selector.LC,
    "wlc": Selector.WLC,
    "sed": Selector.SED,
    "nq": Selector.NQ,
    "fo": Selector.FO,
    "ovf": Selector.OVF,
}
Numbering = Callable[[Destination], int]


@dataclass(slots=True)
class Selection:
    """How the programs choose a service's servers."""

    selector: Selector
    slots: list[int] = field(default_factory=list)
    """Numbers of destinations."""
    standings: list[tuple[int, ...]] = field(default_factory=list)
    """For a cursor: where the scheduler stands after each slot's pick."""
    fallback: bool = False
    """Others are tried when the hash's server can't take it."""

    def carry_back(self, scheduler: Scheduler, cursor: int) -> None:
        """Let the scheduler stand where the cursor in the maps stands."""
        if self.standings and cursor and isinstance(scheduler, (RoundRobin, WeightedRoundRobin)):
            scheduler.stand(self.standings[(cursor - 1) % len(self.standings)])


NOT_HERE: Final = Selection(Selector.NONE)


def select(scheduler: Scheduler | None, number: Numbering) -> Selection:
    """The selection that makes the same choices as a scheduler; `NOT_HERE` if there is none."""
    if isinstance(scheduler, (RoundRobin, WeightedRoundRobin)):
        return _round(scheduler, number)
    if isinstance(scheduler, (SourceHashing, DestinationHashing, MaglevHashing)):
        return _table(scheduler, number)
    if scheduler is None or scheduler.name not in _LEAST:
        return NOT_HERE
    destinations = scheduler.service.destinations
    if len(destinations) > LEAST_MOST:
        return NOT_HERE
    return Selection(_LEAST[scheduler.name], [number(destination) for destination in destinations])


def _table(scheduler: Any, number: Numbering) -> Selection:
    flags = scheduler.service.flags
    by_port = bool(flags & SCHED_SH_PORT)
    if isinstance(scheduler, DestinationHashing):
        selector = Selector.DESTINATION
    elif isinstance(scheduler, MaglevHashing):
        selector = Selector.MAGLEV_PORT if by_port else Selector.MAGLEV
    else:
        selector = Selector.SOURCE_PORT if by_port else Selector.SOURCE
    fallback = selector != Selector.DESTINATION and bool(flags & SCHED_SH_FALLBACK)
    return Selection(selector, [number(destination) for destination in scheduler.slots()], fallback=fallback)


def _round(scheduler: RoundRobin | WeightedRoundRobin, number: Numbering) -> Selection:
    """Let a copy pick until it stands where it stood after its first pick, with nobody overloaded."""
    destinations = scheduler.service.destinations
    stand_ins: Any = [
        SimpleNamespace(weight=d.weight, overloaded=False, number=number(d)) for d in destinations
    ]
    runner = copy(scheduler)
    runner.service = SimpleNamespace(destinations=stand_ins)  # type: ignore[assignment]
    found = Selection(Selector.CURSOR)
    while len(found.slots) <= ROUND_MOST:
        picked: Any = runner.pick(_ANY)
        if picked is None:
            return found
        standing = runner.standing()
        if found.standings and standing == found.standings[0]:
            return found
        found.slots.append(picked.number)
        found.standings.append(standing)
    return NOT_HERE
