"""With many servers nothing is done for all of them in one go, and all is done nevertheless."""

from __future__ import annotations

import pytest
from tests.unit.daemon.fast.around import Case

from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.flags import Family, Forward, Proto
from pyvs.core.services import registry
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service
from pyvs.daemon import fast as room
from pyvs.fastpath import ledger
from pyvs.fastpath.ledger import Ledger
from pyvs.fastpath.mirror import Mirror, Place
from pyvs.testing.shared import VIP, packed

SERVICES, SERVERS, STRETCH = 3, 5, 2
MOST = 3 * STRETCH + 1
"""Destinations that one turn may look at: of a renewal, of counters, of counts; and the one that was touched."""


def key(n: int) -> ServiceKey:
    return ServiceKey(Family.INET, Proto.TCP, packed(VIP), 1000 + n)


def server(n: int, weight: int = 1) -> DestSpec:
    return DestSpec(DestKey(bytes((10, 1, 1, n)), 8080), Forward.MASQ, weight=weight)


def filled(case: Case) -> None:
    for n in range(SERVICES):
        case.engine.control.new_service(ServiceSpec(key(n), "wlc"), case.now)
        for last in range(1, SERVERS + 1):
            case.engine.control.new_dest(key(n), server(last), case.now)
    case.fast.changed()
    case.fast.start()
    assert case.fast.many


def weight(case: Case, n: int, last: int) -> int:
    """A server's weight as the programs know it."""
    for place in case.fast.mirror.places.values():
        if place.service.port == 1000 + n and place.dest.addr[-1] == last:
            return int(case.maps.destination(place.number)["weight"])
    raise AssertionError


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few servers be many."""
    monkeypatch.setattr(room, "MANY", 4)
    monkeypatch.setattr(ledger, "STRETCH", STRETCH)
    monkeypatch.setattr(ledger, "LOOKS", 1)
    monkeypatch.setattr(registry, "TOUCHED", 1)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many destinations were looked at, the last number counts on."""
    seen = [0]
    stance, take = Mirror._stance, Ledger._take_counts

    def look(mirror: Mirror, service: Service, dest: Destination) -> tuple[object, ...]:
        seen[-1] += 1
        return stance(mirror, service, dest)

    def read(mirror: Ledger, place: Place, row: bytes) -> bool:
        seen[-1] += 1
        return take(mirror, place, row)

    monkeypatch.setattr(Mirror, "_stance", look)
    monkeypatch.setattr(Ledger, "_take_counts", read)
    return seen


def settle(case: Case, looks: list[int]) -> None:
    """Let the director's loop turn until nothing is left."""
    turns = 0
    while case.fast.due <= case.now:
        looks.append(0)
        case.fast.before_packets(case.now)
        case.fast.tick(case.now)
        case.fast.after_packets(case.now)
        turns += 1
        assert turns < 1000
    assert max(looks) <= MOST


def test_a_change_of_one_comes_first(case: Case, looks: list[int]) -> None:
    filled(case)
    looks[:] = [0]
    case.engine.control.set_dest(key(2), server(3, 9), case.now)
    case.fast.changed()
    case.fast.before_packets(case.now)
    assert weight(case, 2, 3) == 9
    settle(case, looks)
    assert weight(case, 2, 2) == 1


def test_changes_of_all_are_written_in_turns(case: Case, looks: list[int]) -> None:
    filled(case)
    looks[:] = [0]
    for n in range(SERVICES):
        for last in range(1, SERVERS + 1):
            case.engine.control.set_dest(key(n), server(last, 7), case.now)
    case.fast.changed()
    settle(case, looks)
    places = case.fast.mirror.places.values()
    assert {case.maps.destination(place.number)["weight"] for place in places} == {7}


def test_what_changes_while_it_is_written_is_written_too(case: Case, looks: list[int]) -> None:
    filled(case)
    looks[:] = [0]
    for turn in range(5):
        for last in range(1, SERVERS + 1):
            for n in range(SERVICES):
                case.engine.control.set_dest(key(n), server(last, 10 + turn), case.now)
        case.fast.changed()
        looks.append(0)
        case.fast.tick(case.now)
    settle(case, looks)
    places = case.fast.mirror.places.values()
    assert {case.maps.destination(place.number)["weight"] for place in places} == {14}


def test_counters_come_back_in_turns(case: Case, looks: list[int]) -> None:
    filled(case)
    looks[:] = [0]
    settle(case, looks)
    for place in case.fast.mirror.places.values():
        case.maps.count(place.number, active=1, inpkts=3)
    case.now += 2.0
    looks[:] = [0]
    case.fast.before_verbs()
    assert looks == [0]
    case.now += 1.0
    settle(case, looks)
    assert case.engine.ns.stats.inpkts == 3 * SERVICES * SERVERS


def test_servers_that_are_gone_are_given_up(case: Case, looks: list[int]) -> None:
    filled(case)
    case.engine.control.flush(case.now)
    case.fast.changed()
    while len(case.engine.ns.jobs):
        case.engine.handle_timeouts(case.now)
    looks[:] = [0]
    settle(case, looks)
    assert case.fast.mirror.places
    for _ in range(5):  # the trash forgets who was idle for two minutes
        case.now += 61.0
        case.engine.handle_timeouts(case.now)
        while len(case.engine.ns.jobs):
            case.engine.handle_timeouts(case.now)
        case.fast.tick(case.now)
        while case.fast.due <= case.now:
            case.fast.tick(case.now)
    assert not case.fast.mirror.places
