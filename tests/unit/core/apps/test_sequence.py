import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.apps.sequence import adjusted, after, changed, shifted, unshifted
from pyvs.core.connections.connection import Sequence
from pyvs.testing.wire import tcp

CLIENT, SERVER = "198.51.100.7", "10.1.0.11"
NUMBERS = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (2, 1, True),
        (1, 2, False),
        (1, 1, False),
        (0, 2**32 - 1, True),
        (2**31, 0, True),
        (2**31 + 1, 0, False),
    ],
)
def test_after(one: int, other: int, expected: bool) -> None:
    assert after(one, other) is expected


def test_the_first_change_shifts_what_comes_behind_it() -> None:
    shift = changed(None, 5001, 2)
    assert [shifted(shift, seq) for seq in (5000, 5001, 5002, 5048)] == [5000, 5001, 5004, 5050]
    assert [unshifted(shift, ack) for ack in (5001, 5050, 5058)] == [5001, 5048, 5056]


def test_a_second_change_adds_up_and_a_repeated_one_does_not() -> None:
    shift = changed(changed(None, 5001, 2), 6000, -5)
    assert (shift.init_seq, shift.delta, shift.previous_delta) == (6000, -3, 2)
    assert changed(shift, 6000, -5) is shift
    assert (shift.delta, shift.previous_delta) == (-3, 2)
    assert [shifted(shift, seq) for seq in (6000, 6001)] == [6002, 5998]


@given(
    start=NUMBERS, growth=st.integers(-200, 200), length=st.integers(1, 1400), further=st.integers(0, 10_000)
)
def test_acknowledgments_come_back_to_what_was_sent(
    start: int, growth: int, length: int, further: int
) -> None:
    # A packet of `length` bytes at `start` has grown: all of it, and what follows, is acknowledged.
    growth = max(growth, 1 - length)
    shift = changed(None, start, growth)
    behind = (start + length + further) % 2**32
    assert unshifted(shift, shifted(shift, behind)) == behind
    before = (start - further) % 2**32
    assert shifted(shift, before) == before


def options(data: bytes) -> bytes:
    return data[40 : 20 + (data[32] >> 4) * 4]


def sack(*edges: int) -> bytes:
    return bytes([1, 1, 5, 2 + 4 * len(edges)]) + b"".join(edge.to_bytes(4, "big") for edge in edges)


def test_sequence_acknowledgment_and_ranges_of_a_packet() -> None:
    own, other = Sequence(100, 7, 0), Sequence(5001, 2, 0)
    data = tcp(CLIENT, SERVER, 1, 21, 0x10, seq=200, ack=5050, options=sack(5060, 5070), data=b"x")
    out = adjusted(data, 20, own, other)
    assert int.from_bytes(out[24:28], "big") == 207
    assert int.from_bytes(out[28:32], "big") == 5048
    assert options(out) == sack(5058, 5068)
    assert (out[:24], out[32:40], out[-1:]) == (data[:24], data[32:40], b"x")


def test_without_the_flag_there_is_no_acknowledgment() -> None:
    data = tcp(CLIENT, SERVER, 1, 21, 0x04, seq=200, ack=5050)
    assert adjusted(data, 20, None, Sequence(5001, 2, 0)) == data


@pytest.mark.parametrize(
    "bad",
    [
        b"\x05\x0a\0\0",
        b"\x05\x00\0\0",
        b"\x05\x01\0\0",
        b"\0\x05\x04\0",
        b"\x08\x0a\0\0",
        b"\x01\x01\x01\x05",
    ],
)
def test_broken_options_stay_as_they_are(bad: bytes) -> None:
    data = tcp(CLIENT, SERVER, 1, 21, 0x10, ack=5050, options=bad)
    assert options(adjusted(data, 20, None, Sequence(0, 2, 0))) == bad


@given(st.binary(max_size=80), NUMBERS, st.integers(-9, 9))
def test_any_bytes_keep_their_length(segment: bytes, start: int, delta: int) -> None:
    shift = Sequence(start, delta, 0)
    data = bytes(20) + segment
    assert len(adjusted(data, 20, shift, shift)) == len(data)
