from scapy.all import IP, TCP

from pyvs.cli.rules import parse_rules
from pyvs.core.flags import Hook
from pyvs.datapath.device import Frame
from pyvs.replay.session import Options, Session, begin
from pyvs.replay.walk import walk_frame, walk_packet

CLIENT, VIP, SERVER = "198.51.100.7", "192.0.2.100", "10.1.0.11"
LINK = bytes(12) + b"\x08\x00"
RULES = "-A -t 192.0.2.100:80 -s rr\n-a -t 192.0.2.100:80 -r 10.1.0.11:8080 -m\n"
HELLO = IP(src=CLIENT, dst=VIP) / TCP(sport=5000, dport=80, flags="S")


def session() -> Session:
    return begin(parse_rules(RULES), Options())


def test_the_walk_of_a_frame() -> None:
    frame = Frame(LINK + bytes(HELLO), number=7, interface="eth0", time_ns=5)
    walk = walk_frame(session().player, frame)
    assert (walk.number, walk.interface, walk.hook) == (7, "eth0", "LOCAL_IN")
    assert (walk.verdict, walk.reason) == ("taken over by the virtual server", "FORWARDED")
    assert walk.sent == ["if0: TCP 198.51.100.7:5000 > 10.1.0.11:8080 [S] seq 0 win 8192 len 0 ttl 63"]
    assert walk.steps[0].sentence == "for an address of this host"


def test_what_the_capture_cut_off_is_told() -> None:
    data = LINK + bytes(HELLO / (b"x" * 100))
    walk = walk_frame(session().player, Frame(data[:60], length=len(data)))
    assert walk.steps[0].sentence == "the capture cut off 94 bytes, taken as zeros"


def test_a_frame_that_is_skipped() -> None:
    walk = walk_frame(session().player, Frame(bytes(14)))
    assert (walk.hook, walk.skipped) == ("", "neither IPv4 nor IPv6")


def test_the_walk_of_a_packet() -> None:
    player = session().player
    assert walk_packet(player, bytes(HELLO), Hook.LOCAL_IN).reason == "FORWARDED"
    other = IP(src=CLIENT, dst=VIP) / TCP(sport=5000, dport=81, flags="S")
    walk = walk_packet(player, bytes(other), Hook.LOCAL_IN)
    assert (walk.verdict, walk.reason, walk.sent) == ("accepted: the host takes it", "NO_SERVICE", [])
    reply = IP(src=SERVER, dst=CLIENT) / TCP(sport=8080, dport=5000, flags="SA")
    assert walk_packet(player, bytes(reply), Hook.FORWARD).verdict == "accepted: the host sends it on"
    player.engine.control.flush(0.0)
    parse_rules("-A -t 192.0.2.100:80 -s rr").apply(player.engine.control)
    refused = walk_packet(
        player, bytes(IP(src=CLIENT, dst=VIP) / TCP(sport=5001, dport=80, flags="S")), Hook.LOCAL_IN
    )
    assert (refused.verdict, refused.reason) == ("dropped", "NO_DESTINATION")
    assert refused.sent[0].startswith("if0: ICMP 192.0.2.100 > 198.51.100.7 unreachable code 3")
