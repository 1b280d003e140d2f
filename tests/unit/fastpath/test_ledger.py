"""What programs count comes back once, whatever wanders meanwhile; what has not changed is only looked at."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.fastpath.memory import MemoryChanges, MemoryFast, in_memory

from pyvs.core.control.specs import DestKey
from pyvs.fastpath import ledger
from pyvs.fastpath.layout import OWNER
from pyvs.fastpath.ledger import Ledger
from pyvs.fastpath.mirror import Place
from pyvs.fastpath.tables import Flag, Status
from pyvs.testing.shared import KEY, SERVERS, Shared


class Case:
    """An engine with a service of two servers, and maps in memory."""

    def __init__(self) -> None:
        self.shared: Shared
        self.maps: MemoryFast
        self.changes: MemoryChanges
        self.shared, self.maps, self.changes = in_memory()
        self.shared.service()
        self.ledger: Ledger = self.shared.mirror
        self.dest = self.shared.dest(0)
        self.place: Place = self.ledger.places[self.dest]

    def pull(self) -> None:
        self.ledger.pull()

    def wander(self, place: Place, way: int, *, active: bool = True) -> None:
        """A connection goes to the maps (1) or comes from there (-1)."""
        self.changes.wander(
            {"dest": place.number, "status": 0 if active else Status.INACTIVE, "template": 0}, way
        )
        self.ledger.moved(place, way if active else 0, 0 if active else way)

    def counts(self) -> tuple[int, int, int]:
        return self.dest.activeconns, self.dest.inactconns, self.dest.refcnt


STEPS = st.lists(
    st.tuples(st.sampled_from(["begin", "end", "to maps", "from maps", "pull"]), st.booleans()), max_size=40
)


@given(STEPS)
def test_no_connection_is_counted_twice_or_never(steps: list[tuple[str, bool]]) -> None:
    """Programs begin and end connections, the engine gives and takes some, and looks now and then."""
    case = Case()
    in_maps, engine = [0, 0], [2, 2]
    case.dest.activeconns, case.dest.inactconns = engine
    case.dest.refcnt = sum(engine)
    number = case.place.number
    for what, active in steps:
        which = 0 if active else 1
        one = (1, 0) if active else (0, 1)
        if what == "begin":
            case.maps.count(number, active=one[0], inactive=one[1])
            in_maps[which] += 1
        elif what == "end" and in_maps[which]:
            case.maps.count(number, active=-one[0], inactive=-one[1])
            in_maps[which] -= 1
        elif what == "to maps" and engine[which]:
            case.wander(case.place, 1, active=active)
            in_maps[which] += 1
            engine[which] -= 1
        elif what == "from maps" and in_maps[which]:
            case.wander(case.place, -1, active=active)
            in_maps[which] -= 1
            engine[which] += 1
        else:
            case.ledger.pull_counts()
    case.ledger.pull_counts()
    assert case.counts() == (in_maps[0] + engine[0], in_maps[1] + engine[1], sum(in_maps) + sum(engine))
    assert case.ledger.live == sum(in_maps)
    row = case.maps.destination(number)
    assert (row["active"], row["inactive"]) == tuple(in_maps)
    assert (row["kept_active"], row["kept_inactive"]) == tuple(engine)


def test_what_has_not_changed_writes_nothing() -> None:
    case = Case()
    case.maps.count(case.place.number, active=1, conns=1, inpkts=5)
    case.pull()
    case.changes.made.clear()
    case.changes.owners.writes.clear()
    case.maps.dests.writes.clear()
    case.pull()
    assert (case.changes.made, case.changes.owners.writes, case.maps.dests.writes) == ([], [], [])


def test_the_engines_share_is_noted_when_it_grows() -> None:
    case = Case()
    case.dest.stats.inpkts += 3
    case.pull()
    share = OWNER.unpack(case.changes.owners.held[case.place.number])
    assert (share["stats_inpkts"], share["af"], share["vport"]) == (3, 2, b"\0\x50")
    case.maps.count(case.place.number, inpkts=10)
    case.changes.owners.writes.clear()
    case.pull()
    assert case.dest.stats.inpkts == 13
    assert case.changes.owners.writes == [], "what programs counted is not the engine's"


def test_who_is_killed_has_lost_little_of_what_the_engine_counted() -> None:
    """The share is noted with each look at the counts, and when connections go to the maps."""
    case = Case()

    def noted() -> tuple[int, int]:
        share = OWNER.unpack(case.changes.owners.held[case.place.number])
        return share["stats_conns"], share["stats_inpkts"]

    case.dest.stats.inpkts += 3
    case.ledger.pull_counts()
    assert noted() == (0, 3)
    for port in (40000, 40001):  # one goes to each server
        case.shared.from_client(port)
    case.shared.settle()
    assert noted() == (1, 4)


def test_a_mark_of_overload_that_was_written_too_late_goes() -> None:
    """Programs saw the last connection end, and took the mark away, before ours was written."""
    case = Case()
    case.dest.u_threshold = 1
    case.shared.mirror.renew()
    number = case.place.number
    case.maps.count(number, active=1)
    case.pull()
    assert case.dest.overloaded
    case.maps.count(number, active=-1)
    case.changes.make(number, kept=(0, 0, True))
    case.pull()
    assert not case.dest.overloaded
    case.pull()
    assert not case.maps.destination(number)["flags"] & Flag.OVERLOAD


def test_templates_hold_a_destination() -> None:
    case = Case()
    case.ledger.moved_templates(case.place, 1)
    assert case.ledger.live == 1
    case.shared.engine.control.del_dest(KEY, DestKey(SERVERS[0], 8080), case.shared.now)
    list(case.shared.engine.ns.trash.sweep(case.shared.now))
    list(case.shared.engine.ns.trash.sweep(case.shared.now + 1000.0))
    case.pull()
    assert case.dest in case.ledger.places
    case.ledger.moved_templates(case.place, -1)
    case.pull()
    assert case.dest not in case.ledger.places
    assert case.ledger.live == 0


@pytest.mark.parametrize("together", [1, 2, 256])
def test_what_others_did_between_two_stretches_counts(together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that rests reads again before it goes on: connections have wandered meanwhile."""
    monkeypatch.setattr(ledger, "TOGETHER", together)
    monkeypatch.setattr(ledger, "STRETCH", 1)
    monkeypatch.setattr(ledger, "LOOKS", 1)
    case = Case()
    for place in case.ledger.places.values():
        case.maps.count(place.number, active=1)
    looking = case.ledger.pulling_counts()
    next(looking)
    for place in case.ledger.places.values():
        case.wander(place, 1)
    for _ in looking:
        pass
    # One was looked at before the other connection came from the engine, which had counted it; the other after that.
    counts = sorted(place.dest.activeconns for place in case.ledger.places.values())
    case.ledger.pull_counts()
    assert counts == sorted(place.dest.activeconns for place in case.ledger.places.values()) == [1, 1]
