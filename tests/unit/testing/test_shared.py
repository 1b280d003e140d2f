"""What the tests of the shared rooms begin with: that it begins, and leaves nothing."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.fastpath.memory import MemoryChanges, MemoryFast, in_memory

from pyvs.core.flags import Forward
from pyvs.fastpath.newcomers import Newcomers
from pyvs.testing import shared as room
from pyvs.testing.shared import ACK, KEY, NOW, SERVERS, Shared, packed


def test_addresses_of_both_families() -> None:
    assert packed("192.0.2.100") == bytes((192, 0, 2, 100))
    assert packed("::1") == bytes(15) + b"\x01"


def test_it_is_made_of_pieces_that_know_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = MemoryFast()
    given: list[Any] = []

    def changes(loaded: Any, folder: Any) -> MemoryChanges:
        given.append((loaded, folder))
        return MemoryChanges(fast)

    monkeypatch.setattr(room, "Changes", changes)
    made = Shared.made(fast)
    assert given == [(fast.loaded, None)]
    assert made.engine.ns.connections is made.table
    assert made.engine.ns.now == NOW
    assert fast.setting("now") == fast.jiffies.at(NOW)
    made.now += 5
    made.set_clock()
    assert fast.setting("now") == fast.jiffies.at(NOW + 5)


@pytest.mark.parametrize(
    ("method", "port"), [(Forward.MASQ, 8080), (Forward.DROUTE, 80), (Forward.TUNNEL, 80)]
)
def test_a_service_with_servers_that_the_maps_know(method: int, port: int) -> None:
    shared, _, _ = in_memory()
    shared.service(method=method, scheduler="wlc")
    ((spec, servers, _),) = shared.engine.control.each_rule()
    assert (spec.key, spec.scheduler) == (KEY, "wlc")
    assert [(each.key.addr, each.key.port, each.forward) for each in servers] == [
        (addr, port, method) for addr in SERVERS
    ]
    assert [shared.dest(number).addr for number in (0, 1)] == list(SERVERS)
    assert len(shared.mirror.places) == 2


def test_as_many_servers_as_wanted() -> None:
    shared, _, _ = in_memory()
    shared.service(servers=1)
    assert shared.dest().addr == SERVERS[0]
    with pytest.raises(StopIteration):
        shared.dest(1)


def test_a_clients_packets_make_connections_that_go_to_the_maps() -> None:
    shared, _, _ = in_memory()
    shared.service()
    for port in (40000, 40001, 40002):
        shared.from_client(port)
    assert shared.offloaded() == 0
    assert shared.table.count == 3
    assert sorted(shared.counts()) == [(1, 0), (2, 0)]
    assert shared.counts_of(1) == shared.counts()[1]
    assert shared.engine.drain() == []
    shared.settle()
    assert shared.offloaded() == 3
    shared.from_client(40000, ACK)
    assert shared.offloaded() == 2


def test_it_leaves_the_maps_empty() -> None:
    shared, fast, _ = in_memory()
    shared.service()
    Newcomers(shared.engine.ns, fast, shared.mirror).renew()
    shared.set_clock()
    for port in range(40000, 40006):
        shared.from_client(port)
    shared.settle()
    places = [place.number for place in shared.mirror.places.values()]
    for number in places:
        fast.count(number, active=3)
        fast.stats.set(number, b"\x01" * fast.stats.size)
    assert shared.offloaded() == 6
    assert list(fast.services)
    shared.close()
    assert shared.offloaded() == 0
    assert list(fast.services) == []
    assert fast.setting("now") == 0
    for number in places:
        assert not any(fast.stats.total(number).values())
