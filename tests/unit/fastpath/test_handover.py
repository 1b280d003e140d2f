"""What goes from the engine to the maps, and what stays."""

from __future__ import annotations

from functools import partial

import pytest

from pyvs.fastpath import fast, handover, owner, refusal
from pyvs.fastpath.layout import TEMPLATE
from pyvs.fastpath.views import offloaded_connection
from pyvs.testing.shared import CLIENT, VIP, Shared, packed

pytestmark = pytest.mark.root


class Killed(Exception):
    """What happens next does not happen."""


def test_what_is_refused_stays_and_is_counted(shared: Shared) -> None:
    shared.service(servers=1)
    shared.engine.ns.environment.local.add(packed(CLIENT))  # type: ignore[attr-defined]
    shared.from_client(40000)
    shared.settle()
    assert shared.offloaded() == 0
    assert shared.table.handover.kept == {refusal.LOCAL_CLIENT: 1}


def test_a_full_table_leaves_connections_with_the_engine(shared: Shared) -> None:
    shared.service(servers=1)
    many = shared.fast.loaded.entries("conns4")
    for port in range(20000, 20000 + many):
        shared.from_client(port)
    shared.settle()
    kept, moved = shared.table.count, shared.offloaded()
    assert kept + moved == many
    assert kept > 0
    assert moved >= many // 2 - 8
    assert len(list(shared.fast.conns4.items())) == 2 * moved, "no half of a connection is left"
    assert sum(shared.counts_of(0)) == many
    assert len(list(shared.engine.ns.connections)) == many


def test_connections_of_the_engine_are_offered_again(shared: Shared) -> None:
    shared.service()
    control = shared.engine.control
    control.sysctl_write("conntrack", "1", shared.now)
    shared.mirror.renew()
    control.sysctl_write("conntrack", "0", shared.now)  # so that they are not tracked
    for port in (40000, 40001):
        shared.from_client(port)
    shared.settle()
    assert shared.offloaded() == 0
    _, again = shared.mirror.renew()
    shared.table.handover.offer(again[:1])
    shared.settle()
    assert shared.offloaded() == 1
    shared.table.handover.offer(again)
    shared.settle()
    assert shared.offloaded() == 2


def test_who_is_killed_while_connections_are_made_ready_has_counted_none(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared.service(servers=1)
    shared.from_client(40000)

    def killed(conn: object) -> None:
        raise Killed

    for module in (handover, fast):
        monkeypatch.setattr(module, "to_entries", killed, raising=False)
    with pytest.raises(Killed):
        shared.settle()
    row = shared.fast.destination(shared.mirror.places[shared.dest()].number)
    assert (row["active"], row["inactive"]) == (0, 0)


def test_who_is_killed_after_one_was_taken_has_uncounted_it(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared.service(servers=1)
    shared.from_client(40000)
    shared.settle()

    def killed(*arguments: object) -> None:
        raise Killed

    monkeypatch.setattr(owner, "fill", killed)
    with pytest.raises(Killed):
        shared.from_client(40000)
    row = shared.fast.destination(shared.mirror.places[shared.dest()].number)
    assert (row["active"], row["inactive"]) == (0, 0)


@pytest.mark.parametrize("persist", [0, 300])
def test_who_is_killed_when_one_has_wandered_has_counted_it_once(
    persist: int, shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no moment at which the maps have a connection and do not count it, or count one that they have not."""
    shared.set_clock()
    shared.service(servers=1, persist=persist)
    number = shared.mirror.places[shared.dest()].number

    def killed(*arguments: object) -> None:
        raise Killed

    def counted() -> tuple[int, list[tuple[int, int]]]:
        row = shared.fast.destination(number)
        values = [TEMPLATE.unpack(value) for _, value in shared.fast.templates.items()]
        return row["active"] + row["inactive"], [(one["controls"], one["engine"]) for one in values]

    shared.from_client(40000)
    for there, step in ((1, shared.settle), (0, partial(shared.from_client, 40000))):
        with monkeypatch.context() as patch:
            patch.setattr(shared.mirror, "moved", killed)
            with pytest.raises(Killed):
                step()
        assert shared.offloaded() == there
        assert counted() == (there, [(there, 1 - there)] if persist else [])


def test_one_of_a_server_that_no_rule_names_is_uncounted_when_its_place_is_taken(shared: Shared) -> None:
    number = 9
    shared.mirror.inherit({(2, 0, 6, packed(VIP), 80, 2, b"\x0a\x01\x00\x63", 8080): number})
    shared.service(servers=1)
    shared.from_client(40000)
    (conn,) = shared.table.own()
    place = shared.mirror.places[shared.dest()]
    stranger = offloaded_connection(conn, number, shared.fast.jiffies)
    stranger.daddr = b"\x0a\x01\x00\x63"
    shared.fast.insert(stranger)
    shared.count(number, active=1)
    shared.settle()
    assert [one.dest for one in shared.fast.connections()] == [place.number]
    assert len(list(shared.fast.conns4.items())) == 2
    row = shared.fast.destination(number)
    assert (row["active"], row["inactive"]) == (0, 0)
    assert shared.counts_of(0) == (1, 0)
    shared.mirror.give_up_waiting()


def test_many_go_some_at_a_time(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "SETTLED", 3)
    shared.service(servers=1)
    for port in range(40000, 40007):
        shared.from_client(port)
    for there in (3, 6, 7):
        assert shared.table.handover.due == 0.0
        shared.table.handover.settle(shared.now)
        assert shared.offloaded() == there
    assert shared.table.handover.due is None
    assert shared.table.handover.count == 7
