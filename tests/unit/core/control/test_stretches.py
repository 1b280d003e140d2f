"""What takes long is done in stretches: for packets it is one step all the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyvs.core.command import Transmit
from pyvs.core.control import apply as applying
from pyvs.core.control import services
from pyvs.core.control.native_specs import AddDest, AddService, Change, RemoveDest, RemoveService, SetDest
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Family, Forward, Hook, Proto
from pyvs.core.packet.packet import Packet
from pyvs.core.verdict import Action
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import tcp

MANY = 400
CLIENT = "198.51.100.7"


def address(n: int) -> bytes:
    return bytes((192, 0, 2 + n // 200, n % 200 + 1))


def key(n: int) -> ServiceKey:
    return ServiceKey(Family.INET, Proto.TCP, address(n), 80)


def dest(last: int, weight: int = 1) -> DestSpec:
    return DestSpec(DestKey(bytes((10, 1, 0, last)), 80, Family.INET), Forward.MASQ, weight)


def text(packed: bytes) -> str:
    return ".".join(map(str, packed))


def call(engine: Engine, n: int, port: int) -> bytes | None:
    """A client's first packet for a service: the server that it came to, or None."""
    data = tcp(CLIENT, text(address(n)), port, 80, 0x02)
    verdict = engine.receive(Packet(data), Hook.LOCAL_IN, engine.ns.now)
    sent = [command.packet.data[16:20] for command in engine.drain() if isinstance(command, Transmit)]
    assert (verdict.action is Action.STOLEN) == bool(sent)
    return sent[0] if sent else None


@pytest.fixture
def engine() -> Engine:
    return filled()


def filled() -> Engine:
    engine = Engine(FixedEnvironment([address(n) for n in range(2 * MANY)]), now=1.0)
    for n in range(MANY):
        engine.control.new_service(ServiceSpec(key(n), "rr"), 1.0)
        for last in (1, 2):
            engine.control.new_dest(key(n), dest(last), 1.0)
    return engine


def settle(engine: Engine) -> int:
    """Let all jobs end; how many steps that took."""
    steps = 0
    while len(engine.ns.jobs):
        engine.handle_timeouts(engine.ns.now)
        steps += 1
        assert steps < 10_000
    return steps


# ---- all are removed -------------------------------------------------------


def test_after_a_flush_no_packet_finds_a_service(engine: Engine) -> None:
    assert call(engine, 3, 1000) is not None
    engine.control.flush(1.0)
    assert "removal" in engine.ns.jobs
    assert engine.control.get_services() == []
    assert [call(engine, n, 2000) for n in range(0, MANY, 7)] == [None] * len(range(0, MANY, 7))
    assert engine.ns.connections.count == 1  # its connection lives on
    assert settle(engine) > 2
    assert len(engine.ns.trash) == 2 * MANY
    assert len({each for each, _ in engine.ns.trash}) == 2 * MANY


def test_a_service_that_comes_again_gets_its_servers_back(engine: Engine) -> None:
    before = {n: list(engine.ns.services)[n].destinations for n in (0, MANY - 1)}
    held = {n: list(each) for n, each in before.items()}
    engine.control.flush(1.0)
    for n, servers in held.items():
        engine.control.new_service(ServiceSpec(key(n), "rr"), 1.0)
        engine.control.new_dest(key(n), dest(1), 1.0)
        (again,) = services.find(engine.ns, key(n)).destinations
        assert again in servers
    settle(engine)
    assert len(engine.ns.trash) == 2 * MANY - 2
    assert all(services.find(engine.ns, key(n)).destinations[0].available for n in held)
    assert call(engine, 0, 1000) == bytes((10, 1, 0, 1))


def test_who_looks_at_the_trash_sees_all_that_was_removed(engine: Engine) -> None:
    engine.control.flush(1.0)
    engine.handle_timeouts(1.0)
    assert len(engine.ns.trash) < 2 * MANY
    assert len({each for each, _ in engine.ns.trash}) == 2 * MANY
    settle(engine)


def test_connections_of_removed_servers_end_once_all_are_removed(engine: Engine) -> None:
    engine.control.sysctl_write("expire_nodest_conn", "1", 1.0)
    for n in range(MANY):
        assert call(engine, n, 1000) is not None
    engine.control.flush(1.0)
    settle(engine)
    engine.handle_timeouts(1.1)
    settle(engine)
    engine.handle_timeouts(1.2)
    settle(engine)
    assert engine.ns.connections.count == 0


def test_a_service_with_many_servers_goes_in_stretches() -> None:
    engine = Engine(FixedEnvironment([address(0)]), now=1.0)
    engine.control.new_service(ServiceSpec(key(0), "rr"), 1.0)
    for n in range(1000):
        spec = DestSpec(DestKey(bytes((10, 1, n // 250, n % 250 + 1)), 80, Family.INET))
        engine.control.new_dest(key(0), spec, 1.0)
    engine.control.del_service(key(0), 1.0)
    assert call(engine, 0, 1000) is None
    assert settle(engine) > 4
    assert len(engine.ns.trash) == 1000


# ---- texts and counters ----------------------------------------------------


def test_a_text_in_parts_tells_no_service_twice_while_the_table_changes(engine: Engine) -> None:
    parts = engine.control.proc_parts("ip_vs", 1.0)
    told = next(parts)
    engine.control.flush(1.0)
    engine.control.new_service(ServiceSpec(key(0), "rr"), 1.0)
    told += "".join(parts)
    lines = [line for line in told.splitlines() if line.startswith("TCP")]
    assert len(lines) == len(set(lines)) < MANY


def test_counters_are_set_to_zero_in_stretches(engine: Engine) -> None:
    work = engine.control.zeroing(None, 1.0)
    assert sum(1 for _ in work) > 2


# ---- many changes ----------------------------------------------------------


def changes() -> list[Change]:
    """New weights for all but the last ten, which go; as many new ones come."""
    made: list[Change] = []
    for n in range(MANY):
        if n >= MANY - 10:
            made.append(RemoveService(key(n)))
        else:
            made += [
                SetDest(key(n), dest(1, 0)),
                AddDest(key(n), dest(3, 0)),
                RemoveDest(key(n), dest(2).key),
            ]
    for n in range(MANY, 2 * MANY):
        made += [AddService(ServiceSpec(key(n), "rr")), AddDest(key(n), dest(9))]
    return made


def old(engine: Engine, n: int, port: int) -> bool:
    """Whether a packet finds a service as it was before."""
    server = call(engine, n, port)
    if n < MANY:
        return server is not None
    assert server in (None, bytes((10, 1, 0, 9)))
    return server is None


@settings(max_examples=15)
@given(st.lists(st.integers(0, 2 * MANY - 1), min_size=60, max_size=60), st.integers(1, 40))
def test_packets_see_all_changes_or_none(numbers: list[int], every: int) -> None:
    engine = filled()
    work = engine.control.applying(changes(), engine.control.generation(), 1.0)
    port, seen = 1000, list[bool]()
    for step, _ in enumerate(work):
        if step % every == 0 and numbers:
            port += 1
            seen.append(old(engine, numbers.pop(), port))
    assert seen == sorted(seen, reverse=True)
    assert not any(old(engine, n, 60_000) for n in (0, MANY - 1, MANY, 2 * MANY - 1))
    assert len(engine.control.get_services()) == 2 * MANY - 10
    assert not engine.control.busy
    assert engine.ns.services.families == {Family.INET: 2 * MANY - 10}


def test_one_that_is_refused_at_the_end_changes_nothing(engine: Engine) -> None:
    generation = engine.control.generation()
    bad = [*changes(), AddDest(key(3), dest(1))]
    with pytest.raises(ControlError) as refusal:
        engine.control.apply(bad, None, 1.0)
    assert (refusal.value.errno, refusal.value.change) == (Errno.EEXIST, len(bad) - 1)
    assert engine.control.generation() == generation
    assert len(engine.ns.trash) == 0
    assert not engine.control.busy


def test_who_goes_away_before_they_hold_changes_nothing(engine: Engine) -> None:
    generation = engine.control.generation()
    work = engine.control.applying(changes(), None, 1.0)
    for _ in range(5):
        next(work)
    assert engine.control.busy
    work.close()
    assert not engine.control.busy
    assert engine.control.generation() == generation


def test_what_holds_is_made_though_who_asked_has_gone(engine: Engine) -> None:
    rested: list[int] = []
    engine.control.rested = lambda: rested.append(1)
    work = engine.control.applying(changes(), None, 1.0)
    while applying.JOB not in engine.ns.jobs:
        next(work)
    work.close()
    assert engine.control.busy
    settle(engine)
    assert rested == [1]
    assert not engine.control.busy
    assert len(engine.control.get_services()) == 2 * MANY - 10


def test_changes_that_come_between_are_tried_again(engine: Engine) -> None:
    """Someone in this process takes a server away that is to be changed: all is refused, nothing was made."""
    work = engine.control.applying([SetDest(key(n), dest(1, 5)) for n in range(MANY)], None, 1.0)
    for _ in range(3):
        next(work)
    engine.control.del_dest(key(0), dest(1).key, 1.0)
    with pytest.raises(ControlError) as refusal:
        _exhaust(work)
    assert refusal.value.errno == Errno.ENOENT
    assert {each.spec.weight for n in range(MANY) for each in engine.control.get_dests(key(n))} == {1}


def _exhaust(work: Iterator[None]) -> None:
    for _ in work:
        pass
