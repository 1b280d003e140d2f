"""Connections and numbers that wander between an engine and maps, without a kernel: `Mirror` and `SharedTable`."""

from __future__ import annotations

from functools import partial

import pytest
from tests.unit.fastpath.memory import MemoryChanges, MemoryFast, in_memory

from pyvs.core.control.specs import DestKey, DestSpec
from pyvs.core.flags import Forward
from pyvs.fastpath.entries import server_key
from pyvs.fastpath.handover import FULL
from pyvs.fastpath.layout import CONN4, OWNER
from pyvs.fastpath.owner import SharedTable
from pyvs.fastpath.returns import HOLD, OFTEN
from pyvs.fastpath.tables import LIMITS, Flag
from pyvs.fastpath.views import View
from pyvs.testing.shared import ACK, KEY, SERVERS, VIP, Shared, packed


class Case:
    """An engine, and maps in memory."""

    def __init__(self) -> None:
        self.shared: Shared
        self.maps: MemoryFast
        self.changes: MemoryChanges
        self.shared, self.maps, self.changes = in_memory()

    @property
    def table(self) -> SharedTable:
        return self.shared.table

    def of_engine(self) -> list[int]:
        """Clients' ports of what the engine has."""
        return [conn.cport for conn in self.table if not isinstance(conn, View)]

    def counts(self) -> list[tuple[int, int]]:
        rows = [self.maps.destination(place.number) for place in self.shared.mirror.places.values()]
        return [(row["active"], row["inactive"]) for row in rows]


@pytest.fixture
def case() -> Case:
    case = Case()
    case.shared.service()
    return case


def remove(case: Case, number: int) -> None:
    port = case.shared.dest(number).port
    case.shared.engine.control.del_dest(KEY, DestKey(SERVERS[number], port), case.shared.now)
    case.shared.mirror.renew()


def test_a_number_is_given_again_when_nobody_needs_it(case: Case) -> None:
    mirror = case.shared.mirror
    number = mirror.places[case.shared.dest(0)].number
    case.maps.count(number, active=1, conns=1)
    mirror.pull()
    remove(case, 0)
    mirror.pull()
    assert number in mirror.by_number  # one connection goes on
    case.maps.count(number, active=-1)
    mirror.pull()
    list(case.shared.engine.ns.trash.sweep(case.shared.now))
    list(case.shared.engine.ns.trash.sweep(case.shared.now + 1000.0))
    mirror.pull()
    assert number not in mirror.by_number
    assert OWNER.unpack(case.changes.owners.held[number])["af"] == 0
    assert case.maps.totals(number)["conns"] == 0
    server = DestSpec(DestKey(SERVERS[0], 81))
    case.shared.engine.control.new_dest(KEY, server, case.shared.now)
    mirror.renew()
    assert mirror.by_number[number].dest.port == 81


def test_numbers_that_wait_are_not_given_away() -> None:
    case = Case()
    case.shared.mirror.inherit({(2, 0, 6, b"\x0a\1\1\1", 1, 2, b"\x0a\1\1\2", 1): 0})
    case.shared.service()
    assert sorted(case.shared.mirror.by_number) == [1, 2]


def test_numbers_that_were_taken_over_are_not_given_away() -> None:
    case = Case()
    known = (2, 0, 6, packed(VIP), 80, 2, SERVERS[0], 8080)
    case.shared.mirror.inherit({known: 0})
    case.shared.service(servers=1)
    assert case.shared.mirror.waiting == {}
    case.shared.engine.control.new_dest(KEY, DestSpec(DestKey(SERVERS[1], 8080)), case.shared.now)
    case.shared.mirror.renew()
    assert {place.dest.addr: number for number, place in case.shared.mirror.by_number.items()} == {
        SERVERS[0]: 0,
        SERVERS[1]: 1,
    }


def test_numbers_that_nobody_names_are_free_when_nothing_points_to_them() -> None:
    case = Case()
    gone = [(2, 0, 6, packed(VIP), 80, 2, bytes((10, 9, 9, n)), 1) for n in range(2)]
    case.shared.mirror.inherit(dict(zip(gone, range(2), strict=True)))
    case.maps.count(0, active=1)
    assert case.shared.mirror.give_up_waiting() == 2
    case.shared.service()
    assert sorted(case.shared.mirror.by_number) == [1, 2]
    assert case.shared.mirror.may_end, "a sweep is to look for them"
    case.shared.mirror.pull()
    case.shared.engine.control.new_dest(KEY, DestSpec(DestKey(packed("10.1.0.77"), 8080)), case.shared.now)
    case.maps.count(0, active=-1)
    case.shared.mirror.pull()
    assert not case.shared.mirror.may_end
    case.shared.mirror.renew()
    assert sorted(case.shared.mirror.by_number) == [0, 1, 2]


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_who_is_killed_while_a_number_becomes_free_leaves_no_counters(
    steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case()
    case.changes.owners.set(0, OWNER.pack(af=2))
    case.maps.counters.add(0, inpkts=7)
    done = 0

    def killed(name: str, element: int, value: bytes) -> None:
        nonlocal done
        if done == steps:
            raise InterruptedError
        done += 1
        own[name](element, value)

    arrays = {"owners": case.changes.owners, "stats": case.maps.counters, "dests": case.maps.dests}
    own = {name: array.set for name, array in arrays.items()}
    for name, array in arrays.items():
        monkeypatch.setattr(array, "set", partial(killed, name))
    case.shared.mirror.inherit({(2, 0, 6, packed(VIP), 80, 2, SERVERS[0], 1): 0})
    with pytest.raises(InterruptedError):
        case.shared.mirror.give_up_waiting()
    assert case.changes.owners.at(0)["af"] or not case.maps.counters.at(0)["inpkts"]


def test_more_servers_than_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "MAX_DESTS", 1)
    case = Case()
    case.shared.service()
    for port in range(40000, 40004):
        case.shared.from_client(port)
    case.shared.settle()
    assert len(case.shared.mirror.places) == 1
    assert case.shared.offloaded() == 2
    assert case.table.handover.kept.total() == 2


def test_only_what_changed_is_written(case: Case) -> None:
    case.changes.made.clear()
    case.shared.mirror.renew()
    assert case.changes.made == []
    server = DestSpec(DestKey(SERVERS[0], 8080), forward=Forward.MASQ, weight=9)
    case.shared.engine.control.set_dest(KEY, server, case.shared.now)
    case.shared.mirror.renew()
    ((_, made),) = case.changes.made
    assert made["wanted"] is not None
    assert (made["wanted"]["weight"], made["hop"]) == (9, False)


def test_a_threshold_that_programs_reach(case: Case) -> None:
    server = DestSpec(DestKey(SERVERS[0], 8080), u_threshold=2, l_threshold=1)
    case.shared.engine.control.set_dest(KEY, server, case.shared.now)
    dest = case.shared.dest(0)
    number = case.shared.mirror.places[dest].number
    case.maps.count(number, active=2)
    case.shared.mirror.pull_counts()
    assert dest.overloaded
    case.maps.count(number, active=-2)
    case.shared.mirror.pull_counts()
    assert not dest.overloaded


def test_a_full_table_leaves_some_with_the_engine(case: Case) -> None:
    case.maps.conns4.room = 5  # two connections with NAT, and half a third
    for port in range(40000, 40004):
        case.shared.from_client(port)
    case.shared.settle()
    assert case.table.handover.kept == {FULL: 2}
    assert case.table.handover.count == 2
    assert case.shared.offloaded() == 2
    assert len(case.maps.conns4.held) == 4  # nothing of those that found no room
    assert sum(active + inactive for active, inactive in case.counts()) == 2
    assert len(case.of_engine()) == 2


def test_a_packet_that_comes_up_is_the_engines_until_it_is_settled(case: Case) -> None:
    case.shared.from_client(40000)
    case.shared.settle()
    assert case.of_engine() == []
    case.shared.from_client(40000, ACK)
    assert case.of_engine() == [40000]
    assert case.maps.conns4.held == {}
    assert set(case.counts()) == {(0, 0)}
    case.shared.settle()
    assert case.of_engine() == []
    assert case.table.came_back == 1


def test_one_that_comes_back_all_the_time_is_held_longer_and_longer(case: Case) -> None:
    case.shared.from_client(40000)
    case.shared.settle()
    for _ in range(OFTEN):
        case.shared.now += 2 * HOLD
        case.shared.from_client(40000, ACK)
        case.shared.settle()
        assert case.shared.offloaded() == 1
    for doubling in (1, 2):
        case.shared.now += 2 * HOLD
        case.shared.from_client(40000, ACK)
        case.shared.settle()
        assert case.shared.offloaded() == 0
        due = case.table.handover.due
        assert due is not None
        assert due == pytest.approx(case.shared.now + HOLD * 2**doubling)
        case.shared.now = due
        case.shared.settle()
        assert case.shared.offloaded() == 1


def test_a_newer_ones_replies_stay_when_an_older_one_comes_back(case: Case) -> None:
    case.shared.from_client(40000)
    case.shared.settle()
    (conn,) = list(case.maps.connections())
    back = server_key(conn)
    value = CONN4.unpack(case.maps.conns4.held[back])
    other = CONN4.pack(**{**value, "port": b"\0\x51"})  # of the service at port 81
    case.maps.conns4.held[back] = other
    case.shared.from_client(40000, ACK)
    assert case.maps.conns4.held == {back: other}


def test_a_reply_counts_as_life(case: Case) -> None:
    case.shared.from_client(40000)
    case.shared.settle()
    (conn,) = list(case.maps.connections())
    back = server_key(conn)
    value = CONN4.unpack(case.maps.conns4.held[back])
    later = case.maps.jiffies.at(case.shared.now + 50.0)
    case.maps.conns4.held[back] = CONN4.pack(**{**value, "seen": later})
    case.shared.now += 80.0  # longer than a handshake may be silent
    case.shared.from_client(40000, ACK)
    assert case.of_engine() == [40000]


def test_the_programs_know_the_engines_connections(case: Case) -> None:
    """What the engine keeps, and whether a server has enough: told with the counts, and with what wanders."""
    shared = case.shared
    dest = shared.dest(0)
    place = shared.mirror.places[dest]
    dest.activeconns, dest.inactconns, dest.overloaded = 3, 2, True

    def told() -> tuple[int, int, bool]:
        row = case.maps.destination(place.number)
        return row["kept_active"], row["kept_inactive"], bool(row["flags"] & Flag.OVERLOAD)

    assert told() == (0, 0, False)
    shared.mirror.pull_counts()
    assert told() == (3, 2, True)
    case.maps.count(place.number, active=2, inactive=1)
    shared.mirror.moved(place, 2, 1)
    assert told() == (1, 1, True)
    assert (dest.activeconns, dest.inactconns) == (3, 2)
    case.maps.count(place.number, active=-1)
    shared.mirror.pull_counts()
    assert (dest.activeconns, dest.overloaded) == (2, False)
    assert told() == (1, 1, False)


def test_a_mark_of_overload_outlives_what_happened_meanwhile(case: Case) -> None:
    """Three came and one went: still too many, which the sums alone would not tell."""
    shared = case.shared
    dest = shared.dest(0)
    dest.u_threshold, dest.l_threshold = 3, 1
    shared.mirror.renew()
    place = shared.mirror.places[dest]
    shared.mirror.pull_counts()
    for change in (1, 1, 1, -1, -1):
        case.maps.count(place.number, active=change)
    shared.mirror.pull_counts()
    assert (dest.activeconns, dest.overloaded) == (1, True)
