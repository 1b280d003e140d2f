import pytest
from tests import pkt

from pyvs.host import sctp
from pyvs.host.host import Host

CLIENT, VIP, CLIENT6, VIP6 = "198.51.100.7", "192.0.2.100", "2001:db8:c::7", "2001:db8::100"


def answers(host: Host, packet: bytes) -> list[str]:
    host.receive(pkt.eth("02:00:00:00:00:01", "02:00:00:00:00:99", packet), "eth0", 1.0)
    return [pkt.describe(frame).split(" ", 1)[1] for _, frame in host.drain()]


@pytest.mark.parametrize(
    ("flags", "reply"),
    [
        (pkt.SYN, "[R.] seq 0 ack 1001"),
        (pkt.SYN | pkt.FIN, "[R.] seq 0 ack 1002"),
        (0, "[R.] seq 0 ack 1000"),
        (pkt.ACK, "[R] seq 77 ack 0"),
        (pkt.SYN | pkt.ACK, "[R] seq 77 ack 0"),
    ],
)
def test_closed_tcp_port_resets(host: Host, flags: int, reply: str) -> None:
    (out,) = answers(host, pkt.tcp(CLIENT, VIP, 40001, 81, flags, 1000, 77, tos=0x2B))
    assert out == f"TCP 192.0.2.100:81 > 198.51.100.7:40001 {reply} [ttl 64 id 0x0 len 40 DF tos 0x28]"
    (out,) = answers(host, pkt.tcp(CLIENT6, VIP6, 40001, 81, flags, 1000, 77))
    assert out == f"TCP [2001:db8::100]:81 > [2001:db8:c::7]:40001 {reply} [hlim 64 len 60]"


def test_data_counts_in_the_acknowledgement(host: Host) -> None:
    (out,) = answers(
        host, pkt.tcp(CLIENT, VIP, 40001, 81, pkt.SYN, 0xFFFFFFFF, data=b"abc", opts=pkt.MSS1460)
    )
    assert "ack 3 " in out


def test_resets_and_broken_segments_are_not_answered(host: Host) -> None:
    assert not answers(host, pkt.tcp(CLIENT, VIP, 40001, 81, pkt.RST, 1000))
    assert not answers(host, pkt.tcp(CLIENT, VIP, 40001, 81, pkt.SYN, 1000)[:-1] + b"!")
    assert not answers(host, pkt.udp(CLIENT, VIP, 40001, 81, b"abc")[:-1] + b"!")
    assert not answers(host, pkt.icmp(CLIENT, VIP, 8, 0, 1, b"abc")[:-1] + b"!")
    assert not answers(host, pkt.udp(CLIENT6, VIP6, 40001, 81, b"abc", check=False))


def test_closed_udp_port_is_unreachable(host: Host) -> None:
    (out,) = answers(host, pkt.udp(CLIENT, VIP, 40001, 81, b"x" * 1000, tos=0x2B, check=False))
    assert out.startswith("ICMP 192.0.2.100 > 198.51.100.7 type 3 code 3 rest 0x0 [ttl 64")
    assert "len 576 tos 0xca]" in out
    (out,) = answers(host, pkt.udp(CLIENT6, VIP6, 40001, 81, b"x" * 1400))
    assert out.startswith("ICMP6 2001:db8::100 > 2001:db8:c::7 type 1 code 4 rest 0x0 [hlim 64 len 1280]")


def test_echo(host: Host) -> None:
    (out,) = answers(host, pkt.icmp(CLIENT, VIP, 8, 0, 0x70001, b"abc", tos=4))
    assert out.startswith("ICMP 192.0.2.100 > 198.51.100.7 type 0 code 0 rest 0x70001 [ttl 64")
    assert "tos 0x4" in out
    (out,) = answers(host, pkt.icmp(CLIENT6, VIP6, 128, 0, 0x70001, b"abc"))
    assert out.startswith("ICMP6 2001:db8::100 > 2001:db8:c::7 type 129 code 0 rest 0x70001 [hlim 64")


def test_timestamp(host: Host) -> None:
    (out,) = answers(host, pkt.icmp(CLIENT, VIP, 13, 0, 5, bytes(12)))
    assert "type 14 code 0 rest 0x5" in out


def test_unknown_protocols(host: Host) -> None:
    (out,) = answers(host, pkt.ip(CLIENT, VIP, 99, b"x" * 8))
    assert "type 3 code 2" in out
    (out,) = answers(host, pkt.ip(CLIENT6, VIP6, 99, b"x" * 8))
    assert "type 4 code 1 rest 0x6 " in out
    options = bytes([99, 0, 1, 4, 0, 0, 0, 0])
    (out,) = answers(host, pkt.ip(CLIENT6, VIP6, 60, options + b"x" * 8))
    assert "type 4 code 1 rest 0x28 " in out, "the number stands in the destination options"


def test_errors_are_not_answered_by_errors(host: Host) -> None:
    quoted = pkt.udp(VIP, CLIENT, 1, 2)
    assert not answers(host, pkt.icmp(CLIENT, VIP, 3, 3, 0, quoted))
    assert not answers(host, pkt.icmp(CLIENT6, VIP6, 1, 4, 0, pkt.udp(VIP6, CLIENT6, 1, 2)))


def test_sctp_depends_on_the_module(host: Host) -> None:
    init = pkt.sctp(CLIENT, VIP, 1, 2, 0, (sctp.INIT, 0, bytes.fromhex("aabbccdd0000ffff0001000100000001")))
    (out,) = answers(host, init)
    assert "type 3 code 2" in out
    host.modules.add("sctp")
    (out,) = answers(host, init)
    assert out.startswith(f"SCTP 192.0.2.100:2 > 198.51.100.7:1 tag {0xAABBCCDD} 06000004 [ttl 64 id 0x0")
    (out,) = answers(host, pkt.sctp(CLIENT, VIP, 1, 2, 9, (sctp.SHUTDOWN_ACK, 0, b"")))
    assert "tag 9 0e010004" in out
    for kind in (sctp.ABORT, sctp.SHUTDOWN_COMPLETE, sctp.COOKIE_ACK):
        assert not answers(host, pkt.sctp(CLIENT, VIP, 1, 2, 9, (kind, 0, b"")))
    assert not answers(host, init[:-1] + b"!"), "a wrong CRC"
