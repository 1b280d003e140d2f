"""Datagrams in pieces: put together, forwarded as a whole, cut again into the same pieces."""

from itertools import permutations

import pytest

from pyvs.core.flags import Forward, Proto
from pyvs.core.packet.fragments import cut
from pyvs.core.packet.header import parse
from pyvs.testing.playbook import (
    Line,
    Playbook,
    after,
    datagram,
    describe,
    direct,
    dropped,
    end,
    expired,
    fragment,
    kept,
    nat,
)
from pyvs.testing.playbook.book import ports
from pyvs.testing.wire import sums_right, udp

CLIENT, REAL, DNS = end("198.51.100.7:40000"), end("10.1.0.11:5353"), end("192.0.2.100:53")
WHOLE = udp(CLIENT.address, DNS.address, CLIENT.port, DNS.port, bytes(range(256)) * 4, df=False)
PIECES = ((0, 400), (400, 800), (800, 1032))


def book(method: Forward = Forward.MASQ) -> Playbook:
    return Playbook(DNS, servers=[REAL], protocol=Proto.UDP, method=method)


def pieces(order: tuple[int, ...] = (0, 1, 2), ident: int = 7) -> list[Line]:
    return [fragment(WHOLE, *PIECES[number], ident=ident) for number in order]


@pytest.mark.parametrize("order", list(permutations((0, 1, 2))), ids=str)
def test_they_are_put_together_in_any_order(order: tuple[int, ...]) -> None:
    one, two, three = pieces(order)
    with book() as wire:
        wire >> one << kept() >> two << kept() >> three << nat(to=REAL, pieces=(400, 400, 232))


def test_they_leave_in_the_same_pieces() -> None:
    wire = book()
    for piece in pieces()[:2]:
        wire >> piece << kept()
    wire >> pieces()[2]
    event = wire.seen[0]
    assert event.packet is not None
    out = cut(event.packet, 1500, 1)
    assert [len(piece) - 20 for piece in out] == [400, 400, 232]
    assert [int.from_bytes(piece[6:8], "big") for piece in out] == [0x2000, 0x2000 | 50, 100]
    assert b"".join(piece[20:] for piece in out)[8:] == bytes(range(256)) * 4
    assert all(describe(piece) for piece in out)
    assert ports(out[0], parse(out[0])) == (CLIENT.port, REAL.port)
    assert sums_right(event.data)


def test_direct_routing_puts_them_together_too() -> None:
    one, two, three = pieces()
    with book(Forward.DROUTE) as wire:
        wire >> one << kept() >> two << kept() >> three
        event = wire.next("sent")
        assert not isinstance(event, str)
        assert event.data[20:] == WHOLE[20:]


def test_two_packets_are_kept_apart() -> None:
    with book() as wire:
        for one, other in zip(pieces(ident=1)[:2], pieces(ident=2)[:2], strict=True):
            wire >> one << kept() >> other << kept()
        wire >> pieces(ident=2)[2] << nat(to=REAL, pieces=(400, 400, 232))
        wire >> pieces(ident=1)[2] << nat(to=REAL, pieces=(400, 400, 232))


def test_a_copy_does_no_harm() -> None:
    one, two, three = pieces()
    with book() as wire:
        (
            wire
            >> one
            << kept()
            >> one
            << kept()
            >> two
            << kept()
            >> three
            << nat(to=REAL, pieces=(400, 400, 232))
        )


def test_pieces_that_overlap_spoil_their_packet() -> None:
    with book() as wire:
        wire >> pieces()[0] << kept() >> fragment(WHOLE, 200, 800) << dropped("BAD_FRAGMENT")
        wire >> pieces()[1] << kept() >> pieces()[2] << kept() << expired(CLIENT)


def test_a_piece_beyond_the_end_spoils_it() -> None:
    longer = udp(CLIENT.address, DNS.address, CLIENT.port, DNS.port, bytes(1400), df=False)
    with book() as wire:
        wire >> pieces()[2] << kept() >> fragment(longer, 1032, 1104) << dropped("BAD_FRAGMENT")


def test_what_stays_incomplete_is_forgotten_after_half_a_minute() -> None:
    one, two, three = pieces()
    with book() as wire:
        wire >> one << kept() >> two << kept() >> after(30) >> three << kept() << expired(CLIENT)


def test_a_whole_datagram_needs_no_waiting() -> None:
    with book(Forward.DROUTE) as wire:
        wire >> datagram(CLIENT) << direct(to=REAL)
