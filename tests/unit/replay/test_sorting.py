from scapy.all import ARP, ICMP, IP, TCP, UDP, CookedLinux, Ether, ICMPv6EchoRequest, ICMPv6ND_NA, IPv6

from pyvs.core.flags import Hook
from pyvs.core.packet.checksum import checksum
from pyvs.datapath.device import Frame, Way
from pyvs.replay.sorting import Found, Skipped, Sorter, decrement_ttl, find_packet

VIP, CLIENT, SERVER, OWN = "192.0.2.100", "198.51.100.7", "10.1.0.11", "10.1.0.1"
DIRECTOR, ROUTER = "02:00:00:00:00:01", "02:00:00:00:00:fe"


def packed(text: str) -> bytes:
    return bytes(map(int, text.split(".")))


def sorter(own: frozenset[bytes] = frozenset(), director: frozenset[bytes] = frozenset()) -> Sorter:
    return Sorter(
        virtual=frozenset({packed(VIP)}), servers=frozenset({packed(SERVER)}), own=own, director=director
    )


def frame(packet: object, way: Way = Way.UNKNOWN, src: str = ROUTER, dst: str = DIRECTOR) -> Frame:
    return Frame(bytes(Ether(src=src, dst=dst) / packet), way=way)


def sort(packet: object, way: Way = Way.UNKNOWN, by: Sorter | None = None, **macs: str) -> Hook | Skipped:
    made = frame(packet, way, **macs)
    found = find_packet(made)
    assert isinstance(found, Found)
    return (by or sorter()).hook(made, found)


def test_without_ways_the_addresses_decide() -> None:
    assert sort(IP(src=CLIENT, dst=VIP) / TCP()) is Hook.LOCAL_IN
    assert sort(IP(src=SERVER, dst=CLIENT) / TCP()) is Hook.FORWARD
    assert sort(IP(src="10.9.9.9", dst=CLIENT) / ICMP(type=3)) is Hook.FORWARD
    assert sort(IP(src=VIP, dst=CLIENT) / TCP()) is Skipped.ALREADY_SENT
    assert sort(IP(src=CLIENT, dst="203.0.113.9") / TCP()) is Skipped.STRANGER
    assert sort(IP(src=CLIENT, dst=SERVER) / TCP()) is Skipped.TO_SERVER


def test_ways_decide_where_they_are() -> None:
    assert sort(IP(src=CLIENT, dst=VIP) / TCP(), Way.OUT) is Skipped.ALREADY_SENT
    assert sort(IP(src=CLIENT, dst=VIP) / TCP(), Way.IN) is Hook.LOCAL_IN
    own = sorter(own=frozenset({packed(OWN)}))
    assert sort(IP(src=CLIENT, dst=OWN) / TCP(), Way.IN, own) is Hook.LOCAL_IN
    assert sort(IP(src=CLIENT, dst="203.0.113.9") / TCP(), Way.IN, own) is Hook.FORWARD
    assert sort(IP(src=CLIENT, dst="203.0.113.9") / TCP(), Way.IN) is Skipped.STRANGER
    assert sort(IP(src=CLIENT, dst="224.0.0.81") / UDP(), Way.IN, own) is Skipped.STRANGER


def test_frames_of_the_director_were_sent() -> None:
    by = sorter(director=frozenset({b"\2\0\0\0\0\1"}))
    assert sort(IP(src=CLIENT, dst=VIP) / TCP(), by=by) is Hook.LOCAL_IN
    assert sort(IP(src=CLIENT, dst=VIP) / TCP(), by=by, src=DIRECTOR, dst=ROUTER) is Skipped.ALREADY_SENT


def test_cooked_headers_tell_the_way() -> None:
    for kind, expected in ((0, Hook.LOCAL_IN), (3, Skipped.NOT_FOR_HOST), (4, Skipped.ALREADY_SENT)):
        data = bytes(CookedLinux(pkttype=kind, proto=0x0800) / IP(src=CLIENT, dst=VIP) / TCP())
        cooked = Frame(data, link=113)
        found = find_packet(cooked)
        assert isinstance(found, Found)
        assert sorter().hook(cooked, found) is expected


def test_ttl_ends_before_forward_not_before_local_in() -> None:
    assert sort(IP(src=SERVER, dst=CLIENT, ttl=1) / TCP()) is Skipped.TTL_EXCEEDED
    assert sort(IP(src=SERVER, dst=CLIENT, ttl=2) / TCP()) is Hook.FORWARD
    assert sort(IP(src=CLIENT, dst=VIP, ttl=1) / TCP()) is Hook.LOCAL_IN


def test_what_is_no_packet() -> None:
    assert find_packet(frame(ARP())) is Skipped.NOT_IP
    assert find_packet(Frame(b"short")) is Skipped.NOT_IP
    assert find_packet(Frame(b"short", length=60)) is Skipped.CUT_SHORT
    assert find_packet(Frame(b"", link=7)) is Skipped.UNKNOWN_LINK
    whole = bytes(12) + b"\x08\x00" + bytes(IP(src=CLIENT, dst=VIP) / TCP())
    assert find_packet(Frame(whole[:30])) is Skipped.BAD_HEADER
    assert find_packet(Frame(whole[:30], length=54)) is Skipped.CUT_SHORT
    assert find_packet(Frame(whole[:14] + b"\x41" + whole[15:])) is Skipped.BAD_HEADER
    assert find_packet(Frame(whole[:14] + b"\x65" + whole[15:])) is Skipped.BAD_HEADER

    spoilt = bytearray(whole)
    spoilt[24] ^= 1
    assert find_packet(Frame(bytes(spoilt))) is Skipped.BAD_CHECKSUM
    spoilt[24:26] = b"\0\0"
    assert isinstance(find_packet(Frame(bytes(spoilt))), Found)


def test_padding_goes_and_what_was_cut_comes_as_zeros() -> None:
    packet = bytes(IP(src=CLIENT, dst=VIP) / TCP() / b"payload")
    padded = find_packet(Frame(bytes(12) + b"\x08\x00" + packet + b"\xee" * 20))
    assert isinstance(padded, Found)
    assert (padded.data, padded.missing) == (packet, 0)
    cut = find_packet(Frame(bytes(12) + b"\x08\x00" + packet[:44], length=14 + len(packet)))
    assert isinstance(cut, Found)
    assert (cut.data, cut.missing) == (packet[:44] + bytes(3), 3)


def test_ttl_is_decremented_with_its_checksum() -> None:
    for ttl in (2, 64, 255):
        for ident in range(0, 65536, 4099):
            data = decrement_ttl(bytes(IP(ttl=ttl, id=ident, src=CLIENT, dst=VIP)))
            assert data[8] == ttl - 1
            assert checksum(data) == 0
    assert IPv6(decrement_ttl(bytes(IPv6(hlim=9)))).hlim == 8


def test_what_no_router_sends_on() -> None:
    solicitation = ICMPv6ND_NA(tgt="2001:db8:1::11")
    assert sort(IPv6(src="2001:db8:1::11", dst="2001:db8:1::1") / solicitation) is Skipped.STRANGER
    assert sort(IPv6(src="fe80::1", dst="2001:db8:1::1") / ICMPv6EchoRequest()) is Skipped.STRANGER
    assert sort(IPv6(src="2001:db8:1::11", dst="2001:db8:1::1") / ICMPv6EchoRequest()) is Hook.FORWARD
    assert sort(IP(src="169.254.0.1", dst="10.0.0.1") / ICMP()) is Skipped.STRANGER
