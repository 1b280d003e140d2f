from pyvs.core.flags import PacketType
from pyvs.datapath.device import Frame, Way
from pyvs.datapath.link import ETHERNET, LINK_TYPES, LinkHeader
from pyvs.replay import places
from pyvs.replay.places import Place, Places, Sightings, frame_of, made_up_address

PACKET = b"\x45" + bytes(19)
A, B, C = b"\2\0\0\0\0\1", b"\2\0\0\0\0\2", b"\2\0\0\0\0\3"


def test_a_vlan_is_a_device_of_its_own() -> None:
    assert Place("eth0", 1).device == "eth0"
    assert Place("", 1).device == "if0"
    assert Place("eth0", 1, tags=b"\x88\xa8\x00\x64\x81\x00\x60\x07").device == "eth0.100.7"
    assert Place("any", 276, ifindex=3).device == "any#3"


def test_frames_go_back_the_way_they_came() -> None:
    learnt = Places()
    tag = b"\x81\x00\x00\x07"
    header = LinkHeader(0x0800, 18, source=B, destination=A, tags=tag)
    learnt.learn(b"\xc6\x33\x64\x07", Frame(b"", interface="eth0"), header)
    place = learnt.find(b"\xc6\x33\x64\x07")
    assert place == Place("eth0", 1, A, B, tag)
    assert frame_of(PACKET, place, ETHERNET, ours=C, address=b"") == B + A + tag + b"\x08\x00" + PACKET


def test_what_is_not_known_is_made_up() -> None:
    address = bytes([10, 1, 0, 11])
    assert made_up_address(address) == b"\x02\x00\x0a\x01\x00\x0b"
    made = frame_of(PACKET, Place("eth0", 1), ETHERNET, ours=C, address=address)
    assert made == b"\x02\x00\x0a\x01\x00\x0b" + C + b"\x08\x00" + PACKET
    cooked = frame_of(PACKET, Place("any", 113), LINK_TYPES[113], ours=C, address=address)
    header = LINK_TYPES[113].parse(cooked)
    assert header is not None
    assert (header.type, header.source) == (PacketType.OUTGOING, C)


def test_clients_are_bounded(monkeypatch: object) -> None:
    learnt = Places()
    header = LinkHeader(0x0800, 14, source=B, destination=A)
    for number in range(places.MOST_CLIENTS + 5):
        learnt.learn(number.to_bytes(4, "big"), Frame(b""), header)
    assert learnt.find(bytes(4)) is None
    assert learnt.find((4).to_bytes(4, "big")) is None
    assert learnt.find((5).to_bytes(4, "big")) is not None


def test_what_the_director_sent_teaches_nothing_of_its_sender() -> None:
    learnt = Places()
    learnt.learn(bytes(4), Frame(b"", way=Way.OUT), LinkHeader(0x0800, 14, source=B, destination=A))
    assert learnt.find(bytes(4)) is None


def test_the_best_sighting_is_the_most_frequent_that_can_be_right() -> None:
    seen = Sightings()
    director = frozenset({A})
    through_director, real, wrong = Place("e", 1, B, A), Place("e", 1, A, B), Place("e", 1, C, B)
    for place, times, as_receiver in ((through_director, 9, False), (wrong, 5, True), (real, 2, False)):
        for _ in range(times):
            seen.add(place, as_receiver=as_receiver)
    assert seen.best(director) == real
    assert Sightings().best(director) is None


def test_sightings_are_bounded() -> None:
    seen = Sightings()
    for number in range(1000):
        seen.add(Place(str(number), 1), as_receiver=False)
    seen.add(Place("0", 1), as_receiver=False)
    assert seen.best(frozenset()) == Place("0", 1)
