from __future__ import annotations

import pytest

from pyvs.core.flags import Family, Proto
from pyvs.core.packet.header import Malformed, parse, payload_of
from pyvs.core.reasons import Reason
from pyvs.testing.wire import ip, tcp

V4, V6 = ("198.51.100.7", "192.0.2.100"), ("2001:db8::7", "2001:db8::100")


def refused(data: bytes, *, quoted: bool = False) -> Reason:
    with pytest.raises(Malformed) as refusal:
        parse(data, quoted=quoted)
    return refusal.value.reason


def with_length(data: bytes, length: int) -> bytes:
    at = 4 if data[0] >> 4 == 6 else 2
    return data[:at] + length.to_bytes(2, "big") + data[at + 2 :]


def test_ipv4() -> None:
    data = tcp(*V4, 1, 2, 2, ttl=7, tos=0x10, data=b"abc")
    header = parse(data)
    assert (header.af, header.protocol, header.ttl, header.tos, header.df) == (Family.INET, 6, 7, 0x10, True)
    assert (header.src, header.dst) == (bytes((198, 51, 100, 7)), bytes((192, 0, 2, 100)))
    assert (header.ip_offset, header.offset, header.end) == (0, 20, 43)
    assert (header.fragment, header.fragment_offset, header.more_fragments) == (False, 0, False)
    assert (header.inverse, header.icmp, header.key) == (False, False, b"")
    assert payload_of(data, header) == data[20:]


def test_ipv6() -> None:
    data = tcp(*V6, 1, 2, 2, ttl=7, tos=0x10, data=b"abc")
    header = parse(data)
    assert (header.af, header.protocol, header.ttl, header.tos, header.df) == (Family.INET6, 6, 7, 0x10, True)
    assert (header.src[-1], header.dst[-2:]) == (7, b"\1\0")
    assert (header.offset, header.end, header.fragment) == (40, 63, False)


def test_options_move_the_transport() -> None:
    data = tcp(*V4, 1, 2, 2)
    longer = with_length(b"\x46" + data[1:20] + b"\x94\x04\0\0" + data[20:], len(data) + 4)
    assert parse(longer).offset == 24
    assert payload_of(longer, parse(longer)) == data[20:]


@pytest.mark.parametrize(
    ("word", "fragment", "offset", "more", "df"),
    [
        (0x0000, False, 0, False, False),
        (0x4000, False, 0, False, True),
        (0x2000, True, 0, True, False),
        (0x2001, True, 8, True, False),
        (0x1FFF, True, 65528, False, False),
        (0x8000, False, 0, False, False),
    ],
)
def test_the_word_of_fragments(word: int, fragment: bool, offset: int, more: bool, df: bool) -> None:
    header = parse(ip(*V4, 17, bytes(8), df=False, fragment=word))
    assert (header.fragment, header.fragment_offset, header.more_fragments, header.df) == (
        fragment,
        offset,
        more,
        df,
    )


def test_a_quoted_packet_may_be_cut() -> None:
    data = tcp(*V4, 1, 2, 2, data=bytes(100))[:28]
    assert refused(data) is Reason.TRUNCATED
    header = parse(b"prefix.." + data, 8, quoted=True)
    assert (header.ip_offset, header.offset, header.end) == (8, 28, 148)
    six = tcp(*V6, 1, 2, 2, data=bytes(100))[:48]
    assert refused(six) is Reason.TRUNCATED
    assert parse(six, quoted=True).end == 160


@pytest.mark.parametrize("six", [False, True])
def test_each_byte_that_is_missing_is_noticed(six: bool) -> None:
    data = tcp(*(V6 if six else V4), 1, 2, 2)
    for length in range(len(data)):
        assert refused(data[:length]) is Reason.TRUNCATED
    for length in range(40 if six else 20):
        assert refused(data[:length], quoted=True) is Reason.TRUNCATED
    assert parse(data[: 40 if six else 20], quoted=True).protocol == Proto.TCP


@pytest.mark.parametrize("first", [0x00, 0x15, 0x55, 0x75, 0xF5])
def test_other_versions(first: int) -> None:
    assert refused(bytes((first,)) + bytes(60)) is Reason.BAD_HEADER


@pytest.mark.parametrize("length", [0, 4, 16])
def test_a_header_shorter_than_a_header(length: int) -> None:
    data = tcp(*V4, 1, 2, 2)
    assert refused(bytes((0x40 | length // 4,)) + data[1:]) is Reason.BAD_HEADER


def test_a_length_less_than_the_header() -> None:
    data = tcp(*V4, 1, 2, 2)
    assert refused(with_length(data, 19)) is Reason.BAD_HEADER
    assert refused(with_length(b"\x46" + data[1:], 23)) is Reason.BAD_HEADER
    assert parse(with_length(data, 20)).end == 20


@pytest.mark.parametrize("kind", [Proto.IP, Proto.ROUTING, Proto.DSTOPTS])
@pytest.mark.parametrize("units", [0, 1, 5])
def test_extension_headers_are_stepped_over(kind: int, units: int) -> None:
    extension = bytes((Proto.TCP, units)) + bytes(6 + 8 * units)
    header = parse(ip(*V6, kind, extension + bytes(20)))
    assert (header.protocol, header.offset) == (Proto.TCP, 48 + 8 * units)


def test_a_chain_of_them() -> None:
    chain = bytes((60, 0)) + bytes(6) + bytes((43, 1)) + bytes(14) + bytes((17, 0)) + bytes(6)
    header = parse(ip(*V6, 0, chain + bytes(8)))
    assert (header.protocol, header.offset) == (17, 72)


@pytest.mark.parametrize("units", [1, 4, 7])
def test_the_authentication_header_counts_in_words(units: int) -> None:
    extension = bytes((Proto.TCP, units)) + bytes(6 + 4 * units)
    header = parse(ip(*V6, Proto.AH, extension + bytes(20)))
    assert (header.protocol, header.offset) == (Proto.TCP, 48 + 4 * units)
    assert refused(ip(*V6, Proto.AH, extension[:-1])) is Reason.TRUNCATED


@pytest.mark.parametrize("kind", [Proto.ESP, Proto.NONE, Proto.TCP, 135])
def test_what_is_no_extension_ends_the_chain(kind: int) -> None:
    header = parse(ip(*V6, kind, bytes(24)))
    assert (header.protocol, header.offset) == (kind, 40)


def test_a_chain_that_is_longer_than_the_packet() -> None:
    assert refused(ip(*V6, 0, bytes((6, 9)) + bytes(14))) is Reason.TRUNCATED
    assert refused(ip(*V6, 0, bytes((6, 0)) + bytes(4))) is Reason.TRUNCATED
    assert parse(ip(*V6, 0, bytes((6, 0)) + bytes(6))).offset == 48


def test_ipv6_fragments() -> None:
    first = parse(ip(*V6, 44, bytes((17, 0, 0, 1)) + bytes(4) + bytes(16)))
    assert (first.protocol, first.fragment, first.fragment_offset, first.more_fragments) == (
        17,
        True,
        0,
        True,
    )
    assert first.offset == 48
    later = parse(ip(*V6, 44, bytes((0, 0, 1, 8)) + bytes(4) + bytes(16)))
    # What a later fragment begins with is data, and no header of any kind.
    assert (later.protocol, later.fragment_offset, later.more_fragments, later.offset) == (0, 264, False, 48)
