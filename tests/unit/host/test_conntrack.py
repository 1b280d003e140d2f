from tests import pkt

from pyvs.core.packet.packet import Packet
from pyvs.host.conntrack import Conntrack

CLIENT, OTHER, SERVER, OWN = "198.51.100.7", "198.51.100.8", "10.1.0.11", bytes([10, 1, 0, 1])


def through(table: Conntrack, data: bytes, masquerade: bytes | None) -> str:
    packet = Packet(data)
    table.arrive(packet)
    table.leave(packet, masquerade)
    return pkt.describe_ip(packet.data).partition(" [ttl")[0]


def test_masqueraded_both_ways() -> None:
    table = Conntrack()
    assert (
        through(table, pkt.udp(CLIENT, SERVER, 4000, 53, b"q"), OWN) == "UDP 10.1.0.1:4000 > 10.1.0.11:53 71"
    )
    assert (
        through(table, pkt.udp(CLIENT, SERVER, 4000, 53, b"q"), None) == "UDP 10.1.0.1:4000 > 10.1.0.11:53 71"
    )
    answer = pkt.udp(SERVER, "10.1.0.1", 53, 4000, b"a")
    assert through(table, answer, None) == "UDP 10.1.0.11:53 > 198.51.100.7:4000 61"


def test_a_taken_port_is_changed() -> None:
    table = Conntrack()
    through(table, pkt.tcp(CLIENT, SERVER, 4000, 80, pkt.SYN), OWN)
    assert through(table, pkt.tcp(OTHER, SERVER, 4000, 80, pkt.SYN), OWN).startswith(
        "TCP 10.1.0.1:1024 > 10.1.0.11:80"
    )


def test_left_alone() -> None:
    table = Conntrack()
    plain = through(table, pkt.udp(CLIENT, SERVER, 4000, 53, b"q"), None)
    assert plain == "UDP 198.51.100.7:4000 > 10.1.0.11:53 71"
    packet = Packet(pkt.udp(OTHER, SERVER, 4000, 53, b"q"))
    packet.untracked = True
    table.arrive(packet)
    table.leave(packet, OWN)
    assert packet.data == pkt.udp(OTHER, SERVER, 4000, 53, b"q")
    assert through(table, pkt.icmp(CLIENT, SERVER, 8, 0), OWN).startswith("ICMP 198.51.100.7 >")


def test_no_checksum_stays_none() -> None:
    out = through(Conntrack(), pkt.udp(CLIENT, SERVER, 4000, 53, b"q", check=False), OWN)
    assert out.endswith("71 (no cksum)")
