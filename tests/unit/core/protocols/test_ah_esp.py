from ipaddress import ip_address

import pytest

from pyvs.core.command import Transmit
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Forward, Hook, Proto
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import ip, udp

V4 = ("192.0.2.100", "10.1.0.11", "198.51.100.7")
V6 = ("2001:db8::100", "2001:db8:1::11", "2001:db8:c::7")
BODY = bytes(range(40))


def director(vip: str, server: str, forward: Forward = Forward.MASQ) -> Engine:
    engine = Engine(FixedEnvironment([ip_address(vip).packed]))
    af = Family.INET6 if ":" in vip else Family.INET
    key = ServiceKey(af, Proto.UDP, ip_address(vip).packed, 500)
    engine.control.new_service(ServiceSpec(key, "rr", netmask=128 if af == Family.INET6 else 0xFFFFFFFF), 0.0)
    engine.control.new_dest(key, DestSpec(DestKey(ip_address(server).packed, 500), forward), 0.0)
    return engine


def sent(engine: Engine) -> list[bytes]:
    return [command.packet.data for command in engine.drain() if isinstance(command, Transmit)]


@pytest.mark.parametrize(("protocol", "ends"), [(Proto.AH, V4), (Proto.ESP, V4), (Proto.ESP, V6)])
def test_goes_with_the_isakmp_connection(protocol: Proto, ends: tuple[str, str, str]) -> None:
    vip, server, client = ends
    engine = director(vip, server)
    verdict = engine.receive(Packet(ip(client, vip, protocol, BODY)), Hook.LOCAL_IN, 0.0)
    assert verdict.reason is Reason.NOT_AN_OPENER
    engine.receive(Packet(udp(client, vip, 500, 500)), Hook.LOCAL_IN, 1.0)
    engine.drain()
    engine.receive(Packet(ip(client, vip, protocol, BODY)), Hook.LOCAL_IN, 2.0)
    assert sent(engine) == [ip(client, server, protocol, BODY, ttl=63)]
    answer = Packet(ip(server, client, protocol, BODY))
    assert engine.receive(answer, Hook.FORWARD, 3.0).reason is Reason.REPLY
    assert answer.data == ip(vip, client, protocol, BODY)
    (conn,) = engine.ns.connections
    assert conn.expires == 3.0 + 300.0


def test_another_port_of_the_client_is_another_connection() -> None:
    vip, server, client = V4
    engine = director(vip, server)
    engine.receive(Packet(udp(client, vip, 501, 500)), Hook.LOCAL_IN, 1.0)
    verdict = engine.receive(Packet(ip(client, vip, Proto.ESP, BODY)), Hook.LOCAL_IN, 2.0)
    assert verdict.reason is Reason.NOT_AN_OPENER


def test_a_later_fragment_goes_along() -> None:
    vip, server, client = V4
    engine = director(vip, server)
    engine.receive(Packet(udp(client, vip, 500, 500)), Hook.LOCAL_IN, 1.0)
    fragment = Packet(ip(server, client, Proto.ESP, BODY, df=False, fragment=88))
    assert engine.receive(fragment, Hook.FORWARD, 2.0).reason is Reason.REPLY
    assert fragment.data == ip(vip, client, Proto.ESP, BODY, df=False, fragment=88)


@pytest.mark.parametrize("protocol", [Proto.AH, Proto.ESP])
def test_the_shortest_packet_is_enough(protocol: Proto) -> None:
    vip, server, client = V4
    engine = director(vip, server)
    engine.receive(Packet(udp(client, vip, 500, 500)), Hook.LOCAL_IN, 1.0)
    engine.drain()
    engine.receive(Packet(ip(client, vip, protocol, b"")), Hook.LOCAL_IN, 2.0)
    assert sent(engine) == [ip(client, server, protocol, b"", ttl=63)]


def test_over_ipv6_what_ah_protects_counts() -> None:
    vip, server, client = V6
    engine = director(vip, server)
    header = bytes((Proto.ESP, 4)) + bytes(22)
    engine.receive(Packet(udp(client, vip, 500, 500)), Hook.LOCAL_IN, 1.0)
    engine.drain()
    engine.receive(Packet(ip(client, vip, Proto.AH, header + BODY)), Hook.LOCAL_IN, 2.0)
    assert sent(engine) == [ip(client, server, Proto.AH, header + BODY, ttl=63)]
    alone = Packet(ip(client, vip, Proto.AH, bytes((Proto.NONE, 4)) + bytes(22)))
    assert engine.receive(alone, Hook.LOCAL_IN, 3.0).reason is Reason.UNKNOWN_PROTOCOL
