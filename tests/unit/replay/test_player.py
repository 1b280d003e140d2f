"""Recordings of the real kernel, played as captures; and captures that no one would make."""

import json
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.all import ARP, ICMP, IP, TCP, UDP, CookedLinux, Dot1Q, Ether, ICMPv6ND_NA, IPv6, fragment

from pyvs.cli.rules import parse_rules
from pyvs.core.differences import KERNEL
from pyvs.datapath.describe import describe_frame
from pyvs.datapath.device import Frame, Way
from pyvs.datapath.pcap import Interface, PcapReader, PcapWriter
from pyvs.replay.marking import parse_mark
from pyvs.replay.session import Options, Session, begin
from pyvs.replay.sorting import Skipped

RECORDINGS = Path(__file__).parents[2] / "recordings"
T = 1_700_000_000_000_000_000
VIP, CLIENT, SERVER = "192.0.2.100", "198.51.100.7", "10.1.0.11"
NAT = "-A -t 192.0.2.100:80 -s rr\n-a -t 192.0.2.100:80 -r 10.1.0.11:8080 -m -w 1\n"
DR = "-A -t 192.0.2.100:80 -s rr\n-a -t 192.0.2.100:80 -r 10.1.0.11 -g -w 1\n"


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def write_recording(path: Path, recording: dict[str, Any]) -> None:
    """Its frames in, as a capture; the servers' link-layer addresses come by ARP and ND."""
    interfaces = recording["scenario"]["interfaces"]
    with PcapWriter(path) as writer:
        for name, interface in interfaces.items():
            addresses = [
                (own.ip.packed, own.network.prefixlen) for own in map(ip_interface, interface["addresses"])
            ]
            writer.describe(Interface(name, 1, addresses=addresses, mac=mac(interface["mac"])))
        for name, interface in interfaces.items():
            for address, theirs in interface["neighbours"].items():
                told: Any = ARP(op=2, psrc=address, hwsrc=theirs)
                if ip_address(address).version == 6:
                    told = IPv6(src=address, dst="ff02::1") / ICMPv6ND_NA(tgt=address)
                frame = Ether(src=theirs, dst=interface["mac"]) / told
                writer.transmit(Frame(bytes(frame), time_ns=T, interface=name, way=Way.IN))
        for entry in recording["log"]:
            if entry["ev"] == "in":
                time_ns = T + round(entry["t"] * 1e9)
                frame = Frame(
                    bytes.fromhex(entry["hex"]), time_ns=time_ns, interface=entry["iface"], way=Way.IN
                )
                writer.transmit(frame)


def play(path: Path, rules: str, **options: Any) -> tuple[list[Frame], Session]:
    session = begin(parse_rules(rules), Options(**options), path)
    with PcapReader(path) as reader:
        return [sent for frame in reader.receive() for sent in session.player.play(frame)], session


FLOWS = {
    "nat-tcp": {"TCP 192.0.2.100:80": ("10.1.0.11:8080", 8, "TIME_WAIT")},
    "dr-tcp": {"TCP 192.0.2.100:80": ("10.1.0.11:80", 5, "FIN_WAIT")},
    "tun-ipip": {"TCP 192.0.2.100:80": ("10.1.0.11:80", 4, "FIN_WAIT")},
    "v6-nat": {"TCP [2001:db8::100]:80": ("[2001:db8:1::11]:8080", 7, "TIME_WAIT")},
}


def replayed(folder: Path, name: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]], Session]:
    """What the kernel sent, but for the answers of its own stack; and what comes out of the replay."""
    recording = json.loads((RECORDINGS / f"{name}.json").read_text())
    write_recording(folder / "in.pcapng", recording)
    rules = "\n".join(line.removeprefix("sysctl -w ") for line in recording["scenario"]["setup"])
    out, session = play(folder / "in.pcapng", rules, differences=KERNEL)
    expected = [e for e in recording["log"] if e["ev"] == "out" and not made_by_host(e)]
    assert {frame.way for frame in out} <= {Way.OUT}
    return (
        [(e["iface"], plain(bytes.fromhex(e["hex"]))) for e in expected],
        [(frame.interface, plain(frame.data)) for frame in out],
        session,
    )


@pytest.mark.parametrize("name", FLOWS)
def test_a_recording_comes_out_as_the_kernel_sent_it(tmp_path: Path, name: str) -> None:
    expected, out, session = replayed(tmp_path, name)
    assert out == expected
    flows = session.player.tally.flows.values()
    assert {f.service: (f.server, f.packets, f.state) for f in flows} == FLOWS[name]


@pytest.mark.parametrize(
    "name",
    ["bad-checksums", "conn-reuse-1", "frag-dr", "frag-nat", "icmp-dr", "icmp-nat", "nat-tcp-client-rst",
     "nat-tcp-refused", "ops", "persist", "persist-mask", "sched-thresholds", "tun-gre", "tun-icmp", "v6-dr"],
)  # fmt: skip
def test_other_recordings_too(tmp_path: Path, name: str) -> None:
    expected, out, _ = replayed(tmp_path, name)
    assert out == expected


def plain(frame: bytes) -> str:
    """A frame without the identification that whoever makes an ICMP error may choose."""
    if frame[12:14] == b"\x08\x00" and frame[23] == 1 and frame[20:22] == b"\0\0":
        frame = frame[:18] + bytes(2) + frame[20:24] + bytes(2) + frame[26:]
    return frame.hex()


def made_by_host(entry: dict[str, Any]) -> bool:
    """The answer to a ping is the host's, not the virtual server's."""
    return "echo reply" in describe_frame(Frame(bytes.fromhex(entry["hex"])))


# ---- captures without ways -------------------------------------------------


def written(path: Path, packets: list[Any], step: float = 0.1, length: int | None = None) -> Path:
    with PcapWriter(path) as writer:
        for number, packet in enumerate(packets):
            data = bytes(packet)
            frame = Frame(data[:length], time_ns=T + round(number * step * 1e9), length=len(data))
            frame.link = 113 if isinstance(packet, CookedLinux) else 101 if isinstance(packet, IP) else 1
            writer.transmit(frame)
    return path


ROUTER, DIRECTOR, REAL = "02:00:00:00:00:fe", "02:00:00:00:00:01", "02:00:00:00:02:01"
HELLO = TCP(sport=40001, dport=80, flags="S", seq=1000)
IN = Ether(src=ROUTER, dst=DIRECTOR)


def test_a_mirror_port_shows_each_packet_twice_and_it_is_played_once(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.pcapng",
        [
            IN / IP(src=CLIENT, dst=VIP, ttl=64) / HELLO,
            Ether(src=DIRECTOR, dst=REAL) / IP(src=CLIENT, dst=VIP, ttl=63) / HELLO,
            Ether(src=REAL, dst=ROUTER) / IP(src=VIP, dst=CLIENT) / TCP(sport=80, dport=40001, flags="SA"),
            IN / ARP(),
            IN / IP(src=CLIENT, dst="203.0.113.1") / UDP(),
        ],
    )
    out, session = play(path, DR)
    assert [IP(frame.data[14:]).ttl for frame in out] == [63]
    assert session.player.tally.skipped == {
        Skipped.ALREADY_SENT: 2, Skipped.NOT_IP: 1, Skipped.STRANGER: 1
    }  # fmt: skip


def test_a_server_never_seen_gets_an_address_that_is_made_up(tmp_path: Path) -> None:
    out, _ = play(written(tmp_path / "a.pcapng", [IN / IP(src=CLIENT, dst=VIP) / HELLO]), NAT)
    assert Ether(out[0].data).dst == "02:00:0a:01:00:0b"
    assert Ether(out[0].data).src == DIRECTOR
    assert IP(out[0].data[14:]).dst == SERVER


def test_answers_go_back_over_the_vlan_they_came_by(tmp_path: Path) -> None:
    answer = IP(src=SERVER, dst=CLIENT) / TCP(sport=8080, dport=40001, flags="SA")
    packets = [
        IN / Dot1Q(vlan=10) / IP(src=CLIENT, dst=VIP) / HELLO,
        Ether(src=REAL, dst=DIRECTOR) / Dot1Q(vlan=20) / answer,
    ]
    out, _ = play(written(tmp_path / "a.pcapng", packets), NAT)
    to_server, to_client = (Ether(frame.data) for frame in out)
    assert (to_server[Dot1Q].vlan, to_server.dst, to_server[IP].dst) == (20, REAL, SERVER)
    assert (to_client[Dot1Q].vlan, to_client.dst, to_client[IP].src) == (10, ROUTER, VIP)
    assert to_client[TCP].sport == 80


@pytest.mark.parametrize("head", [b"", bytes(CookedLinux(pkttype=0, proto=0x0800))])
def test_raw_and_cooked_captures(tmp_path: Path, head: bytes) -> None:
    packets = [
        IP(src=CLIENT, dst=VIP) / HELLO,
        IP(src=SERVER, dst=CLIENT) / TCP(sport=8080, dport=40001, flags="SA"),
    ]
    made = [CookedLinux(pkttype=0, proto=0x0800) / packet if head else packet for packet in packets]
    out, _ = play(written(tmp_path / "a.pcapng", made), NAT)
    assert {frame.link for frame in out} == {113 if head else 101}
    first, second = (IP(frame.data[len(head) :]) for frame in out)
    assert (first.dst, first[TCP].dport, second.src, second[TCP].sport) == (SERVER, 8080, VIP, 80)


def test_what_a_capture_cut_off_stays_cut_off(tmp_path: Path) -> None:
    whole = IN / IP(src=CLIENT, dst=VIP) / HELLO
    data = IN / IP(src=CLIENT, dst=VIP) / TCP(sport=40001, dport=80, flags="PA") / (b"x" * 500)
    out, session = play(written(tmp_path / "a.pcapng", [whole, data], length=96), NAT)
    assert (len(out[1].data), out[1].length) == (96, len(data))
    assert session.player.tally.cut_short == 1
    full, _ = play(written(tmp_path / "b.pcapng", [whole, IN / IP(src=CLIENT, dst=VIP) / HELLO.copy()]), NAT)
    assert full[0].data == out[0].data


def test_fragments_are_put_together_and_cut_again(tmp_path: Path) -> None:
    datagram = IP(src=CLIENT, dst=VIP, id=7) / UDP(sport=5000, dport=80) / (b"y" * 2000)
    packets = [IN / piece for piece in fragment(datagram, 1000)]
    out, session = play(written(tmp_path / "a.pcapng", packets), NAT.replace("-t", "-u"))
    assert [len(frame.data) for frame in out] == [len(packet) for packet in packets]
    tally = session.player.tally
    assert tally.fragments == len(packets) - 1
    assert [(flow.server, flow.packets) for flow in tally.flows.values()] == [("10.1.0.11:8080", 1)]


def test_time_is_the_captures_own(tmp_path: Path) -> None:
    client = IP(src=CLIENT, dst=VIP)
    ack = TCP(sport=40001, dport=80, flags="A", seq=1001)
    path = written(tmp_path / "a.pcapng", [IN / client / HELLO, IN / client / ack], step=61)
    out, session = play(path, NAT)
    assert len(out) == 1  # SYN_RECV lasts a minute: the acknowledgement comes too late
    assert session.player.now == pytest.approx(61)


def test_time_that_goes_back_stands_still(tmp_path: Path) -> None:
    packets = [IN / IP(src=CLIENT, dst=VIP) / HELLO] * 3
    out, session = play(written(tmp_path / "a.pcapng", packets, step=-5), NAT)
    assert len(out) == 3
    assert session.player.now == 0


def test_one_packet_connections_are_listed_by_their_server(tmp_path: Path) -> None:
    rules = "-A -u 192.0.2.100:53 -s rr -o\n-a -u 192.0.2.100:53 -r 10.1.0.11 -m\n"
    packets = [IN / IP(src=CLIENT, dst=VIP) / UDP(sport=5000, dport=53)] * 2
    _, session = play(written(tmp_path / "a.pcapng", packets), rules)
    (flow,) = session.player.tally.flows.values()
    assert (flow.client, flow.server, flow.packets, flow.state) == (
        "198.51.100.7:5000", "10.1.0.11", 2, "one packet"
    )  # fmt: skip


def test_marks_are_set_again(tmp_path: Path) -> None:
    rules = "-A -f 7 -s rr\n-a -f 7 -r 10.1.0.11 -g\n"
    path = written(tmp_path / "a.pcapng", [IN / IP(src=CLIENT, dst=VIP) / HELLO])
    out, session = play(path, rules, marks=(parse_mark("7=tcp:192.0.2.100:80"),))
    assert len(out) == 1
    assert [flow.service for flow in session.player.tally.flows.values()] == ["FWM 7"]
    out, session = play(path, rules)
    assert out == []
    assert "--mark 7=tcp:ADDRESS:PORT" in session.notes[0]


def test_a_tunnel_without_a_known_address_says_so(tmp_path: Path) -> None:
    path = written(tmp_path / "a.pcapng", [IN / IP(src=CLIENT, dst=VIP) / HELLO])
    out, session = play(path, DR.replace("-g", "-i"))
    assert IP(out[0].data[14:]).src == VIP
    assert "--local ADDRESS/PREFIX" in session.notes[0]
    own = (ip_address("10.1.0.1").packed, 24)
    out, session = play(path, DR.replace("-g", "-i"), addresses=(own,))
    assert IP(out[0].data[14:]).src == "10.1.0.1"
    assert session.notes == []


def test_icmp_that_is_not_about_us_is_not_written(tmp_path: Path) -> None:
    path = written(tmp_path / "a.pcapng", [IN / IP(src="203.0.113.5", dst="203.0.113.6") / ICMP()])
    out, session = play(path, NAT)
    assert out == []
    assert sum(session.player.tally.not_sent.values()) == 1


# ---- captures that no one would make ---------------------------------------

PACKETS = [
    bytes(IP(src=CLIENT, dst=VIP) / HELLO),
    bytes(IP(src=CLIENT, dst=VIP) / TCP(sport=40001, dport=80, flags="A") / b"data"),
    bytes(IP(src=SERVER, dst=CLIENT) / TCP(sport=8080, dport=40001, flags="SA")),
    bytes(
        IP(src="10.1.0.254", dst=VIP)
        / ICMP(type=3, code=4)
        / IP(src=VIP, dst=CLIENT)
        / TCP(sport=80, dport=40001)
    ),
    bytes(IP(src=CLIENT, dst=VIP, flags="MF") / UDP(sport=5, dport=80) / bytes(16)),
]
spoilt = st.builds(
    lambda data, changes, cut: bytes(
        dict(changes).get(at, byte) for at, byte in enumerate(data[: len(data) - cut])
    ),
    st.sampled_from(PACKETS),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=3),
    st.integers(0, 30),
)
frames = st.builds(
    Frame,
    st.one_of(st.binary(max_size=60), spoilt, spoilt.map(lambda data: bytes(12) + b"\x08\x00" + data)),
    time_ns=st.one_of(st.integers(-(2**63), 2**70), st.integers(T, T + 10**12)),
    interface=st.sampled_from(["", "eth0"]),
    way=st.sampled_from(Way),
    link=st.sampled_from([1, 101, 0, 113, 276, 99]),
    length=st.integers(0, 2000),
)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(frames, max_size=12))
def test_no_frames_hurt(content: list[Frame]) -> None:
    session = begin(parse_rules(NAT + NAT.replace("-t", "-u")), Options())
    for frame in content:
        for sent in session.player.play(frame):
            assert describe_frame(sent)
    tally = session.player.tally
    assert tally.frames == len(content) == sum(tally.verdicts.values()) + sum(tally.skipped.values())
