"""Templates of the engine's with connections in the maps: told when these are established, and when they are over."""

from __future__ import annotations

import pytest
from tests.unit.fastpath.memory import in_memory

from pyvs.core.connections.expiry import ASSURED
from pyvs.fastpath.controls import AUDIT, Controls
from pyvs.fastpath.entries import client_key
from pyvs.fastpath.sweep import Ended
from pyvs.fastpath.tables import Status
from pyvs.fastpath.templates import Template
from pyvs.testing.shared import ACK, Shared


@pytest.fixture
def shared() -> Shared:
    """With a template that the maps can't have, and two connections of it in the maps."""
    shared, _, _ = in_memory()
    shared.set_clock()
    shared.service(servers=1, persist=60)
    shared.table.mapped.takes = lambda template: False  # type: ignore[method-assign]
    for port in (40000, 40001):
        shared.from_client(port)
    shared.settle()
    assert len(shared.table.controls) == 2
    return shared


def template(shared: Shared) -> Template:
    (found,) = shared.table.templates.values()
    assert isinstance(found, Template)
    return found


def keys(shared: Shared) -> list[bytes]:
    return [client_key(conn) for conn in shared.fast.connections()]


def test_one_that_is_gone_is_released(shared: Shared) -> None:
    shared.fast.conns4.delete(keys(shared)[0])
    shared.table.controls.look_at_all()
    assert (template(shared).n_control, len(shared.table.controls)) == (1, 1)
    assert not template(shared).state & ASSURED


def test_one_that_was_established_is_told(shared: Shared) -> None:
    raw = keys(shared)[0]
    table = shared.fast.conns4
    fields = table.values.unpack(table.get(raw) or b"")
    value = table.values.pack(**{**fields, "status": fields["status"] | Status.ASSURED})
    assert shared.table.controls.of(raw, value) is template(shared)
    assert template(shared).state & ASSURED


@pytest.mark.parametrize("status", [0, Status.ASSURED])
def test_one_that_a_sweep_ended(shared: Shared, status: int) -> None:
    controls = shared.table.controls
    controls.ended(Ended(keys(shared)[0], status, 0, 1))
    controls.ended(Ended(b"of nobody", status, 0, 1))
    assert template(shared).n_control == 1
    assert bool(template(shared).state & ASSURED) == bool(status)


def test_an_audit_looks_at_so_many_in_one_go(shared: Shared) -> None:
    looked: list[bytes] = []

    class Counting(Controls):
        def look(self, raw: bytes) -> None:
            looked.append(raw)

    controls = Counting(lambda _: shared.fast.conns4, shared.table.mapped)
    for number in range(AUDIT + 10):
        controls[number.to_bytes(4, "big")] = template(shared)
    controls.audit()  # makes the list
    controls.audit()
    assert len(looked) == AUDIT
    controls.audit()
    assert len(looked) == AUDIT + 10


def test_it_goes_to_the_maps_after_its_connections(shared: Shared) -> None:
    del shared.table.mapped.takes
    shared.table.adopt_templates()
    shared.settle()
    (handle,) = (conn for conn in shared.engine.ns.connections if conn.template)
    assert isinstance(handle, Template)
    assert (handle.number > 0, handle.n_control, handle.engine) == (True, 2, 2)
    shared.fast.conns4.delete(keys(shared)[0])
    shared.table.controls.look_at_all()
    shared.settle()
    assert (handle.n_control, handle.engine) == (1, 1)


def test_one_that_comes_back_is_the_engines(shared: Shared) -> None:
    shared.from_client(40000, ACK)
    assert len(shared.table.controls) == 1
    assert template(shared).n_control == 2
    assert template(shared).state & ASSURED
