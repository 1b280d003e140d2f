"""Which connections a filter means, and their end."""

from __future__ import annotations

import pytest

from pyvs.core.control.connections import EVERYTHING, PAUSE, Filter
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Hook, Proto, ServiceFlag
from pyvs.core.packet.packet import Packet
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import tcp, udp

VIP = bytes((192, 0, 2, 100))
SERVERS = (bytes((10, 1, 0, 11)), bytes((10, 1, 0, 12)))


def director(flags: int = 0) -> Engine:
    engine = Engine(FixedEnvironment([VIP]))
    for protocol, port in ((Proto.TCP, 80), (Proto.UDP, 53)):
        key = ServiceKey(Family.INET, protocol, VIP, port)
        engine.control.new_service(ServiceSpec(key, "rr", flags, timeout=300), 0.0)
        for server in SERVERS:
            engine.control.new_dest(key, DestSpec(DestKey(server, port)), 0.0)
    return engine


def calls(engine: Engine, client: str, port: int, now: float, *, web: bool = True) -> None:
    wire = tcp(client, "192.0.2.100", port, 80, 2) if web else udp(client, "192.0.2.100", port, 53)
    engine.receive(Packet(wire, iif="eth0"), Hook.LOCAL_IN, now)


@pytest.mark.parametrize(
    ("wanted", "ports"),
    [
        (EVERYTHING, {1, 2, 3, 4}),
        (Filter(protocol=17), {4}),
        (Filter(service=(VIP, None)), {1, 2, 3, 4}),
        (Filter(service=(VIP, 80)), {1, 2, 3}),
        (Filter(service=(SERVERS[0], None)), set()),
        (Filter(server=(SERVERS[1], 80)), {1, 3}),
        (Filter(server=(SERVERS[1], None)), {1, 3, 4}),
        (Filter(client=(bytes((198, 51, 100, 0)), 24)), {1, 2, 4}),
        (Filter(client=(bytes(4), 0)), {1, 2, 3, 4}),
        (Filter(client=(bytes(16), 0)), set()),
        (Filter(state="SYN_RECV"), {1, 2, 3}),
        (Filter(state="ESTABLISHED"), set()),
        (Filter(older=5.0), {1, 2}),
        (Filter(fwmark=5), set()),
        (Filter(family=Family.INET), {1, 2, 3, 4}),
        (Filter(family=Family.INET6), set()),
        (Filter(older=5.0, server=(SERVERS[0], 80)), {2}),
    ],
)
def test_a_filter_means_what_fits_it_all(wanted: Filter, ports: set[int]) -> None:
    engine = director()
    calls(engine, "198.51.100.7", 1, 10.0)
    calls(engine, "198.51.100.7", 2, 10.0)
    calls(engine, "203.0.113.9", 3, 16.0)
    calls(engine, "198.51.100.8", 4, 16.0, web=False)
    found = [view for view in engine.control.each_connection(wanted, 18.0) if view is not None]
    assert {view.cport for view in found} == ports
    for view in found:
        assert view.idle == (8.0 if view.cport < 3 else 2.0)
        assert not view.template
    dropped = sum(filter(None, engine.control.drop_connections(wanted, 18.0)))
    assert dropped == len(ports)
    assert {conn.cport for conn in engine.ns.connections} == {1, 2, 3, 4} - ports


def test_others_have_their_turn() -> None:
    engine = director()
    for port in range(3 * PAUSE):
        calls(engine, "198.51.100.7", 1000 + port, 1.0, web=False)
    steps = list(engine.control.each_connection(Filter(protocol=6), 2.0))
    assert steps == [None] * 3
    ended = list(engine.control.drop_connections(EVERYTHING, 2.0))
    assert ended.count(1) == 3 * PAUSE
    assert ended.count(None) == 3
    assert engine.ns.connections.count == 0


def test_templates_end_after_those_that_they_control() -> None:
    engine = director(ServiceFlag.PERSISTENT)
    calls(engine, "198.51.100.7", 1, 1.0)
    assert {view.template for view in engine.control.each_connection(EVERYTHING, 1.0) if view} == {
        True,
        False,
    }
    assert sum(filter(None, engine.control.drop_connections(EVERYTHING, 1.0))) >= 1
    assert not list(engine.ns.connections)
