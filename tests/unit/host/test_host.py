from random import Random

import pytest
from tests import pkt

from pyvs.core.command import Log, Multicast, Output, Transmit
from pyvs.core.control.specs import DaemonSpec, DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.differences import KERNEL
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Proto, SyncState
from pyvs.core.packet.packet import Packet
from pyvs.host.host import Host
from pyvs.host.interface import Interface

CLIENT, VIP, SERVER = "198.51.100.7", "192.0.2.100", "10.1.0.11"
ROUTER, OWN0, OWN1 = "02:00:00:00:00:fe", "02:00:00:00:00:01", "02:00:00:00:01:01"


def frames(host: Host) -> list[str]:
    return [f"{name} {pkt.describe(frame)}" for name, frame in host.drain()]


@pytest.fixture
def director(host: Host) -> Host:
    engine = Engine(host, differences=KERNEL)
    key = ServiceKey(Family.INET, Proto.TCP, bytes([192, 0, 2, 100]), 80)
    engine.control.new_service(ServiceSpec(key, "rr"), 0.0)
    engine.control.new_dest(key, DestSpec(DestKey(bytes([10, 1, 0, 11]), 8080)), 0.0)
    host.attach(engine)
    return host


def test_a_connection_goes_through(director: Host) -> None:
    director.receive(pkt.eth(OWN0, ROUTER, pkt.tcp(CLIENT, VIP, 40001, 80, pkt.SYN)), "eth0", 1.0)
    (there,) = frames(director)
    assert there.startswith(f"eth1 {OWN1}>02:00:00:00:02:01 TCP 198.51.100.7:40001 > 10.1.0.11:8080 [S]")
    reply = pkt.tcp(SERVER, CLIENT, 8080, 40001, pkt.SYN | pkt.ACK)
    director.receive(pkt.eth(OWN1, "02:00:00:00:02:01", reply), "eth1", 1.0)
    (back,) = frames(director)
    assert back.startswith(f"eth0 {OWN0}>{ROUTER} TCP 192.0.2.100:80 > 198.51.100.7:40001 [S.]")
    assert "BAD" not in there + back


def test_a_program_of_the_host_is_a_client(director: Host) -> None:
    director.send_now(Packet(pkt.tcp("192.0.2.1", VIP, 40001, 80, pkt.SYN)), 1.0)
    (out,) = frames(director)
    assert "TCP 192.0.2.1:40001 > 10.1.0.11:8080 [S]" in out


def test_to_itself_by_loopback(host: Host) -> None:
    host.send_now(Packet(pkt.tcp("192.0.2.1", "10.1.0.1", 40001, 80, pkt.SYN)), 1.0)
    assert not frames(host), "SYN and RST stay inside"
    host.send_now(Packet(pkt.udp("192.0.2.1", "198.51.100.7", 1, 2)), 1.0)
    assert len(frames(host)) == 1


def test_defragments_six_once_a_service_was_there(director: Host) -> None:
    pieces = pkt.fragments(pkt.udp("2001:db8:c::7", "2001:db8:1::11", 1, 2, b"x" * 1000), 400)

    def count() -> int:
        for piece in pieces:
            director.receive(pkt.eth(OWN0, ROUTER, piece), "eth0", 1.0)
        return len(director.drain())

    assert count() == 3, "each goes its way"
    engine = director.engine
    assert engine is not None
    key = ServiceKey(Family.INET6, Proto.TCP, bytes(15) + b"\x09", 80)
    engine.control.new_service(ServiceSpec(key, "rr", netmask=128), 0.0)
    director.look_at_services()
    engine.control.del_service(key, 0.0)
    director.receive(pkt.eth(OWN0, ROUTER, pieces[0]), "eth0", 2.0)
    assert not director.drain(), "it waits for the others"


def test_commands_are_carried_out(director: Host) -> None:
    engine = director.engine
    assert engine is not None
    route = director.route(bytes([10, 1, 0, 11]))
    assert route is not None
    forwarded = Packet(pkt.udp(CLIENT, VIP, 1, 2, b"x"))
    engine.ns.commands += [
        Log("info", "hello"),
        Output(Packet(pkt.icmp(VIP, CLIENT, 3, 3, 0, bytes(28)))),
        Transmit(forwarded, route, bytes([10, 1, 0, 11])),
    ]
    director.obey()
    assert [log.text for log in director.log] == ["hello"]
    assert [line.split()[0] for line in frames(director)] == ["eth0", "eth1"]
    assert forwarded.owned


def test_synchronisation_leaves_and_arrives(director: Host) -> None:
    engine = director.engine
    assert engine is not None
    engine.control.new_daemon(DaemonSpec(SyncState.MASTER, "eth1", 5), 0.0)
    engine.ns.commands.append(Multicast(SyncState.MASTER, 0, b"message"))
    director.obey()
    (out,) = frames(director)
    assert "01:00:5e:00:00:51 UDP 10.1.0.1:" in out
    assert "> 224.0.0.81:8848 6d657373616765 [ttl 1" in out
    engine.control.del_daemon(SyncState.MASTER, 0.0)

    heard: list[tuple[bytes, bytes]] = []
    engine.receive_sync = lambda message, source, now: heard.append((message, source))  # type: ignore[method-assign]
    datagram = pkt.eth(
        "01:00:5e:00:00:51", ROUTER, pkt.udp("10.1.0.2", "224.0.0.81", 40000, 8848, b"hi", ttl=1)
    )
    director.receive(datagram, "eth1", 1.0)
    assert not heard, "no backup runs"
    engine.control.new_daemon(DaemonSpec(SyncState.BACKUP, "eth1", 5), 1.0)
    director.receive(datagram, "eth0", 1.0)
    assert not heard, "the wrong interface"
    director.receive(datagram, "eth1", 1.0)
    assert heard == [(b"hi", bytes([10, 1, 0, 2]))]


def test_next_timeout_is_the_engines_or_its_own(director: Host) -> None:
    assert director.engine is not None
    assert director.next_timeout() == director.engine.next_timeout()
    plain = Host(Random(1))
    plain.add_interface(Interface("eth0", bytes(6)))
    assert plain.next_timeout() is None
    plain.handle_timeouts(5.0)
