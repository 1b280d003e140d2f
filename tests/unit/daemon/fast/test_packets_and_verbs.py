"""What packets, verbs and the host bring about."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.unit.daemon.fast.around import Case
from tests.unit.fastpath.memory import MemoryFast

from pyvs.core.flags import Proto
from pyvs.daemon import fast as room
from pyvs.daemon.across import Choice
from pyvs.daemon.fast_account import account
from pyvs.fastpath.tables import Flag, Selector
from pyvs.testing.shared import NOW, VIP, packed


def test_what_packets_make_goes_to_the_maps(case: Case) -> None:
    case.service()
    case.packet(40000)
    case.packet(40001)
    assert case.in_maps() == [40000, 40001]
    dests = next(iter(case.engine.ns.services)).destinations
    assert [dest.inactconns + dest.activeconns for dest in dests] == [1, 1]


def test_a_change_is_written_before_the_next_packet(case: Case) -> None:
    case.service()
    assert case.maps.destination(0)["af"] == 0
    assert case.fast.due == 0.0
    case.fast.before_packets(case.now)
    assert case.maps.destination(0)["port"] == (8080).to_bytes(2, "big")
    assert case.fast.due > 0.0


def test_counts_are_read_before_packets_but_not_all_the_time(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.service()
    case.fast.before_packets(case.now)
    reads: list[float] = []
    times = iter(range(100))
    monkeypatch.setattr(time, "thread_time", lambda: float(next(times)))
    monkeypatch.setattr(case.fast.mirror, "pull_counts", lambda: reads.append(case.now))
    case.fast._counts_at = 0.0
    for _ in range(30):  # a read takes a second here, so the next one comes 20 later
        case.fast.before_packets(case.now)
        case.now += 1.0
    assert reads == [NOW, NOW + room.SHARE]


def test_listings_see_what_the_programs_did(case: Case) -> None:
    case.service()
    case.fast.before_packets(case.now)
    case.maps.count(0, active=2, inpkts=10, inbytes=900)
    case.fast.before_verbs()
    dest = case.fast.mirror.by_number[0].dest
    assert (dest.activeconns, dest.stats.inpkts, case.engine.ns.stats.inbytes) == (2, 10, 900)


def test_connections_come_back_when_the_fast_path_must_rest(case: Case) -> None:
    case.service()
    case.packet(40000)
    case.engine.control.sysctl_write("conntrack", "1", case.now)
    case.fast.changed()
    case.fast.before_verbs()
    (place,) = (place for place in case.fast.mirror.places.values() if place.active + place.inactive)
    assert case.maps.destination(place.number)["flags"] == Flag.RESTS, "their packets go up at once"
    while case.fast._coming is not None:
        assert case.fast.due == 0.0
        case.fast.tick(case.now)
    assert case.in_maps() == []
    assert [conn.cport for conn in case.engine.ns.connections] == [40000]
    assert "the fast path rests: sysctl conntrack" in case.log
    case.packet(40001)
    assert case.in_maps() == []
    case.engine.control.sysctl_write("conntrack", "0", case.now)
    case.fast.changed()
    case.fast.tick(case.now)
    assert case.in_maps() == [40000]  # the other one is conntrack's
    assert "the fast path serves again" in case.log
    assert case.log.count("the fast path rests") == 1


def test_new_connections_by_the_programs(folder: Path, maps: MemoryFast) -> None:
    case = Case(folder, maps, new=True)
    case.service()
    case.fast.before_packets(case.now)
    ((name, row),) = list(maps.services)
    assert name == (Proto.TCP, packed(VIP), 80)
    assert (row["selector"], row["size"]) == (Selector.CURSOR, 2)
    assert maps.setting("new") == 1
    case.packet(40000)  # the engine took a turn, and the programs go on after it
    (slots,) = [row for _, row in maps.services]
    first = maps.slots.at(slots["base"])["number"]
    dest = case.fast.mirror.by_number[first].dest
    assert (dest.activeconns, dest.inactconns) == (0, 0)


def test_without_that_the_programs_schedule_nothing(case: Case) -> None:
    case.service()
    case.fast.before_packets(case.now)
    assert list(case.maps.services) == []
    assert case.maps.setting("new") == 0


@pytest.mark.parametrize("choice", ["off", "on", "auto"])
def test_packets_go_to_the_far_ends_of_pairs_unless_that_is_off(
    folder: Path, maps: MemoryFast, choice: Choice
) -> None:
    case = Case(folder, maps, across=choice)
    across = choice != "off"
    case.host.reaching_out = {3}
    case.fast.start()
    assert case.maps.reaching_out == {2: False, 3: across}
    case.host.reaching_out = {2}
    case.fast.host_changed()
    assert case.maps.reaching_out == {2: across, 3: False}
    assert case.links.attempts == [2, 3]


@pytest.mark.parametrize(("choice", "straight"), [("on", True), ("auto", False)])
def test_where_somebody_looks_they_go_the_usual_way(
    folder: Path, maps: MemoryFast, choice: Choice, straight: bool
) -> None:
    case = Case(folder, maps, across=choice)
    case.host.reaching_out = {3}
    case.fast.start()
    before = case.maps.setting("generation")
    case.onlookers.who[3] = "tc"
    case.now += 1.0
    case.fast.tick(case.now)
    assert case.maps.reaching_out[3] is straight
    assert (case.maps.setting("generation") == before) is straight, (
        "hops that were found before are not believed"
    )
    assert ("straight across: eth1 (no: tc)" in "".join(account(case.fast))) is not straight
    case.onlookers.who[3] = ""
    case.now += 1.0
    case.fast.tick(case.now)
    assert case.maps.reaching_out[3]


def test_by_xdp_each_pair_is_marked(folder: Path, maps: MemoryFast) -> None:
    maps.mode = "xdp"
    case = Case(folder, maps)
    case.fast.start()
    assert case.maps.reaching_out == {2: False, 3: True}


def test_devices_that_come_and_go(case: Case) -> None:
    case.host.there = [2]
    case.fast.start()
    before = case.maps.setting("generation")
    case.host.there = [3]
    case.fast.host_changed()
    assert case.links.attached == {3: "tcx"}
    assert case.links.attempts == [2, 3]
    assert case.maps.setting("generation") == before + 1
    assert case.fast.due == 0.0


def test_next_hops_are_looked_up_anew_when_a_neighbour_moves(case: Case) -> None:
    before = case.maps.setting("generation")
    case.fast.look_at_neighbours()
    assert case.maps.setting("generation") == before
    case.neighbours.news = True
    case.fast.look_at_neighbours()
    assert case.maps.setting("generation") == before + 1
