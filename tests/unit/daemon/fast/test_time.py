"""What is due when."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.unit.daemon.fast.around import MAC, Case
from tests.unit.fastpath.memory import MemoryFast

from pyvs.core.flags import Proto
from pyvs.daemon.fast import PATIENCE, SECOND
from pyvs.fastpath.entries import OffloadedConnection, client_key
from pyvs.fastpath.sweep import Ended
from pyvs.testing.shared import CLIENT, NOW, SERVERS, VIP, packed


def test_each_second_the_counters_come_in(case: Case) -> None:
    case.service()
    case.fast.tick(case.now)
    case.maps.count(0, conns=1)
    case.fast.tick(case.now + SECOND / 2)
    assert case.engine.ns.stats.conns == 0
    case.fast.tick(case.now + SECOND)
    assert case.engine.ns.stats.conns == 1


def test_rates_are_reckoned_from_counters_of_now(case: Case) -> None:
    case.service()
    case.fast.tick(case.now)
    case.maps.count(0, conns=1)
    case.engine.ns.next_estimate = case.now + SECOND / 4
    case.fast.tick(case.now + SECOND / 2)
    assert case.engine.ns.stats.conns == 1


def test_a_sweep_goes_on_from_stretch_to_stretch(case: Case) -> None:
    case.service()
    case.packet(40000)
    case.packet(40001)
    gone = list(case.maps.connections())
    case.maps.to_end = [[ended(gone[0])], [ended(gone[1])]]
    for done in (1, 2):
        case.fast.tick(case.now)
        assert case.fast.table.ended == done
        assert case.fast.due == 0.0
    case.fast.tick(case.now)
    assert case.fast.due > case.now
    case.maps.to_end = [[ended(gone[0])]]
    case.fast.tick(case.now + SECOND / 2)
    assert case.fast.table.ended == 2
    case.fast.tick(case.now + SECOND)
    assert case.fast.table.ended == 3


def ended(conn: OffloadedConnection) -> Ended:
    return Ended(client_key(conn), conn.state, conn.dest, conn.packets)


def test_empty_maps_are_not_swept(case: Case) -> None:
    case.service()
    conn = OffloadedConnection(
        Proto.TCP, packed(CLIENT), 1, packed(VIP), 80, SERVERS[0], 8080, 0, 1, 10
    )  # fmt: skip
    case.maps.to_end = [[ended(conn)]]
    case.fast.tick(case.now + SECOND)
    assert case.fast.table.ended == 0


def test_servers_that_no_rule_names_are_given_up_after_a_while(
    folder: Path, maps: MemoryFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Case(folder, maps)
    before.service()
    before.fast.tick(before.now)
    before.maps.count(0, active=5)
    after = Case(folder, maps)
    assert after.fast.taken_over == 2
    after.fast.start()
    assert "are taken over" in after.log
    after.fast.tick(NOW + PATIENCE - 1.0)
    assert len(after.fast.mirror.waiting) == 2
    assert maps.destination(0)["flags"] == 1
    after.fast.tick(NOW + PATIENCE)
    assert after.fast.mirror.waiting == {}
    row = maps.destination(0)
    assert (row["flags"], row["active"]) == (0, 5)
    assert "had 2 servers that no rule names now" in after.log


def test_servers_that_rules_name_are_taken_over(folder: Path, maps: MemoryFast) -> None:
    before = Case(folder, maps)
    before.service()
    before.packet(40000)
    before.fast.close(keep=True)
    after = Case(folder, maps)
    after.service()
    after.fast.start()
    assert "; 1 connection of the director before is taken over" in after.log
    assert [conn.cport for conn in after.engine.ns.connections] == [40000]


def test_neighbours_that_packets_go_to_count_as_used(case: Case) -> None:
    case.maps.used_hops.put(
        MAC + (2).to_bytes(2, sys.byteorder), case.maps.jiffies.at(case.now).to_bytes(4, sys.byteorder)
    )
    for later, used in ((0.0, True), (2.0, True), (20.0, False)):
        case.now = NOW + later
        case.fast.tick(case.now)
        assert case.neighbours.used[-1] is used
