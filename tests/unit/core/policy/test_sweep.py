"""A walk over all connections in stretches, while they change."""

from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.connections.connection import Connection
from pyvs.core.connections.expiry import delete
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Hook, Proto
from pyvs.core.packet.packet import Packet
from pyvs.core.policy.sweep import Sweep
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import udp

VIP = bytes((192, 0, 2, 100))
DNS = ServiceKey(Family.INET, Proto.UDP, VIP, 53)


def with_connections(count: int) -> Engine:
    engine = Engine(FixedEnvironment([VIP]))
    engine.control.new_service(ServiceSpec(DNS, "rr"), 0.0)
    engine.control.new_dest(DNS, DestSpec(DestKey(bytes((10, 1, 0, 11)), 53)), 0.0)
    for port in range(count):
        engine.receive(
            Packet(udp("198.51.100.7", "192.0.2.100", 1000 + port, 53), iif="eth0"), Hook.LOCAL_IN, 1.0
        )
    assert engine.ns.connections.count == count
    return engine


@given(st.integers(0, 40), st.integers(1, 45))
def test_each_connection_has_its_turn_once_in_stretches_of_the_limit(count: int, limit: int) -> None:
    engine = with_connections(count)
    seen: list[Connection] = []
    sweep = Sweep(engine.ns, seen.append)
    steps = [0]
    while not sweep.step(limit):
        steps.append(len(seen))
        assert steps[-1] - steps[-2] == limit
    assert len(seen) == len(set(map(id, seen))) == count
    assert len(steps) == count // limit + 1
    assert sweep.step(limit)  # what has ended stays so
    assert len(seen) == count


@given(st.integers(1, 40), st.integers(1, 15))
def test_what_is_seen_may_be_ended(count: int, limit: int) -> None:
    engine = with_connections(count)
    sweep = Sweep(engine.ns, lambda conn: delete(engine.ns, conn))
    left = count
    while not sweep.step(limit):
        left -= limit
        assert engine.ns.connections.count == left
    assert engine.ns.connections.count == 0


def test_it_looks_at_nothing_before_its_first_step() -> None:
    engine = with_connections(3)
    seen: list[int] = []
    sweep = Sweep(engine.ns, lambda conn: seen.append(conn.cport))
    assert seen == []
    assert not sweep.step(2)
    assert len(seen) == 2
    assert sweep.step(2)
    assert sorted(seen) == [1000, 1001, 1002]
