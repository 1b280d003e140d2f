from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.errors import Errno
from pyvs.netlink import attributes
from pyvs.netlink.attributes import (
    ACK,
    DAEMON,
    SERVICE,
    STATS64,
    TOP,
    Attribute,
    Flag,
    Kind,
    MessageType,
    Table,
)
from pyvs.netlink.codec import (
    ALIKE_MAX,
    LAYOUTS_MAX,
    MalformedError,
    Message,
    decode,
    done,
    encode,
    error,
    generic,
    messages,
    read_error,
)

TABLES = [value for value in vars(attributes).values() if isinstance(value, Table)]
NUMBERS = {
    Kind.U8: st.integers(0, 0xFF),
    Kind.U16: st.integers(0, 0xFFFF),
    Kind.BE16: st.integers(0, 0xFFFF),
    Kind.U32: st.integers(0, 0xFFFFFFFF),
    Kind.S32: st.integers(-(1 << 31), (1 << 31) - 1),
    Kind.U64: st.integers(0, (1 << 64) - 1),
}


@st.composite
def tables_and_values(draw: st.DrawFn) -> tuple[Table, dict[str, Any]]:
    table = draw(st.sampled_from(TABLES))
    names = draw(st.permutations(sorted(table.by_name)))
    values: dict[str, Any] = {}
    for name in names[: draw(st.integers(0, len(names)))]:
        row = table.by_name[name]
        if row.kind in NUMBERS:
            values[name] = draw(NUMBERS[row.kind])
        elif row.kind is Kind.STRING:
            alphabet = st.characters(min_codepoint=1, max_codepoint=127)
            values[name] = draw(st.text(alphabet, max_size=row.size or 40))
        elif row.kind is Kind.ADDRESS6:
            values[name] = draw(st.binary(min_size=16, max_size=16))
        elif row.kind is Kind.NEST:
            values[name] = draw(st.binary(max_size=0) | st.binary(min_size=4, max_size=60))
        else:
            values[name] = draw(st.binary(max_size=row.size or 40))
    return table, values


@given(tables_and_values())
def test_decode_undoes_encode(drawn: tuple[Table, dict[str, Any]]) -> None:
    table, values = drawn
    data = encode(table, values)
    assert len(data) % 4 == 0
    assert decode(table, data) == values


def outcome(table: Table, data: bytes) -> dict[str, Any] | str:
    try:
        return decode(table, data)
    except MalformedError as problem:
        return str(problem)


@given(
    tables_and_values(),
    st.lists(st.tuples(st.integers(0, 399), st.binary(min_size=1, max_size=4)), max_size=3),
)
def test_layouts_that_were_learnt_change_nothing(
    drawn: tuple[Table, dict[str, Any]], edits: list[tuple[int, bytes]]
) -> None:
    table, values = drawn
    data = encode(table, values)
    learnt, plain = (Table(table.name, *table.by_number.values()) for _ in range(2))
    plain.looked_at = LAYOUTS_MAX
    assert decode(learnt, data) == decode(plain, data) == values
    assert learnt.layouts
    assert not plain.layouts
    damaged = bytearray(data)
    for at, piece in edits:
        damaged[at % (len(data) + 1) : at % (len(data) + 1) + len(piece)] = piece
    assert outcome(learnt, bytes(damaged)) == outcome(plain, bytes(damaged))
    assert decode(learnt, data) == values


def test_layouts_are_bounded() -> None:
    table = Table("many", *(Attribute(number, f"a{number}", Kind.BINARY) for number in range(1, 10)))
    for length in range(100):
        for number in range(1, 10):
            values = {f"a{number}": bytes(4 * length)}
            assert decode(table, encode(table, values)) == values
    assert {len(alike) for alike in table.layouts.values()} == {ALIKE_MAX}
    assert table.looked_at == LAYOUTS_MAX


@given(st.sampled_from(TABLES), st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(table: Table, data: bytes) -> None:
    try:
        values = decode(table, data)
    except MalformedError as problem:
        refusal = problem
    else:
        assert values.keys() <= table.by_name.keys()
        return
    assert refusal.errno in (Errno.ERANGE, Errno.EINVAL)
    assert table.name in str(refusal)


@given(st.lists(st.binary(max_size=40), max_size=5), st.binary(max_size=15))
def test_messages_are_parted_as_they_were_joined(payloads: list[bytes], tail: bytes) -> None:
    sent = [Message(0x20, Flag.REQUEST, i, 7, payload) for i, payload in enumerate(payloads)]
    parts = [message.encode() for message in sent]
    data = b"".join(part + bytes(-len(part) % 4) for part in parts)
    assert list(messages(data + tail[:0])) == sent
    assert list(messages(data + tail))[: len(sent)] == sent


@given(st.binary(max_size=300))
def test_any_bytes_are_parted(data: bytes) -> None:
    assert sum(len(message.encode()) for message in messages(data)) <= len(data)


@given(
    st.integers(0, 200), st.binary(max_size=33), st.text(st.characters(exclude_characters="\0"), max_size=50)
)
def test_errors_are_read_as_they_were_written(errno: int, payload: bytes, sentence: str) -> None:
    request = Message(0x20, Flag.REQUEST | Flag.ACK, 9, 0, payload)
    (answer,) = messages(error(request, errno, 5, sentence).encode())
    assert (answer.type, answer.seq, answer.portid) == (MessageType.ERROR, 9, 5)
    number, attributes_ = read_error(answer)
    assert number == errno
    written = sentence.encode("utf-8", "backslashreplace").decode()
    assert decode(ACK, attributes_).get("msg", "") == written


def test_an_acknowledgement_is_capped_and_a_refusal_holds_the_request() -> None:
    request = Message(0x1C, 5, 1, 0, generic(15, b"\0\0\0\0"))
    assert error(request, 0, 3).flags == Flag.CAPPED
    assert len(error(request, 0, 3).payload) == 4 + 16
    refusal = error(request, 22, 3)
    assert refusal.flags == 0
    assert refusal.payload[4:] == request.encode()


def test_a_short_acknowledgement_is_refused() -> None:
    with pytest.raises(MalformedError):
        read_error(Message(MessageType.ERROR, 0, 1, 1, bytes(19)))


def test_the_end_of_a_dump_says_it_went_well() -> None:
    assert done(4, 5) == Message(MessageType.DONE, Flag.MULTI, 4, 5, bytes(4))


def test_numbers_longer_than_needed_are_taken_and_shorter_refused() -> None:
    assert decode(SERVICE, b"\x08\0\1\0\2\0\0\0") == {"af": 2}
    with pytest.raises(MalformedError, match="af") as refusal:
        decode(SERVICE, b"\x05\0\1\0\2\0\0\0")
    assert refusal.value.errno == Errno.ERANGE


def test_of_repeated_attributes_the_last_counts() -> None:
    data = encode(TOP, {"timeout_tcp": 1}) + encode(TOP, {"timeout_tcp": 2})
    assert decode(TOP, data) == {"timeout_tcp": 2}


def test_padding_and_strangers_are_skipped() -> None:
    padding = b"\x04\0\x0b\0"
    data = padding + encode(STATS64, {"inbytes": 7}) + b"\x06\0\x63\0zz\0\0"
    assert decode(STATS64, data) == {"inbytes": 7}


@pytest.mark.parametrize(
    ("data", "errno"),
    [
        (b"", Errno.EINVAL),
        (b"eth0", Errno.EINVAL),
        (b"x" * 16 + b"\0", Errno.EINVAL),
        (b"e\0" + b"x" * 20, Errno.ERANGE),
    ],
)
def test_strings_end_in_time(data: bytes, errno: Errno) -> None:
    length = 4 + len(data)
    attribute = length.to_bytes(2, "little") + b"\2\0" + data + bytes(-length % 4)
    with pytest.raises(MalformedError) as refusal:
        decode(DAEMON, attribute)
    assert refusal.value.errno == errno


def test_an_unknown_name_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        encode(TOP, {"nosuch": 1})
