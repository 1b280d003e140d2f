import pytest
from tests import pkt

from pyvs.core.flags import PacketType
from pyvs.core.packet.packet import Packet
from pyvs.host import errors, icmp
from pyvs.host.host import Host

CLIENT, VIP, SERVER = "198.51.100.7", "192.0.2.100", "10.1.0.11"


def told(host: Host, packet: Packet, local: bool) -> list[str]:
    errors.send(host, packet, icmp.UNREACHABLE, icmp.PORT_UNREACHABLE, local=local)
    return [pkt.describe(frame) for _, frame in host.drain()]


def test_it_comes_from_where_the_packet_went_or_from_the_way_back(host: Host) -> None:
    packet = Packet(pkt.udp(CLIENT, VIP, 1, 2, b"x"))
    assert "ICMP 192.0.2.100 > 198.51.100.7 type 3 code 3" in told(host, packet, True)[0]
    assert "ICMP 192.0.2.1 > 198.51.100.7 type 3 code 3" in told(host, packet, False)[0]


@pytest.mark.parametrize("kind", [PacketType.BROADCAST, PacketType.MULTICAST])
def test_none_about_what_was_for_many(host: Host, kind: PacketType) -> None:
    assert not told(host, Packet(pkt.udp(CLIENT, VIP, 1, 2), type=kind), True)


def test_none_without_a_way_back(host: Host) -> None:
    host.routing.remove(bytes(4), 0)
    assert not told(host, Packet(pkt.udp(CLIENT, VIP, 1, 2)), True)


def test_too_big_in_both_families(host: Host) -> None:
    errors.too_big(host, Packet(pkt.udp(CLIENT, SERVER, 1, 2)), 1400)
    errors.too_big(host, Packet(pkt.udp("2001:db8:c::7", "2001:db8:1::11", 1, 2)), 1400)
    four, six = (pkt.describe(frame) for _, frame in host.drain())
    assert "type 3 code 4 rest 0x578" in four
    assert "type 2 code 0 rest 0x578" in six


def test_at_most_so_many(host: Host) -> None:
    host.settings["net.ipv4.icmp_ratelimit"] = host.settings["net.ipv6.icmp.ratelimit"] = 1000
    packet = Packet(pkt.udp(CLIENT, VIP, 1, 2))
    assert sum(len(told(host, packet, True)) for _ in range(20)) == 6
    for _ in range(20):
        errors.too_big(host, packet, 1400)
    assert len(host.drain()) == 20, "these are needed"
    six = Packet(pkt.udp("2001:db8:c::7", "2001:db8::1", 1, 2))
    for _ in range(20):
        errors.send(host, six, icmp.UNREACHABLE6, icmp.PORT6, local=True)
    assert len(host.drain()) == 6
