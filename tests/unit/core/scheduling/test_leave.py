"""A service that has nobody for a packet."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from pyvs.core.command import Output, Transmit
from pyvs.core.control.specs import ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Forward, Hook, Proto, ServiceFlag
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.verdict import Action
from pyvs.testing.wire import icmp, tcp, udp

CLIENT, VIP, FAR = "198.51.100.7", "192.0.2.100", "203.0.113.9"


def empty(engine: Engine, key: ServiceKey, flags: int = 0) -> None:
    engine.control.new_service(ServiceSpec(key, "rr", flags=flags), 0.0)


def by_address(port: int, protocol: int = Proto.TCP) -> ServiceKey:
    return ServiceKey(Family.INET, protocol, ip_address(VIP).packed, port)


MARK = ServiceKey(Family.INET, fwmark=7)


def test_the_client_is_told(engine: Engine) -> None:
    empty(engine, by_address(80))
    verdict = engine.receive(Packet(tcp(CLIENT, VIP, 1, 80, 2)), Hook.LOCAL_IN, 1.0)
    assert (verdict.action, verdict.reason) == (Action.DROP, Reason.NO_DESTINATION)
    (command,) = engine.drain()
    assert isinstance(command, Output)
    assert command.packet.data[20:22] == b"\3\3"


def test_errors_are_not_answered_by_errors(engine: Engine) -> None:
    empty(engine, by_address(80))
    engine.control.sysctl_write("schedule_icmp", "1", 0.0)
    error = icmp(FAR, VIP, 3, 3, 0, tcp(VIP, CLIENT, 80, 1, 16))
    assert engine.receive(Packet(error), Hook.LOCAL_IN, 1.0).reason is Reason.NO_DESTINATION
    assert engine.drain() == []


def test_data_ports_of_ftp_are_left_to_the_host(engine: Engine) -> None:
    empty(engine, by_address(21))
    assert (
        engine.receive(Packet(tcp(CLIENT, VIP, 1, 5000, 2)), Hook.LOCAL_IN, 1.0).reason
        is Reason.FTP_DATA_PORT
    )
    assert engine.drain() == []
    assert (
        engine.receive(Packet(tcp(CLIENT, VIP, 1, 21, 2)), Hook.LOCAL_IN, 1.0).reason is Reason.NO_DESTINATION
    )


@pytest.mark.parametrize(("to", "mark", "knob", "gone"), [
    (FAR, 7, 1, True), (FAR, 7, 0, False), (VIP, 7, 1, False),
])  # fmt: skip
def test_bypass_sends_it_where_it_was_going(
    engine: Engine, to: str, mark: int, knob: int, gone: bool
) -> None:
    empty(engine, MARK)
    engine.control.sysctl_write("cache_bypass", str(knob), 0.0)
    packet = Packet(tcp(CLIENT, to, 40000, 80, 2), mark=mark, iif="eth0")
    verdict = engine.receive(packet, Hook.LOCAL_IN, 1.0)
    assert (verdict.reason is Reason.FORWARDED) == gone
    if not gone:
        assert verdict.reason is Reason.NO_DESTINATION
        return
    (command,) = engine.drain()
    assert isinstance(command, Transmit)
    assert command.destination == ip_address(to).packed
    (conn,) = engine.ns.connections
    assert (conn.forward, conn.dest, conn.fwmark, conn.in_pkts) == (Forward.BYPASS, None, 7, 1)
    assert conn.expires == 61.0
    again = Packet(tcp(CLIENT, to, 40000, 80, 16), mark=mark, iif="eth0")
    assert engine.receive(again, Hook.LOCAL_IN, 2.0).reason is Reason.FORWARDED
    assert engine.ns.connections.count == 1


def test_services_by_address_do_not_bypass(engine: Engine) -> None:
    empty(engine, by_address(80))
    engine.control.sysctl_write("cache_bypass", "1", 0.0)
    assert (
        engine.receive(Packet(tcp(CLIENT, VIP, 1, 80, 2)), Hook.LOCAL_IN, 1.0).reason is Reason.NO_DESTINATION
    )


def test_one_packet_bypass_leaves_nothing_behind(engine: Engine) -> None:
    empty(engine, MARK, int(ServiceFlag.ONEPACKET))
    engine.control.sysctl_write("cache_bypass", "1", 0.0)
    packet = Packet(udp(CLIENT, FAR, 40000, 53), mark=7, iif="eth0")
    assert engine.receive(packet, Hook.LOCAL_IN, 1.0).reason is Reason.FORWARDED
    assert engine.ns.connections.count == 0
