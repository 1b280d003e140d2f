"""Putting together and cutting, against a bitmap of what has come and the rules of RFC 791 and RFC 8200."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyvs.core.flags import Proto
from pyvs.core.packet.fragments import MOST_PIECES, Reassembly, cut
from pyvs.core.packet.header import Malformed, parse
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.testing.wire import ip, sums_right, udp

V4, V6 = ("198.51.100.7", "192.0.2.100"), ("2001:db8::7", "2001:db8::100")


def whole(size: int, six: bool = False) -> bytes:
    data = bytes(number * 7 & 0xFF for number in range(size))
    return udp(*(V6 if six else V4), 1000, 53, data, df=False)


def add(room: Reassembly, data: bytes, now: float = 0.0, **known: object) -> Packet | None:
    return room.add(Packet(data, **known), parse(data), now)  # type: ignore[arg-type]


def piece4(
    body: bytes, offset: int, more: bool, *, ttl: int = 64, tos: int = 0, ident: int = 0x1234
) -> bytes:
    word = offset >> 3 | (0x2000 if more else 0)
    return ip(*V4, Proto.UDP, body, df=False, fragment=word, ttl=ttl, tos=tos, ident=ident)


def piece6(body: bytes, offset: int, more: bool, ident: int = 1) -> bytes:
    return ip(
        *V6,
        Proto.FRAGMENT,
        bytes((17, 0)) + (offset | more).to_bytes(2, "big") + ident.to_bytes(4, "big") + body,
    )


@settings(max_examples=60)
@given(st.booleans(), st.integers(1, 4000), st.integers(60, 1400), st.randoms(use_true_random=False))
def test_what_is_cut_is_put_together_again(six: bool, size: int, mtu: int, random: Random) -> None:
    data = whole(size, six)
    mtu = max(mtu, 1280) if six else mtu
    pieces = cut(Packet(data), mtu, 99)
    assert all(len(piece) <= mtu for piece in pieces)
    assert len(data) > mtu or pieces == [data]
    if len(pieces) == 1:
        return
    assert all(parse(piece).more_fragments for piece in pieces[:-1])
    shuffled = list(pieces)
    random.shuffle(shuffled)
    room = Reassembly()
    got = [add(room, piece) for piece in shuffled]
    assert got[:-1] == [None] * (len(pieces) - 1)
    assert got[-1] is not None
    assert got[-1].data == data
    assert got[-1].fragment_size == max(map(len, pieces))
    assert sums_right(got[-1].data)
    assert len(room) == 0
    assert cut(got[-1], mtu, 99) == pieces


@settings(max_examples=150)
@given(
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 3), st.booleans()), min_size=1, max_size=8),
)
def test_pieces_that_contradict_each_other_never_make_a_packet(
    six: bool, course: list[tuple[int, int, bool]]
) -> None:
    """Each byte of a packet that comes out was sent, at its place, in one way only."""
    room, sent = Reassembly(), dict[int, set[int]]()
    make = piece6 if six else piece4
    for number, (place, units, more) in enumerate(course):
        body = bytes((number + 1,)) * (8 * units)
        try:
            packet = add(room, make(body, place * 8, more))
        except Malformed:
            assert len(room) == 0
            sent.clear()
            continue
        for at in range(place * 8, place * 8 + len(body)):
            sent.setdefault(at, set()).add(body[0])
        if packet is not None:
            body = packet.data[parse(packet.data).offset :]
            assert all(byte in sent[at] for at, byte in enumerate(body))
            assert packet.pieces == tuple(packet.pieces)
            assert sum(packet.pieces) == len(body)
            sent.clear()


def test_the_first_fragment_gives_the_header() -> None:
    room = Reassembly()
    body = whole(100)[20:]
    assert add(room, piece4(body[48:], 48, False, ttl=9), mark=1, iif="eth1") is None
    packet = add(room, piece4(body[:48], 0, True, ttl=5), mark=2, iif="eth0")
    assert packet is not None
    assert (packet.data[8], packet.mark, packet.iif) == (5, 2, "eth0")
    assert (packet.pieces, packet.fragment_size) == ((48, 60), 80)


def test_congestion_of_any_piece_is_kept() -> None:
    room = Reassembly()
    body = whole(100)[20:]
    add(room, piece4(body[:48], 0, True, tos=0x10))
    packet = add(room, piece4(body[48:], 48, False, tos=3))
    assert packet is not None
    assert packet.data[1] == 0x13


@pytest.mark.parametrize(("longest", "kept"), [(0, True), (1, False)])
def test_df_is_kept_when_the_longest_piece_had_it(longest: int, kept: bool) -> None:
    body = whole(100)[20:]
    room, packet = Reassembly(), None
    for number, (start, stop) in enumerate(((0, 64), (64, 108))):
        word = start >> 3 | (0x2000 if stop < 108 else 0)
        packet = add(room, ip(*V4, Proto.UDP, body[start:stop], df=number == longest, fragment=word))
    assert packet is not None
    assert parse(packet.data).df == kept


@pytest.mark.parametrize("difference", ["ident", "source", "protocol"])
def test_packets_are_told_apart(difference: str) -> None:
    room = Reassembly()
    body = whole(100)[20:]
    add(room, piece4(body[:48], 0, True))
    ends = ("198.51.100.8", V4[1]) if difference == "source" else V4
    kind = Proto.ICMP if difference == "protocol" else Proto.UDP
    ident = 5 if difference == "ident" else 0x1234
    assert add(room, ip(*ends, kind, body[48:], df=False, fragment=6, ident=ident)) is None
    assert len(room) == 2


def test_a_last_piece_that_is_too_early_spoils() -> None:
    room = Reassembly()
    add(room, piece4(bytes(32), 32, True))
    with pytest.raises(Malformed):
        add(room, piece4(bytes(8), 8, False))


def test_two_ends_spoil() -> None:
    room = Reassembly()
    add(room, piece4(bytes(32), 32, False))
    with pytest.raises(Malformed):
        add(room, piece4(bytes(16), 64, False))


def test_too_long_a_packet_spoils() -> None:
    room = Reassembly()
    with pytest.raises(Malformed):
        add(room, piece4(bytes(24), 65528, False))


def test_an_empty_piece_spoils() -> None:
    with pytest.raises(Malformed) as refusal:
        add(Reassembly(), piece4(b"", 8, False))
    assert refusal.value.reason is Reason.BAD_FRAGMENT


def test_odd_lengths_are_cut_in_ipv4_and_spoil_in_ipv6() -> None:
    room = Reassembly()
    assert add(room, piece4(bytes(13), 0, True)) is None
    packet = add(room, piece4(bytes(8), 8, False))
    assert packet is not None
    assert packet.pieces == (8, 8)
    with pytest.raises(Malformed):
        add(room, piece6(bytes(13), 0, True))


def test_they_wait_for_half_a_minute() -> None:
    room = Reassembly()
    add(room, piece4(bytes(16), 0, True), 100.0)
    room.expire(129.9)
    assert len(room) == 1
    room.expire(130.0)
    assert len(room) == 0


def test_the_oldest_gives_way() -> None:
    room = Reassembly(most=2)
    for ident in (1, 2, 3):
        add(room, piece4(bytes(16), 0, True, ident=ident))
    assert len(room) == 2
    assert add(room, piece4(bytes(8), 16, False, ident=1)) is None
    assert add(room, piece4(bytes(8), 16, False, ident=3)) is not None


def test_one_packet_is_not_made_of_too_many() -> None:
    room = Reassembly()
    for place in range(MOST_PIECES):
        assert add(room, piece4(bytes(8), 8 * place, True)) is None
    with pytest.raises(Malformed):
        add(room, piece4(bytes(8), 8 * MOST_PIECES, True))


def test_ipv6_extension_headers_stay_before_the_fragment_header() -> None:
    chain = bytes((60, 0)) + bytes(6) + bytes((44, 0)) + bytes(6)
    parts = []
    for start, stop in ((0, 16), (16, 40)):
        fragment = bytes((17, 0)) + (start | (stop < 40)).to_bytes(2, "big") + bytes(4)
        parts.append(ip(*V6, 0, chain + fragment + whole(32, True)[40:][start:stop]))
    room = Reassembly()
    assert add(room, parts[0]) is None
    packet = add(room, parts[1])
    assert packet is not None
    assert packet.data[40:48] == chain[:8]
    assert packet.data[48] == 17  # what pointed to the fragment header points behind it
    assert (parse(packet.data).protocol, parse(packet.data).offset) == (17, 56)
    assert packet.data[56:] == whole(32, True)[40:]


def test_a_packet_that_fits_is_left_as_it_is() -> None:
    data = whole(100)
    assert cut(Packet(data), 128, 1) == [data]
    assert len(cut(Packet(data), 127, 1)) == 2


def test_what_came_in_pieces_leaves_in_pieces_though_it_would_fit() -> None:
    packet = Packet(whole(100))
    packet.fragment_size, packet.pieces = 84, (64, 44)
    assert [len(piece) - 20 for piece in cut(packet, 1500, 1)] == [64, 44]


def test_pieces_that_do_not_fit_any_more_are_cut_anew() -> None:
    packet = Packet(whole(100))
    packet.fragment_size, packet.pieces = 84, (64, 44)
    assert [len(piece) - 20 for piece in cut(packet, 60, 1)] == [40, 40, 28]
    packet.pieces = (64, 40)  # no longer the whole: a helper has changed the length
    assert [len(piece) - 20 for piece in cut(packet, 1500, 1)] == [64, 44]


def test_options_that_are_not_to_be_copied_stay_with_the_first() -> None:
    data = whole(100)
    options = b"\x94\x04\x12\x34" + b"\x07\x04\x04\x00"  # router alert (copied), record route (not)
    long = bytes((0x47,)) + data[1:2] + (136).to_bytes(2, "big") + data[4:20] + options + data[20:]
    first, second = cut(Packet(long), 92, 1)
    assert first[20:28] == options
    assert second[20:28] == options[:4] + b"\1\1\1\1"
    assert parse(second).fragment_offset == 64


def test_ipv6_packets_are_cut_behind_what_routers_read() -> None:
    chain = bytes((43, 0)) + bytes(6) + bytes((60, 0)) + bytes(6) + bytes((17, 0)) + bytes(6)
    data = ip(*V6, 0, chain + whole(2000, True)[40:])
    first, second = cut(Packet(data), 1280, 7)
    for piece in (first, second):
        assert piece[40:56] == bytes((43, 0)) + bytes(6) + bytes((44, 0)) + bytes(6)
        assert (piece[56], piece[60:64]) == (60, bytes((0, 0, 0, 7)))
    assert parse(second).fragment_offset == len(first) - 64
