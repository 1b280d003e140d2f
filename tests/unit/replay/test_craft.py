import pytest
from scapy.all import ICMP, IP, SCTP, TCP, UDP, ICMPv6EchoRequest, IPv6, SCTPChunkInit

from pyvs.core.flags import Proto
from pyvs.replay.craft import CraftError, craft, parse_five_tuple, parse_flags

CASES = [
    ("tcp", "198.51.100.7:40001", "192.0.2.100:80", IP, TCP),
    ("TCP", "[2001:db8::7]:40001", "[2001:db8::100]:80", IPv6, TCP),
    ("udp", "198.51.100.7:53", "192.0.2.100:5300", IP, UDP),
    ("udp", "[2001:db8::7]:53", "[2001:db8::100]:53", IPv6, UDP),
    ("sctp", "198.51.100.7:1", "192.0.2.100:2", IP, SCTP),
    ("icmp", "198.51.100.7", "192.0.2.100", IP, ICMP),
    ("icmp", "2001:db8::7", "2001:db8::100", IPv6, ICMPv6EchoRequest),
]


@pytest.mark.parametrize(("protocol", "source", "destination", "network", "transport"), CASES)
def test_scapy_finds_the_packet_right(
    protocol: str, source: str, destination: str, network: type, transport: type
) -> None:
    data = craft(parse_five_tuple(protocol, source, destination))
    packet = network(data)
    assert transport in packet
    again = network(data)
    for layer in (network, transport):
        for name in ("chksum", "cksum", "len", "plen"):
            if name in again[layer].fields:
                del again[layer].fields[name]
    assert bytes(again) == data


def test_ends_and_flags() -> None:
    five = parse_five_tuple("tcp", "198.51.100.7:40001", "192.0.2.100:80")
    assert (five.protocol, five.sport, five.dport) == (Proto.TCP, 40001, 80)
    packet = IP(craft(five, parse_flags("PA")))
    assert (packet[TCP].flags, packet[TCP].sport, packet.src, packet.dst) == (
        "PA", 40001, "198.51.100.7", "192.0.2.100"
    )  # fmt: skip
    assert parse_flags("s.") == 0x12
    assert SCTPChunkInit in IP(craft(parse_five_tuple("sctp", "1.2.3.4:5", "6.7.8.9:10")))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("gre", "1.2.3.4", "5.6.7.8"), "protocol 'gre' is not known, expected tcp, udp, sctp, icmp"),
        (("tcp", "1.2.3.4", "5.6.7.8:80"), "'1.2.3.4': expected ADDRESS:PORT or"),
        (("tcp", "1.2.3.4:0", "5.6.7.8:80"), "the port from 1 to 65535"),
        (("tcp", "1.2.3.4:x", "5.6.7.8:80"), "'1.2.3.4:x': expected"),
        (("udp", "1.2.3.400:9", "5.6.7.8:80"), "'1.2.3.400:9': expected"),
        (("udp", "[2001:db8::1:9", "5.6.7.8:80"), "expected ADDRESS:PORT or"),
        (("udp", "[2001:db8::1]:9", "5.6.7.8:80"), "are of different families"),
    ],
)
def test_wrong_words(words: tuple[str, str, str], message: str) -> None:
    with pytest.raises(CraftError, match=message.replace("[", r"\[")):
        parse_five_tuple(*words)


def test_wrong_flags() -> None:
    with pytest.raises(CraftError, match="TCP flag 'X' is not known, expected letters of SFRPUA"):
        parse_flags("sx")
