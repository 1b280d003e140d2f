from ipaddress import ip_address

from scapy.all import IP, TCP, UDP

from pyvs.cli.rules import parse_rules
from pyvs.core.engine import Engine
from pyvs.core.flags import Hook
from pyvs.core.packet.packet import Packet
from pyvs.replay.flows import note_flow
from pyvs.replay.tally import Tally
from pyvs.testing.environment import FixedEnvironment

VIP, CLIENT, SERVER = "192.0.2.100", "198.51.100.7", "10.1.0.11"
RULES = (
    "-A -t 192.0.2.100:80 -s rr\n-a -t 192.0.2.100:80 -r 10.1.0.11:8080 -m\n"
    "-A -u 192.0.2.100:53 -s rr -o\n-a -u 192.0.2.100:53 -r 10.1.0.11 -m\n"
)


def engine() -> Engine:
    made = Engine(FixedEnvironment([ip_address(VIP).packed]))
    parse_rules(RULES).apply(made.control)
    return made


def note(made: Engine, tally: Tally, data: bytes, hook: Hook, sent_to: bytes | None = None) -> None:
    verdict = made.receive(Packet(data, iif="eth0"), hook, 0.0)
    note_flow(made.ns, tally, data, hook, verdict, sent_to)


def test_both_ways_count_for_the_connection() -> None:
    made, tally = engine(), Tally()
    note(made, tally, bytes(IP(src=CLIENT, dst=VIP) / TCP(sport=5000, dport=80, flags="S")), Hook.LOCAL_IN)
    note(
        made, tally, bytes(IP(src=SERVER, dst=CLIENT) / TCP(sport=8080, dport=5000, flags="SA")), Hook.FORWARD
    )
    (flow,) = tally.flows.values()
    assert (flow.client, flow.service, flow.server) == (
        "198.51.100.7:5000", "TCP 192.0.2.100:80", "10.1.0.11:8080"
    )  # fmt: skip
    assert (flow.packets, flow.state) == (2, "SYN_RECV")
    assert tally.shares["TCP 192.0.2.100:80", "10.1.0.11:8080"].connections == 1


def test_a_connection_of_one_packet_is_known_by_where_it_was_sent() -> None:
    made, tally = engine(), Tally()
    data = bytes(IP(src=CLIENT, dst=VIP) / UDP(sport=5000, dport=53))
    note(made, tally, data, Hook.LOCAL_IN, ip_address(SERVER).packed)
    (flow,) = tally.flows.values()
    assert (flow.service, flow.server, flow.state) == ("UDP 192.0.2.100:53", "10.1.0.11", "one packet")


def test_other_packets_are_of_no_flow() -> None:
    made, tally = engine(), Tally()
    note(made, tally, bytes(IP(src=CLIENT, dst=VIP) / TCP(sport=5000, dport=81, flags="S")), Hook.LOCAL_IN)
    note(made, tally, b"\x45", Hook.LOCAL_IN)
    assert tally.flows == {}
