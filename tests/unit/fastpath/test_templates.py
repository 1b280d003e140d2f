"""Templates that engine and programs have together: what one does the other sees. What programs do, the test does."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from tests.unit.fastpath.memory import in_memory

from pyvs.core.connections import expiry
from pyvs.core.connections.connection import Connection
from pyvs.core.connections.table import NOWHERE
from pyvs.core.control.specs import DestKey
from pyvs.core.flags import Hook
from pyvs.core.packet.packet import Packet
from pyvs.fastpath import templates
from pyvs.fastpath.entries import client_key
from pyvs.fastpath.layout import TEMPLATE
from pyvs.fastpath.tables import TemplateStatus
from pyvs.fastpath.templates import Template
from pyvs.testing.shared import ACK, CLIENT, KEY, VIP, packed
from pyvs.testing.wire import tcp

PERSIST = 300


class Case:
    """A persistent service with two servers."""

    def __init__(self) -> None:
        self.shared, self.fast, self.changes = in_memory()
        self.shared.set_clock()
        self.shared.service(persist=PERSIST)

    def rows(self) -> list[dict[str, Any]]:
        return [TEMPLATE.unpack(value) for _, value in self.fast.templates.items()]

    def row(self) -> dict[str, Any]:
        (row,) = self.rows()
        return row

    def number(self) -> int:
        ((raw, _),) = self.fast.templates.items()
        return int.from_bytes(raw, sys.byteorder)

    def listed(self) -> list[Connection]:
        return [conn for conn in self.shared.engine.ns.connections if conn.template]

    def later(self, seconds: float) -> None:
        self.shared.now += seconds
        self.shared.set_clock()
        self.shared.engine.handle_timeouts(self.shared.now)


@pytest.fixture
def case() -> Case:
    return Case()


def test_the_engines_first_connection_makes_it_in_the_maps(case: Case) -> None:
    case.shared.from_client(40000)
    case.shared.settle()
    row = case.row()
    jiffies = case.fast.jiffies
    assert (row["controls"], row["engine"], row["status"]) == (1, 0, 0)
    assert (row["seen"], row["timeout"]) == (jiffies.at(case.shared.now), jiffies.length(PERSIST))
    assert row["dport"] == (8080).to_bytes(2, "big")
    assert case.shared.table.templates == {}
    dest = next(place.dest for place in case.shared.mirror.places.values() if place.persistent)
    assert (dest.persistconns, dest.refcnt) == (1, 2)
    (listed,) = case.listed()
    assert (listed.caddr, listed.vport, listed.n_control) == (packed(CLIENT), 80, 1)
    assert listed.expires == pytest.approx(case.shared.now + PERSIST, abs=0.01)


def test_a_number_that_another_one_has_is_not_taken(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = iter((7, 7, 9))
    monkeypatch.setattr(templates, "getrandbits", lambda bits: next(numbers))
    case.shared.engine.receive(Packet(tcp(CLIENT, VIP, 40000, 80, 2)), Hook.LOCAL_IN, case.shared.now)
    case.shared.engine.receive(Packet(tcp("198.51.100.8", VIP, 40000, 80, 2)), Hook.LOCAL_IN, case.shared.now)
    found = {int.from_bytes(raw, sys.byteorder) for raw, _ in case.fast.templates.items()}
    assert found == {7, 9}


def test_the_next_connection_follows_and_its_time_begins_anew(case: Case) -> None:
    for port in range(40000, 40005):
        case.shared.from_client(port)
        case.shared.settle()
        case.later(20.0)
    assert {conn.dest for conn in case.fast.connections()} == {case.row()["dest"]}
    assert case.row()["controls"] == 5
    assert case.row()["seen"] == case.fast.jiffies.at(case.shared.now - 20.0)


def test_one_that_programs_made_is_followed(case: Case) -> None:
    case.shared.from_client(40000)
    case.shared.settle()
    number, row = case.number(), case.row()
    other = next(n for n in case.shared.mirror.by_number if n != row["dest"])
    case.fast.templates.delete(number.to_bytes(4, sys.byteorder))
    (key,) = case.fast.template_numbers.held
    case.fast.templates.put(b"new!", TEMPLATE.pack(**{**row, "dest": other}))
    case.fast.template_numbers.put(key, b"new!")
    case.shared.from_client(40001)
    case.shared.settle()
    found = next(conn for conn in case.fast.connections() if conn.cport == 40001)
    assert found.dest == other


def test_what_comes_back_is_counted_for_the_engine(case: Case) -> None:
    case.shared.from_client(40000)
    case.shared.settle()
    case.shared.from_client(40000, ACK)  # it came up
    (listed,) = case.listed()
    assert listed.n_control == 1
    assert (case.row()["controls"], case.row()["engine"]) == (0, 1)
    case.shared.settle()
    assert (case.row()["controls"], case.row()["engine"]) == (1, 0)
    assert case.row()["status"] == TemplateStatus.ASSURED


def test_connections_of_the_engine_hold_it_and_let_it_go(case: Case) -> None:
    environment: Any = case.shared.engine.ns.environment
    environment.local.add(packed(CLIENT))
    case.shared.from_client(40000)
    case.shared.settle()
    assert (case.row()["controls"], case.row()["engine"]) == (0, 1)
    case.later(61.0)  # a half-open one lives for a minute
    case.shared.table.audit()
    assert (case.row()["controls"], case.row()["engine"]) == (0, 0)


def test_a_removed_server_retires_it(case: Case) -> None:
    case.shared.from_client(40000)
    case.shared.settle()
    place = case.shared.mirror.by_number[case.row()["dest"]]
    case.shared.engine.control.del_dest(KEY, DestKey(place.dest.addr, place.dest.port), case.shared.now)
    case.shared.mirror.renew()
    case.shared.from_client(40001)
    case.shared.settle()
    by_status = {row["status"]: row for row in case.rows()}
    assert sorted(by_status) == [0, TemplateStatus.NOWHERE]
    assert by_status[0]["dest"] != place.number
    assert {conn.vport for conn in case.listed()} == {80, NOWHERE}
    assert len(case.fast.template_numbers.held) == 1


def test_an_end_by_force_takes_one_along_that_led_to_nothing(case: Case) -> None:
    case.shared.from_client(40000)
    case.shared.settle()
    child = next(conn for conn in case.shared.engine.ns.connections if not conn.template)
    expiry.delete(case.shared.engine.ns, child)
    case.shared.settle()
    row = case.row()
    assert (row["controls"], row["engine"], row["timeout"]) == (0, 0, 0)


def test_an_end_of_the_template_uncounts_it(case: Case) -> None:
    case.shared.from_client(40000)
    case.shared.from_client(40000, ACK)
    case.shared.settle()
    for conn in [*case.shared.engine.ns.connections]:
        if not conn.template:
            expiry.delete(case.shared.engine.ns, conn)
    (template,) = case.listed()
    dest = template.dest
    assert dest is not None
    expiry.delete(case.shared.engine.ns, template)
    assert (case.rows(), case.fast.template_numbers.held) == ([], {})
    case.shared.mirror.pull()
    assert (dest.persistconns, dest.refcnt) == (0, 0)


def test_flush_ends_connections_and_templates(case: Case) -> None:
    for port in (40000, 40001):
        case.shared.from_client(port)
    case.shared.settle()
    expiry.flush(case.shared.engine.ns)
    assert (case.rows(), case.shared.offloaded()) == ([], 0)


def test_what_came_before_its_server_was_there_goes_to_the_maps_later(case: Case) -> None:
    table, takes = case.shared.table, case.shared.table.mapped.takes
    table.mapped.takes = lambda template: False  # type: ignore[method-assign]
    case.shared.from_client(40000)
    assert len(table.templates) == 1
    table.mapped.takes = takes  # type: ignore[method-assign]
    case.later(10.0)
    table.adopt_templates()
    table.handover.settle(case.shared.now)
    assert table.templates == {}
    row = case.row()
    assert row["controls"] + row["engine"] == 1
    assert row["seen"] == case.fast.jiffies.at(case.shared.now - 10.0)


def test_time_that_ran_out_is_prolonged_while_connections_belong_to_it(case: Case) -> None:
    case.shared.from_client(40000)
    case.shared.settle()
    case.later(PERSIST + 70.0)
    (template,) = case.listed()
    assert template.timeout == 60.0
    assert template.expires == pytest.approx(case.shared.now + 50.0, abs=0.01)
    gone = next(conn for conn in case.fast.connections())
    case.fast.conns4.delete(client_key(gone))
    case.changes.controls(case.number(), -1)
    assert case.shared.table.find_template(KEY.protocol, packed(CLIENT), packed(VIP), 80) is None


def test_the_next_engine_forgets_what_the_one_before_had(case: Case) -> None:
    environment: Any = case.shared.engine.ns.environment
    environment.local.add(packed(CLIENT))
    case.shared.from_client(40000)
    case.shared.settle()
    assert case.row()["engine"] == 1
    assert case.shared.table.mapped.inherit() == 1
    assert (case.row()["engine"], len(case.fast.template_numbers.held)) == (0, 1)


def test_without_room_it_is_the_engines(case: Case) -> None:
    case.fast.templates.room = 0
    case.shared.from_client(40000)
    case.shared.settle()
    (template,) = case.shared.table.templates.values()
    assert isinstance(template, Template)
    assert (template.number, template.n_control) == (0, 1)
    assert case.shared.table.find_template(KEY.protocol, packed(CLIENT), packed(VIP), 80) is template


def test_a_number_whose_server_no_rule_names_is_not_looked_at() -> None:
    case = Case()
    case.shared.from_client(40000)
    case.shared.settle()
    case.shared.mirror.by_number.clear()
    assert case.listed() == []
    assert case.shared.table.find_template(KEY.protocol, packed(CLIENT), packed(VIP), 80) is None
