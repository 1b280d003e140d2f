"""What hostile packets can make us keep has an end: nothing begins in a full table, and the reason is counted."""

from ipaddress import ip_address

import pytest

from pyvs.core.apps.ftp import Ftp
from pyvs.core.command import Transmit
from pyvs.core.control.specs import DaemonSpec, DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Forward, Hook, Proto, ServiceFlag, SyncState
from pyvs.core.packet.fragments import MOST_WAITING
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.sync import message_v1
from pyvs.core.sync.entry import SyncEntry
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import ip, tcp, udp

VIP, SERVER, CLIENT = "192.0.2.100", "10.1.0.11", "198.51.100.7"
SYN, PSH, ACK = 2, 8, 16
CALL = b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: %d@here\r\n\r\n"


def packed(address: str) -> bytes:
    return ip_address(address).packed


@pytest.fixture
def engine() -> Engine:
    engine = Engine(FixedEnvironment([packed(VIP)]), apps=[Ftp()])
    for number, port, more in ((Proto.TCP, 21, {}), (Proto.UDP, 5060, {"pe": "sip"})):
        key = ServiceKey(Family.INET, number, packed(VIP), port)
        if more:
            spec = ServiceSpec(
                key, "rr", flags=ServiceFlag.PERSISTENT | ServiceFlag.ONEPACKET, timeout=300, pe="sip"
            )
        else:
            spec = ServiceSpec(key, "rr")
        engine.control.new_service(spec, 0.0)
        engine.control.new_dest(key, DestSpec(DestKey(packed(SERVER), port), Forward.MASQ), 0.0)
    for flags, source, target, hook in (
        (SYN, CLIENT, VIP, Hook.LOCAL_IN),
        (SYN | ACK, SERVER, CLIENT, Hook.FORWARD),
        (ACK, CLIENT, VIP, Hook.LOCAL_IN),
    ):
        ports = (40001, 21) if hook == Hook.LOCAL_IN else (21, 40001)
        engine.receive(Packet(tcp(source, target, *ports, flags)), hook, 1.0)
    engine.drain()
    engine.ns.connections.most = engine.ns.connections.count
    engine.ns.reasons.clear()
    return engine


def kept(engine: Engine) -> int:
    return len(list(engine.ns.connections))


def test_no_packet_begins_a_connection(engine: Engine) -> None:
    before = kept(engine)
    for packet in (tcp(CLIENT, VIP, 40002, 21, SYN), udp(CLIENT, VIP, 5060, 5060, CALL % 1)):
        verdict = engine.receive(Packet(packet), Hook.LOCAL_IN, 2.0)
        assert verdict.reason is Reason.NO_MEMORY
    assert (kept(engine), engine.drain()) == (before, [])
    engine.ns.connections.most += 1
    assert (
        engine.receive(Packet(tcp(CLIENT, VIP, 40002, 21, SYN)), Hook.LOCAL_IN, 2.0).reason
        is Reason.FORWARDED
    )


def test_those_that_exist_go_on(engine: Engine) -> None:
    engine.receive(Packet(tcp(CLIENT, VIP, 40001, 21, PSH | ACK, data=b"NOOP\r\n")), Hook.LOCAL_IN, 2.0)
    assert any(isinstance(command, Transmit) for command in engine.drain())


def test_no_helper_awaits_one(engine: Engine) -> None:
    before = kept(engine)
    line = b"PORT 198,51,100,7,200,10\r\n"
    asked = Packet(tcp(CLIENT, VIP, 40001, 21, PSH | ACK, data=line))
    assert engine.receive(asked, Hook.LOCAL_IN, 2.0).reason is Reason.HELPER
    engine.receive(Packet(tcp(CLIENT, VIP, 40001, 21, PSH | ACK, data=b"PASV\r\n")), Hook.LOCAL_IN, 2.0)
    answer = b"227 Entering Passive Mode (10,1,0,11,200,10).\r\n"
    answered = Packet(tcp(SERVER, CLIENT, 21, 40001, PSH | ACK, data=answer))
    assert engine.receive(answered, Hook.FORWARD, 2.0).reason is Reason.HELPER
    assert kept(engine) == before


def test_no_server_begins_a_call(engine: Engine) -> None:
    before = kept(engine)
    engine.receive(Packet(udp(SERVER, CLIENT, 5060, 5060, CALL % 2)), Hook.FORWARD, 2.0)
    assert (kept(engine), engine.ns.reasons[Reason.NO_MEMORY]) == (before, 1)


def test_no_message_brings_one(engine: Engine) -> None:
    before = kept(engine)
    engine.control.new_daemon(DaemonSpec(SyncState.BACKUP, "eth0", 0), 2.0)
    entry = message_v1.write_entry(
        SyncEntry(
            af=Family.INET, protocol=Proto.TCP, flags=0, state=1, cport=40009, vport=21, dport=21, fwmark=0,
            timeout=900, caddr=packed(CLIENT), vaddr=packed(VIP), daddr=packed(SERVER),
        )
    )  # fmt: skip
    message = message_v1.write_header(1, 0, message_v1.HEADER.size + len(entry)) + entry
    engine.ns.sync.receive(message, 2.0)
    assert (kept(engine), engine.ns.reasons[Reason.NO_MEMORY]) == (before, 1)
    engine.ns.connections.most += 1
    engine.ns.sync.receive(message, 2.0)
    assert kept(engine) == before + 1


def test_unfinished_packets_make_room_and_are_counted(engine: Engine) -> None:
    for number in range(MOST_WAITING + 3):
        data = ip(CLIENT, VIP, Proto.TCP, bytes(16), ident=number, df=False, fragment=0x2000)
        assert engine.receive(Packet(data), Hook.LOCAL_IN, 2.0).reason is Reason.FRAGMENT_QUEUED
    assert len(engine.ns.reassembly) == MOST_WAITING
    assert engine.ns.reasons[Reason.FRAGMENTS_FULL] == 3
