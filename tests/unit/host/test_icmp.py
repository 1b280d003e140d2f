from tests import pkt

from pyvs.host import icmp

CLIENT, VIP = "198.51.100.7", "192.0.2.100"


def test_quoted_is_what_fits() -> None:
    packet = pkt.udp(CLIENT, VIP, 1, 2, b"x" * 1000)
    assert icmp.quote4(packet) == packet[:548]


def test_not_about_errors_fragments_and_groups() -> None:
    late = pkt.fragments(pkt.udp(CLIENT, VIP, 1, 2, b"x" * 100, df=False), 64)[1]
    for packet in (
        late,
        pkt.icmp(CLIENT, VIP, 3, 3),
        pkt.icmp(CLIENT, VIP, 40, 0),
        pkt.udp(CLIENT, "224.0.0.1", 1, 2),
        pkt.udp("0.0.0.0", VIP, 1, 2),
    ):
        assert icmp.quote4(packet) is None
    assert icmp.quote4(pkt.icmp(CLIENT, VIP, 8, 0)) is not None
    assert icmp.quote6(pkt.icmp("2001:db8::7", "2001:db8::1", 1, 4), 40, 58) is None
    assert icmp.quote6(pkt.udp("ff02::1", "2001:db8::1", 1, 4), 40, 17) is None


def test_built_packets_are_right() -> None:
    message = icmp.message4(8, 0, 0x10002, b"odd")
    packet = icmp.ipv4(bytes([192, 0, 2, 100]), bytes([198, 51, 100, 7]), 1, message, ident=0x1234, df=True)
    assert packet == pkt.icmp(VIP, CLIENT, 8, 0, 0x10002, b"odd")
    own, client = (
        bytes.fromhex("20010db8") + bytes(11) + b"\x01",
        bytes.fromhex("20010db8") + bytes(11) + b"\x07",
    )
    message = icmp.message6(own, client, 128, 0, 0x10002, b"odd")
    assert icmp.ipv6(own, client, 58, message) == pkt.icmp(
        "2001:db8::1", "2001:db8::7", 128, 0, 0x10002, b"odd"
    )
