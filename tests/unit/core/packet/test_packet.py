from pyvs.core.flags import PacketType
from pyvs.core.packet.packet import Packet


def test_what_the_host_says_of_it() -> None:
    packet = Packet(b"data", mark=7, iif="eth0", oif="eth1", type=PacketType.MULTICAST)
    assert (packet.data, packet.mark, packet.iif, packet.oif) == (b"data", 7, "eth0", "eth1")
    assert packet.type is PacketType.MULTICAST
    assert Packet(b"").type is PacketType.HOST


def test_the_last_fragment_becomes_the_whole_and_stays_itself() -> None:
    last, whole = Packet(b"piece", mark=7, iif="eth0"), Packet(b"all of it", mark=1)
    last.checksum_partial = True
    whole.fragment_size, whole.pieces = 1500, (1480, 5)
    last.become(whole)
    assert (last.data, last.fragment_size, last.pieces) == (b"all of it", 1500, (1480, 5))
    assert (last.mark, last.iif, last.checksum_partial) == (7, "eth0", False)
