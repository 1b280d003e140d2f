"""Destinations that another daemon left are named as this one names its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.unit.fastpath.memory import MemoryChanges, MemoryFast, in_memory, next_to

from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.flags import Family, Forward, Proto
from pyvs.core.stats import estimator
from pyvs.core.stats.counters import Counters, Rates, Totals
from pyvs.fastpath import links, pins
from pyvs.fastpath.identity import identity
from pyvs.fastpath.layout import OWNER
from pyvs.fastpath.tables import Flag
from pyvs.fastpath.takeover import forget_dead, left_behind
from pyvs.testing.shared import SERVERS, VIP, Shared, packed

SIX = packed("2001:db8::100")


@pytest.mark.parametrize(
    ("key", "servers"),
    [
        (ServiceKey(Family.INET, Proto.TCP, packed(VIP), 80), [("10.1.0.11", 8080), ("10.1.0.12", 80)]),
        (ServiceKey(Family.INET6, Proto.UDP, SIX, 53), [("2001:db8:1::1", 53)]),
        (ServiceKey(Family.INET, fwmark=7), [("10.1.0.11", 0), ("10.1.0.12", 443)]),
        (ServiceKey(Family.INET6, fwmark=7), [("2001:db8:1::1", 0)]),
    ],
)
def test_what_a_mirror_wrote_is_found(key: ServiceKey, servers: list[tuple[str, int]]) -> None:
    before, fast, changes = in_memory()
    netmask = 128 if key.af == Family.INET6 else 0xFFFFFFFF
    before.engine.control.new_service(ServiceSpec(key, "rr", netmask=netmask), 0.0)
    for addr, port in servers:
        dest = DestSpec(DestKey(packed(addr), port), forward=Forward.MASQ)
        before.engine.control.new_dest(key, dest, 0.0)
    before.mirror.renew()
    assert len(before.mirror.places) == len(servers)
    assert left_behind(changes, fast.dests) == {
        identity(place.service, dest): place.number for dest, place in before.mirror.places.items()
    }


def test_a_server_of_another_family_than_its_service() -> None:
    before, fast, changes = in_memory()
    key = ServiceKey(Family.INET, Proto.TCP, packed(VIP), 80)
    before.engine.control.new_service(ServiceSpec(key, "rr"), 0.0)
    dest = DestSpec(DestKey(SIX, 80, Family.INET6), forward=Forward.TUNNEL)
    before.engine.control.new_dest(key, dest, 0.0)
    before.mirror.renew()
    assert left_behind(changes, fast.dests) == {
        (Family.INET, 0, Proto.TCP, packed(VIP), 80, Family.INET6, SIX, 80): 0
    }


def test_nobodys_are_left_out_and_numbers_are_places() -> None:
    fast = MemoryFast()
    changes = MemoryChanges(fast)
    assert left_behind(changes, fast.dests) == {}
    changes.make(5, wanted={"af": int(Family.INET), "addr": packed("10.1.0.11"), "port": b"\0\x50"})
    assert left_behind(changes, fast.dests) == {}
    changes.owners.set(
        5, OWNER.pack(vaddr=packed(VIP), vport=b"\0\x50", protocol=Proto.TCP, af=int(Family.INET))
    )
    name = (Family.INET, 0, Proto.TCP, packed(VIP), 80, Family.INET, packed("10.1.0.11"), 80)
    assert left_behind(changes, fast.dests) == {name: 5}


def test_the_next_daemon_gives_the_same_numbers_and_counts() -> None:
    before, fast, _ = in_memory()
    before.service()
    number = before.mirror.places[before.dest(1)].number
    fast.count(number, active=3, inactive=1, conns=9, inpkts=40)
    after = next_daemon(before)
    assert after.mirror.waiting == {}
    assert after.mirror.places[after.dest(1)].number == number
    dest = after.dest(1)
    assert (dest.activeconns, dest.inactconns, dest.refcnt) == (3, 1, 4)
    assert (dest.stats.conns, dest.stats.inpkts) == (9, 40)
    assert after.engine.ns.stats.inpkts == 40


def next_daemon(before: Shared) -> Shared:
    """One with the same rules, that has taken the maps over."""
    after = next_to(before)
    after.service()
    return after


def counters_of(shared: Shared) -> list[Counters]:
    (service,) = shared.engine.ns.services
    return [shared.dest(1).stats, service.stats, shared.engine.ns.stats]


def test_what_another_daemon_counted_is_shown_at_once_and_makes_no_rate() -> None:
    before, fast, _ = in_memory()
    before.service()
    fast.count(before.mirror.places[before.dest(1)].number, conns=9, inpkts=40)
    before.dest(1).stats.conns += 3  # the engine's
    before.mirror.pull()
    after = next_daemon(before)
    for stats in counters_of(after):
        assert estimator.totals(stats) == Totals(12, 40)
        estimator.estimate(stats)
        assert estimator.totals(stats) == Totals(12, 40)
        assert estimator.rates(stats) == Rates()
        stats.inpkts += 200
        estimator.estimate(stats)
        assert estimator.rates(stats).inpps == 25
    third = next_daemon(after)
    assert estimator.totals(third.dest(1).stats) == Totals(12, 40)


def test_what_zero_took_off_stays_off() -> None:
    before, fast, _ = in_memory()
    before.service()
    number = before.mirror.places[before.dest(1)].number
    fast.count(number, conns=9, inpkts=40)
    before.mirror.pull()
    for stats in counters_of(before):
        estimator.estimate(stats)
    before.engine.control.zero(None, before.now)
    fast.count(number, conns=1, inpkts=2)
    before.dest(1).stats.outpkts += 5
    before.mirror.pull()
    after = next_daemon(before)
    fast.count(number, inpkts=1)
    after.mirror.pull()
    for stats in counters_of(next_daemon(after)):
        assert estimator.totals(stats) == Totals(1, 3, 5)


def test_a_server_that_is_named_too_late_has_its_connections_again() -> None:
    before, fast, _ = in_memory()
    before.service()
    number = before.mirror.places[before.dest(1)].number
    fast.count(number, active=2, conns=9)
    after = next_to(before)
    assert after.mirror.give_up_waiting() == 2
    assert fast.destination(number)["flags"] == 0
    after.service()
    assert after.mirror.places[after.dest(1)].number == number
    assert (after.dest(1).activeconns, after.dest(1).stats.conns) == (2, 9)
    assert fast.destination(number)["flags"] == Flag.AVAILABLE
    after.mirror.pull()
    assert not after.mirror.strangers
    third = next_daemon(after)
    assert third.mirror.places[third.dest(1)].number == number


@pytest.mark.parametrize("numbers", [(3, 5), (5, 3)])
def test_of_two_numbers_of_one_name_the_one_counts_that_was_used_last(numbers: tuple[int, int]) -> None:
    """The other one's connections are those of a removed server, and nobody gets its number before they are over."""
    before, fast, changes = in_memory()
    used, removed = numbers
    for number, flags in ((used, int(Flag.AVAILABLE)), (removed, 0)):
        changes.make(number, wanted={"af": 2, "addr": SERVERS[1], "port": b"\x1f\x90", "flags": flags})
        before.count(number, active=1)
        owner = OWNER.pack(vaddr=packed(VIP), vport=b"\0\x50", protocol=Proto.TCP, af=int(Family.INET))
        changes.owners.set(number, owner)
    assert sorted(left_behind(changes, fast.dests).values()) == sorted(numbers)
    after = next_daemon(before)
    assert after.mirror.places[after.dest(1)].number == used
    assert list(after.mirror.waiting.values()) == [removed]
    assert after.mirror.give_up_waiting() == 1
    fast.count(removed, active=-1)
    after.mirror.pull()
    assert not after.mirror.strangers
    assert not changes.owners.at(removed)["af"]


def test_what_is_left_of_dead_namespaces_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = {"11": True, "12": False, "13": True}
    for name in ("11", "12", "13", "14", "15"):
        folder = tmp_path / name / "layout-1-x" / pins.LINKS
        folder.mkdir(parents=True)
        (tmp_path / name / "layout-1-x" / "conns4").touch()
        if name in dead:
            (folder / "2-46").touch()
    for place in (tmp_path / "15", tmp_path / "15" / "layout-1-x"):
        os.utime(place, (1, 1))
    monkeypatch.setattr(links, "is_dead", lambda pin: dead[pin.parent.parent.parent.name])
    assert forget_dead(tmp_path, tmp_path / "13") == 2
    assert sorted(left.name for left in tmp_path.iterdir()) == ["12", "13", "14"]
