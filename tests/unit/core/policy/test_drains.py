"""Draining: no new connections, a remembered weight, the deadline in stretches."""

from __future__ import annotations

import pytest

from pyvs.core.command import Transmit
from pyvs.core.control.native_specs import DrainKey
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Family, Hook, Proto, ServiceFlag
from pyvs.core.packet.packet import Packet
from pyvs.core.policy.deadline import STRETCH, Ending
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import tcp, udp

VIP, FIRST, SECOND = (bytes(each) for each in ((192, 0, 2, 100), (10, 1, 0, 11), (10, 1, 0, 12)))
WEB = ServiceKey(Family.INET, Proto.TCP, VIP, 80)
DNS = ServiceKey(Family.INET, Proto.UDP, VIP, 53)


def director(flags: int = 0) -> Engine:
    engine = Engine(FixedEnvironment([VIP], {"eth1": 1500}))
    for key in (WEB, DNS):
        engine.control.new_service(ServiceSpec(key, "rr", flags, timeout=300), 0.0)
        for server in (FIRST, SECOND):
            engine.control.new_dest(key, DestSpec(DestKey(server, key.port), weight=3), 0.0)
    return engine


def server_of(engine: Engine, port: int, now: float = 1.0) -> bytes:
    packet = Packet(tcp("198.51.100.7", "192.0.2.100", port, 80, 2), iif="eth0")
    engine.receive(packet, Hook.LOCAL_IN, now)
    sent = [each for each in engine.drain() if isinstance(each, Transmit)]
    return sent[0].destination


def test_a_server_that_drains_gets_nothing_new_until_that_is_cancelled() -> None:
    engine = director()
    views = engine.control.drain(DrainKey(FIRST), None, 0.0)
    assert [(view.service, view.weight, view.left) for view in views] == [(WEB, 3, None), (DNS, 3, None)]
    assert {server_of(engine, 40000 + n) for n in range(6)} == {SECOND}
    assert [view.spec.weight for view in engine.control.get_dests(WEB)] == [3, 0]
    engine.control.cancel_drain(DrainKey(FIRST, service=WEB), 1.0)
    assert {server_of(engine, 50000 + n) for n in range(6)} == {FIRST, SECOND}
    assert [view.service for view in engine.control.get_drains(1.0)] == [DNS]


def test_also_not_from_clients_that_it_knows() -> None:
    engine = director(ServiceFlag.PERSISTENT)
    known = server_of(engine, 40000)
    assert server_of(engine, 40001) == known
    engine.control.drain(DrainKey(known), None, 1.0)
    assert server_of(engine, 40002) != known


def test_a_weight_that_is_set_meanwhile_holds_afterwards() -> None:
    engine = director()
    engine.control.drain(DrainKey(FIRST, 80), None, 0.0)
    engine.control.set_dest(WEB, DestSpec(DestKey(FIRST, 80), weight=9), 0.0)
    assert engine.control.get_dests(WEB)[1].spec.weight == 0
    engine.control.cancel_drain(DrainKey(FIRST, 80), 0.0)
    assert engine.control.get_dests(WEB)[1].spec.weight == 9


def test_at_the_deadline_connections_end_a_stretch_at_a_time() -> None:
    engine = director()
    count = 3 * STRETCH
    for n in range(count):
        engine.receive(
            Packet(udp("198.51.100.7", "192.0.2.100", 10000 + n, 53), iif="eth0"), Hook.LOCAL_IN, 1.0
        )
    engine.drain()
    engine.control.drain(DrainKey(FIRST), 10.0, 1.0)
    assert engine.next_timeout() <= 11.0
    engine.handle_timeouts(10.9)
    assert (
        engine.control.get_drains(10.9)[1].active + engine.control.get_drains(10.9)[1].inactive == count // 2
    )
    turns = 0
    engine.handle_timeouts(11.0)
    while engine.next_timeout() == 0.0:
        engine.handle_timeouts(11.0)
        turns += 1
    assert turns >= 2
    view = engine.control.get_drains(11.0)[1]
    assert (view.begun_with, view.ended, view.active + view.inactive, view.swept) == (
        count // 2,
        count // 2,
        0,
        True,
    )
    assert {conn.daddr for conn in engine.ns.connections} == {SECOND}
    assert engine.next_timeout() > 11.0


def test_it_is_over_when_all_were_told_though_they_answer_for_some_seconds() -> None:
    engine = director()
    for n in range(4):
        server_of(engine, 40000 + n)
    engine.control.drain(DrainKey(FIRST, 80), 10.0, 1.0)
    engine.handle_timeouts(11.0)
    (view,) = engine.control.get_drains(11.0)
    assert (view.ended, view.active, view.inactive, view.swept, view.kept) == (2, 0, 2, True, 0)


def test_it_is_not_over_before_the_last_was_met() -> None:
    engine = director()
    for n in range(2 * STRETCH):
        server_of(engine, 10000 + n)
    engine.control.drain(DrainKey(FIRST, 80), 10.0, 1.0)
    engine.handle_timeouts(11.0)
    (view,) = engine.control.get_drains(11.0)
    assert view.ended
    assert not view.swept
    while engine.next_timeout() == 0.0:
        engine.handle_timeouts(11.0)
    (view,) = engine.control.get_drains(11.0)
    assert (view.ended, view.swept) == (STRETCH, True)


def test_a_walk_that_missed_some_is_made_again() -> None:
    """As when a connection comes back from the fast path behind the walk."""
    engine = director()
    for n in range(4):
        server_of(engine, 40000 + n)
    engine.control.drain(DrainKey(FIRST, 80), 10.0, 1.0)
    (drain,) = engine.ns.drains
    engine.ns.now = 11.0
    missing = Ending(engine.ns, {drain.destination: drain})
    assert missing.step(0) is False
    following = missing.following()
    assert following is not None
    assert not drain.over
    assert following.step(STRETCH)
    assert following.following() is None
    assert (drain.ended, drain.over) == (2, True)


def test_a_new_deadline_during_the_walk_holds() -> None:
    engine = director()
    server_of(engine, 40000)
    server_of(engine, 40001)
    engine.control.drain(DrainKey(FIRST, 80), 10.0, 1.0)
    (drain,) = engine.ns.drains
    walk = Ending(engine.ns, {drain.destination: drain})
    engine.control.drain(DrainKey(FIRST, 80), 60.0, 1.0)
    assert walk.step(STRETCH)
    assert walk.following() is None
    assert (drain.over, drain.swept, drain.ended) == (False, False, 0)


def test_the_deadline_may_be_changed() -> None:
    engine = director()
    engine.control.drain(DrainKey(FIRST), 10.0, 0.0)
    engine.control.drain(DrainKey(FIRST), None, 0.0)
    assert [view.left for view in engine.control.get_drains(0.0)] == [None, None]


def test_removal_ends_it() -> None:
    engine = director()
    engine.control.drain(DrainKey(FIRST, 80), 10.0, 0.0)
    engine.control.del_dest(WEB, DestKey(FIRST, 80), 0.0)
    assert engine.control.get_drains(0.0) == []
    engine.control.new_dest(WEB, DestSpec(DestKey(FIRST, 80), weight=2), 0.0)
    assert engine.control.get_dests(WEB)[0].spec.weight == 2
    engine.control.drain(DrainKey(FIRST, 80), 10.0, 0.0)
    engine.control.flush(0.0)
    assert engine.control.get_drains(0.0) == []


def test_who_is_not_there_is_refused() -> None:
    engine = director()
    with pytest.raises(ControlError, match=r"no service has a server 10\.9\.9\.9") as refusal:
        engine.control.drain(DrainKey(bytes((10, 9, 9, 9))), None, 0.0)
    assert refusal.value.errno == Errno.ESRCH
    with pytest.raises(ControlError, match="does not drain"):
        engine.control.cancel_drain(DrainKey(FIRST), 0.0)
    with pytest.raises(ControlError, match="has passed"):
        engine.control.drain(DrainKey(FIRST), -1.0, 0.0)
