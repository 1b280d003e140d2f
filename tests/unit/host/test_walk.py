import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests import pkt

from pyvs.core.packet.checksum import checksum
from pyvs.host import iproute, walk
from pyvs.host.host import Host

CLIENT, SERVER, VIP = "198.51.100.7", "10.1.0.11", "192.0.2.100"
CLIENT6, SERVER6, VIP6 = "2001:db8:c::7", "2001:db8:1::11", "2001:db8::100"


def from_client(host: Host, packet: bytes) -> list[str]:
    return sent(host, "eth0", "02:00:00:00:00:01", packet)


def from_server(host: Host, packet: bytes) -> list[str]:
    return sent(host, "eth1", "02:00:00:00:01:01", packet)


def sent(host: Host, iface: str, mac: str, packet: bytes) -> list[str]:
    host.receive(pkt.eth(mac, "02:00:00:00:00:99", packet), iface, 1.0)
    return [f"{name} {pkt.describe(frame)}" for name, frame in host.drain()]


def test_forwards_with_a_hop_less(host: Host) -> None:
    (out,) = from_client(host, pkt.udp(CLIENT, SERVER, 1, 2, b"x"))
    assert out.startswith("eth1 02:00:00:00:01:01>02:00:00:00:02:01 UDP 198.51.100.7:1 > 10.1.0.11:2")
    assert "ttl 63" in out
    assert "BAD" not in out
    (out,) = from_server(host, pkt.udp(SERVER6, CLIENT6, 1, 2, b"x"))
    assert out.startswith("eth0 02:00:00:00:00:01>02:00:00:00:00:fe")
    assert "hlim 63" in out


def test_does_not_forward_unless_told(host: Host) -> None:
    host.settings["net.ipv4.ip_forward"] = host.settings["net.ipv6.conf.all.forwarding"] = 0
    assert not from_client(host, pkt.udp(CLIENT, SERVER, 1, 2, b"x"))
    assert not from_client(host, pkt.udp(CLIENT6, SERVER6, 1, 2, b"x"))
    assert from_client(host, pkt.udp(CLIENT, VIP, 1, 2, b"x")), "what is for itself it answers"


@pytest.mark.parametrize(
    ("packet", "error"),
    [
        (pkt.udp(CLIENT, SERVER, 1, 2, b"x", ttl=1), "ICMP 192.0.2.1 > 198.51.100.7 type 11 code 0"),
        (pkt.udp(CLIENT6, SERVER6, 1, 2, b"x", ttl=1), "ICMP6 2001:db8::100 > 2001:db8:c::7 type 3 code 0"),
        (
            pkt.udp(CLIENT, SERVER, 1, 2, b"x" * 1440),
            "ICMP 192.0.2.1 > 198.51.100.7 type 3 code 4 rest 0x578",
        ),
        (
            pkt.udp(CLIENT6, SERVER6, 1, 2, b"x" * 1440),
            "ICMP6 2001:db8::100 > 2001:db8:c::7 type 2 code 0 rest 0x578",
        ),
    ],
)
def test_tells_the_sender_what_is_wrong(host: Host, packet: bytes, error: str) -> None:
    host.interfaces["eth1"].mtu = 1400
    (out,) = from_client(host, packet)
    assert error in out
    assert "BAD" not in out


def test_cuts_what_may_be_cut(host: Host) -> None:
    host.interfaces["eth1"].mtu = 1400
    out = from_client(host, pkt.udp(CLIENT, SERVER, 1, 2, b"x" * 1440, df=False))
    assert [part.rpartition(" frag ")[2] for part in out] == ["0+]", "1376]"]


def test_forwards_fragments_as_they_are(host: Host) -> None:
    whole = pkt.udp(CLIENT, SERVER, 1, 2, b"x" * 1440, df=False)
    assert all(len(from_client(host, piece)) == 1 for piece in pkt.fragments(whole, 512))


def test_puts_fragments_for_itself_together(host: Host) -> None:
    for source, destination in ((CLIENT, VIP), (CLIENT6, VIP6)):
        *early, last = pkt.fragments(pkt.udp(source, destination, 1, 2, b"x" * 1440, df=False), 512)
        assert not any(from_client(host, piece) for piece in early)
        (out,) = from_client(host, last)
        assert "type 3 code 3" in out or "type 1 code 4" in out


def test_redirects_a_neighbour_once(host: Host) -> None:
    iproute.command(host, ["neigh", "add", "10.1.0.12", "lladdr", "02:00:00:00:02:02", "dev", "eth1"])
    error, out = from_server(host, pkt.udp(SERVER, "10.1.0.12", 1, 2))
    assert "type 5 code 1 rest 0xa01000c" in error
    assert "ttl 63" in out
    assert len(from_server(host, pkt.udp(SERVER, "10.1.0.12", 1, 2))) == 1


@pytest.mark.parametrize(
    ("kind", "code"), [("unreachable", "code 1"), ("prohibit", "code 13"), ("blackhole", "")]
)
def test_unreachable_routes(host: Host, kind: str, code: str) -> None:
    iproute.command(host, f"route add {kind} 203.0.113.0/24".split())
    out = from_client(host, pkt.udp(CLIENT, "203.0.113.5", 1, 2))
    assert [code in line for line in out] == [True] * bool(code)


def test_frames_for_others_are_left_alone(host: Host) -> None:
    assert not sent(host, "eth0", "02:00:00:00:00:77", pkt.udp(CLIENT, VIP, 1, 2))


@pytest.mark.parametrize("source", ["127.0.0.1", "192.0.2.1", "224.0.0.1", "0.0.0.0"])
def test_impossible_sources_are_dropped(host: Host, source: str) -> None:
    assert not from_client(host, pkt.tcp(source, VIP, 1, 2, pkt.SYN))


def test_trims_the_padding_of_a_frame(host: Host) -> None:
    (padded,) = from_client(host, pkt.udp(CLIENT, VIP, 1, 2) + bytes(18))
    host_plain = from_client(host, pkt.udp(CLIENT, VIP, 1, 2))
    assert padded.split(" len ")[1] == host_plain[0].split(" len ")[1]


def test_wrong_headers_are_dropped() -> None:
    good = pkt.udp(CLIENT, VIP, 1, 2, b"abc")
    assert walk.acceptable(good + b"tail") == good
    for bad in (
        b"",
        good[:19],
        good[:-1],
        b"\x44" + good[1:],
        good[:10] + b"\0\1" + good[12:],
        b"\x75" + good[1:],
    ):
        assert walk.acceptable(bad) is None
    good = pkt.udp(CLIENT6, VIP6, 1, 2, b"abc")
    assert walk.acceptable(good + b"tail") == good
    assert walk.acceptable(good[:-1]) is None


@given(st.integers(1, 255), st.integers(0, 65535))
def test_decremented_checksum(ttl: int, ident: int) -> None:
    packet = walk.decrement_ttl(pkt.udp(CLIENT, VIP, 1, 2, ttl=ttl, ident=ident))
    assert packet[8] == ttl - 1
    assert checksum(packet[:20]) == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(
    st.sampled_from(
        [
            pkt.tcp(CLIENT, VIP, 1, 2, pkt.SYN),
            pkt.udp(CLIENT6, VIP6, 1, 2, b"abc"),
            pkt.icmp(CLIENT, VIP, 8, 0, 1, b"abc"),
            pkt.sctp(CLIENT, VIP, 1, 2, 3, (1, 0, bytes(16)), (3, 0, bytes(12))),
            *pkt.fragments(pkt.udp(CLIENT6, VIP6, 1, 2, b"x" * 100), 48),
            *pkt.fragments(pkt.udp(CLIENT, VIP, 1, 2, b"x" * 100, df=False), 48),
        ]
    ),
    st.data(),
)
def test_no_bytes_raise(host: Host, packet: bytes, data: st.DataObject) -> None:
    host.modules.add("sctp")
    broken = bytearray(packet)
    for _ in range(data.draw(st.integers(0, 4))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(broken[: data.draw(st.integers(0, len(broken)))])
    if len(cut) >= 20 and cut[0] == 0x45:  # a right header checksum gets further
        cut = cut[:2] + len(cut).to_bytes(2, "big") + cut[4:10] + b"\0\0" + cut[12:]
        cut = cut[:10] + checksum(cut[:20]).to_bytes(2, "big") + cut[12:]
    host.receive(pkt.eth("02:00:00:00:00:01", "02:00:00:00:00:99", cut or b"\x45"), "eth0", 1.0)
    host.receive(b"\2" * len(cut), "eth0", 1.0)
