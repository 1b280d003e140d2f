"""Sums against the definition of RFC 1071, byte pair by byte pair."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.packet.checksum import apply, checksum, delta, fold, pseudo_sum, sum16

words = st.binary(max_size=80)


def slowly(data: bytes) -> int:
    """RFC 1071, chapter 4.1."""
    total = 0
    for at in range(0, len(data), 2):
        total += data[at] << 8 | (data[at + 1] if at + 1 < len(data) else 0)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def test_the_example_of_rfc_1071() -> None:
    assert sum16(bytes.fromhex("0001f203f4f5f6f7")) == 0xDDF2
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0x220D


@pytest.mark.parametrize(
    ("data", "total"), [(b"", 0), (b"\0\0", 0), (b"\xff\xff", 0xFFFF), (b"\xff\xff\0\1", 1), (b"\1", 0x100)]
)
def test_zero_stays_apart_from_its_other_face(data: bytes, total: int) -> None:
    assert sum16(data) == total


@given(words)
def test_it_is_what_the_definition_says(data: bytes) -> None:
    assert sum16(data) == slowly(data)
    assert checksum(data) == slowly(data) ^ 0xFFFF


@given(words, st.integers(0, 0x3FFFF))
def test_it_begins_from_a_sum(data: bytes, start: int) -> None:
    assert checksum(data, start) == fold(slowly(data) + start) ^ 0xFFFF


@pytest.mark.parametrize(
    ("total", "folded"),
    [(0, 0), (0xFFFF, 0xFFFF), (0x10000, 1), (0x1FFFE, 0xFFFF), (0x1FFFF, 1), (0xFFFFFFFF, 0xFFFF)],
)
def test_folding(total: int, folded: int) -> None:
    assert fold(total) == folded


@given(st.binary(min_size=2, max_size=60))
def test_a_packet_with_its_checksum_sums_to_nothing(data: bytes) -> None:
    data = data[: len(data) & ~1]
    assert checksum(data + checksum(data).to_bytes(2, "big")) == 0


@given(
    st.binary(min_size=4, max_size=4),
    st.binary(min_size=4, max_size=4),
    st.integers(0, 255),
    st.integers(0, 70000),
)
def test_the_pseudo_header(source: bytes, destination: bytes, protocol: int, length: int) -> None:
    written = source + destination + length.to_bytes(4, "big") + bytes((0, 0, 0, protocol))
    assert fold(pseudo_sum(source, destination, protocol, length)) == slowly(written)


@given(st.binary(min_size=24, max_size=24), st.binary(min_size=6, max_size=6), st.integers(0, 9))
def test_a_difference_does_what_summing_anew_does(data: bytes, new: bytes, place: int) -> None:
    at = place * 2
    old = data[at : at + 6]
    changed = data[:at] + new + data[at + 6 :]
    after = apply(checksum(data), delta(old, new))
    # The two faces of zero: only data of zeros alone have the one, and a difference can't know.
    assert after == checksum(changed) or (after, checksum(changed)) == (0, 0xFFFF)


def test_no_difference_is_none() -> None:
    assert apply(0x1234, delta(b"abcd", b"abcd")) == 0x1234
    assert delta(b"\0\0", b"\0\1") in (1, 0x10000)
