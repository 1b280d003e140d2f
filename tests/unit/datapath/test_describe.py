import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.all import ARP, GRE, ICMP, IP, TCP, UDP, Dot1Q, Ether, ICMPv6PacketTooBig, IPv6, Raw

from pyvs.datapath.describe import describe_frame, describe_packet
from pyvs.datapath.device import Frame

SYN = IP(src="198.51.100.7", dst="192.0.2.100", flags="DF") / TCP(sport=40001, dport=80, flags="S", seq=1000)


@pytest.mark.parametrize(
    ("packet", "line"),
    [
        (SYN, "TCP 198.51.100.7:40001 > 192.0.2.100:80 [S] seq 1000 win 8192 len 0 ttl 64 DF"),
        (
            IPv6(src="2001:db8::7", dst="2001:db8::1") / TCP(sport=1, dport=2, flags="FPA", ack=7) / b"four",
            "TCP [2001:db8::7]:1 > [2001:db8::1]:2 [FP.] seq 0 ack 7 win 8192 len 4 ttl 64",
        ),
        (
            IP(src="10.0.0.1", dst="10.0.0.2", ttl=9) / UDP(sport=53, dport=4000) / b"answer",
            "UDP 10.0.0.1:53 > 10.0.0.2:4000 len 6 ttl 9",
        ),
        (
            IP(src="10.0.0.1", dst="10.0.0.2") / ICMP(type=3, code=3) / SYN,
            (
                "ICMP 10.0.0.1 > 10.0.0.2 unreachable code 3 {TCP 198.51.100.7:40001 > 192.0.2.100:80 [S] "
                "seq 1000 win 8192 len 0 ttl 64 DF} ttl 64"
            ),
        ),
        (
            IP(src="10.0.0.1", dst="10.0.0.2", proto=4) / SYN,
            (
                "IPIP 10.0.0.1 > 10.0.0.2 {TCP 198.51.100.7:40001 > 192.0.2.100:80 [S] seq 1000 win 8192 len 0 "
                "ttl 64 DF} ttl 64"
            ),
        ),
        (IP(src="10.0.0.1", dst="10.0.0.2") / GRE(), "GRE 10.0.0.1 > 10.0.0.2 len 4 ttl 64"),
        (
            IP(src="10.0.0.1", dst="10.0.0.2", frag=10, flags="MF", proto=17) / Raw(b"x" * 8),
            "UDP 10.0.0.1 > 10.0.0.2 later fragment ttl 64 frag 80+",
        ),
    ],
)
def test_packets(packet: object, line: str) -> None:
    assert describe_packet(bytes(packet)) == line  # type: ignore[call-overload]


def test_icmpv6() -> None:
    packet = IPv6(src="2001:db8::7", dst="2001:db8::1") / ICMPv6PacketTooBig(mtu=1280) / IPv6()
    assert describe_packet(bytes(packet)).startswith(
        "ICMPv6 2001:db8::7 > 2001:db8::1 packet too big code 0 {"
    )


def test_what_the_capture_cut_off_is_told() -> None:
    data = bytes(SYN / (b"x" * 100))
    assert describe_packet(data[:40]).endswith("(100 bytes missing)")
    assert (
        describe_packet(data[:22]) == "TCP 198.51.100.7 > 192.0.2.100 cut short ttl 64 DF (118 bytes missing)"
    )
    assert describe_packet(b"E").startswith("malformed IP: ")


def test_frames() -> None:
    tagged = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / Dot1Q(vlan=12) / SYN
    assert describe_frame(Frame(bytes(tagged))).startswith("vlan 12 TCP 198.51.100.7:40001")
    ask = Ether(src="02:00:00:00:00:01") / ARP(psrc="10.0.0.1", pdst="10.0.0.2", hwsrc="02:00:00:00:00:01")
    assert describe_frame(Frame(bytes(ask))) == "ARP who has 10.0.0.2? tell 10.0.0.1"
    ask.op = 2
    assert describe_frame(Frame(bytes(ask))) == "ARP 10.0.0.1 is at 02:00:00:00:00:01"
    assert describe_frame(Frame(b"abc")) == "Ethernet, cut short, 3 bytes"
    assert describe_frame(Frame(b"abc", link=147)) == "link type 147, 3 bytes"


@given(st.binary(max_size=200), st.sampled_from([0, 1, 12, 101, 108, 113, 228, 229, 276, 999]))
def test_whatever_the_bytes_there_is_a_line(data: bytes, link: int) -> None:
    line = describe_frame(Frame(data, link=link))
    assert line
    assert "\n" not in line


@given(st.integers(0, 59), st.integers(0, 255))
def test_a_changed_byte_never_hurts(place: int, value: int) -> None:
    data = bytearray(bytes(IP() / ICMP(type=3) / SYN))
    data[place] = value
    assert describe_packet(bytes(data))
