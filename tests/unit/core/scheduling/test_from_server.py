"""Calls that servers begin; the recordings pe-sip-out* have whole ones."""

from ipaddress import ip_address

from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import ConnFlag, Family, Forward, Hook, Proto, ServiceFlag
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import udp

VIP, SERVERS, PHONE = "192.0.2.100", ("10.1.0.11", "10.1.0.12"), "198.51.100.7"
KEY = ServiceKey(Family.INET, Proto.UDP, ip_address(VIP).packed, 5060)


def director(flags: int = ServiceFlag.PERSISTENT, pe: str = "sip") -> Engine:
    engine = Engine(FixedEnvironment([ip_address(VIP).packed]))
    engine.control.new_service(ServiceSpec(KEY, "rr", flags=int(flags), timeout=60, pe=pe), 0.0)
    for server in SERVERS:
        key = DestKey(ip_address(server).packed, 5060)
        engine.control.new_dest(KEY, DestSpec(key, Forward.MASQ), 0.0)
    return engine


def invite(name: str, server: str = SERVERS[0], sport: int = 5060, to: int = 5080) -> Packet:
    message = b"INVITE sip:a@b SIP/2.0\r\nCall-ID: " + name.encode() + b"\r\n\r\n"
    return Packet(udp(server, PHONE, sport, to, message))


def test_the_phone_sees_the_virtual_address_and_its_answer_goes_back() -> None:
    engine = director()
    packet = invite("one@x")
    assert engine.receive(packet, Hook.FORWARD, 1.0).reason is Reason.REPLY
    assert packet.data[12:16] == ip_address(VIP).packed
    answer = Packet(udp(PHONE, VIP, 5080, 5060, b"SIP/2.0 200 OK\r\nCall-ID: one@x\r\n\r\n"))
    assert engine.receive(answer, Hook.LOCAL_IN, 2.0).reason is Reason.FORWARDED
    conn = next(c for c in engine.ns.connections if not c.flags & ConnFlag.TEMPLATE)
    assert conn.daddr == ip_address(SERVERS[0]).packed
    assert conn.control is not None
    assert conn.control.pe_data == b"one@x"


def test_another_server_of_the_same_call_takes_it_over() -> None:
    engine = director()
    engine.receive(invite("one@x"), Hook.FORWARD, 1.0)
    engine.receive(invite("one@x", SERVERS[1], to=5081), Hook.FORWARD, 2.0)
    templates = [c for c in engine.ns.connections if c.flags & ConnFlag.TEMPLATE]
    assert sorted((c.vport, c.daddr[-1]) for c in templates) == [(5060, 12), (0xFFFF, 11)]


def test_nothing_begins_without_a_name_or_from_an_unknown_port() -> None:
    engine = director()
    assert engine.receive(invite("a b"), Hook.FORWARD, 1.0).reason is Reason.NO_CONNECTION
    assert engine.receive(invite("one@x", sport=5061), Hook.FORWARD, 1.0).reason is Reason.NO_CONNECTION
    assert not list(engine.ns.connections)


def test_nothing_begins_without_the_engine() -> None:
    engine = director(pe="")
    assert engine.receive(invite("one@x"), Hook.FORWARD, 1.0).reason is Reason.NO_CONNECTION


def test_a_one_packet_service_forgets_the_call_at_once() -> None:
    engine = director(ServiceFlag.PERSISTENT | ServiceFlag.ONEPACKET)
    packet = invite("one@x")
    assert engine.receive(packet, Hook.FORWARD, 1.0).reason is Reason.REPLY
    assert all(c.flags & ConnFlag.TEMPLATE for c in engine.ns.connections)
