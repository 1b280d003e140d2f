"""Fragments of multicast packets, put together for the judge."""

import pytest
from tests import pkt
from tests.pieces import Pieces

GROUP, GROUP6 = "01:00:5e:00:00:51", "33:33:00:00:00:51"
MAC = "02:00:00:00:01:01"
BODY = bytes(range(256)) * 9


def whole(ident: int) -> bytes:
    return pkt.eth(GROUP, MAC, pkt.ip("10.1.0.1", "224.0.0.81", pkt.UDP, BODY, ttl=1, ident=ident, df=False))


WHOLE, OTHER = whole(7), whole(8)
WHOLE6 = pkt.eth(GROUP6, MAC, pkt.ip("fe80::1", "ff02::51", pkt.UDP, BODY, ttl=1))


def cut(frame: bytes) -> list[bytes]:
    return [frame[:14] + piece for piece in pkt.fragments(frame[14:], 1256, ident=7)]


@pytest.mark.parametrize("frame", [WHOLE, WHOLE6], ids=["IPv4", "IPv6"])
def test_the_last_fragment_gives_the_whole(frame: bytes) -> None:
    pieces = Pieces()
    first, last = cut(frame)
    assert pieces.joined("eth1", first) == b""
    assert pieces.rest()
    assert pieces.joined("eth1", last) == frame
    assert pieces.sizes == {"eth1": {1256}}
    assert not pieces.rest()


def test_packets_are_kept_apart() -> None:
    pieces = Pieces()
    (first, last), (other_first, other_last) = cut(WHOLE), cut(OTHER)
    assert not pieces.joined("eth1", first)
    assert not pieces.joined("eth1", other_first)
    assert not pieces.joined("eth2", first)
    assert [pieces.joined("eth1", last), pieces.joined("eth1", other_last)] == [WHOLE, OTHER]
    assert [iface for iface, _ in pieces.rest()] == ["eth2"]


def test_others_are_left_as_they_are() -> None:
    pieces = Pieces()
    _, last = cut(WHOLE)
    unicast = pkt.eth("02:00:00:00:02:01", MAC, cut(WHOLE)[0][14:])
    for frame in (WHOLE, WHOLE6, unicast, last, b""):
        assert pieces.joined("eth1", frame) == frame
    assert not pieces.rest()
