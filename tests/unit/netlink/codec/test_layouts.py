"""Layouts that were learnt: the same as attribute by attribute."""

import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.netlink import attributes
from pyvs.netlink.attributes import Attribute, Kind, Table
from pyvs.netlink.codec import MalformedError, decode, encode
from pyvs.netlink.codec.attribute_values import walk, write
from pyvs.netlink.codec.layouts import ALIKE_MAX, LAYOUTS_MAX

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


def outcome(
    table: Table, data: bytes, read: Callable[[Table, bytes], dict[str, Any]] = decode
) -> dict[str, Any] | str:
    try:
        return read(table, data)
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
    assert decode(learnt, data) == walk(plain, data) == values
    assert learnt.layouts
    damaged = bytearray(data)
    for at, piece in edits:
        damaged[at % (len(data) + 1) : at % (len(data) + 1) + len(piece)] = piece
    assert outcome(learnt, bytes(damaged)) == outcome(plain, bytes(damaged), walk)
    assert decode(learnt, data) == values


def test_layouts_are_bounded() -> None:
    table = Table("many", *(Attribute(number, f"a{number}", Kind.BINARY) for number in range(1, 10)))
    for length in range(100):
        for number in range(1, 10):
            values = {f"a{number}": bytes(4 * length)}
            assert decode(table, encode(table, values)) == values
    assert {len(alike) for alike in table.layouts.values()} == {ALIKE_MAX}
    assert table.looked_at == LAYOUTS_MAX


@given(tables_and_values(), st.data())
def test_what_is_written_at_one_look_is_the_same(
    drawn: tuple[Table, dict[str, Any]], data: st.DataObject
) -> None:
    table, values = drawn
    assert encode(table, values) == write(table, values)
    others = {name: data.draw(st.sampled_from((value, None))) for name, value in values.items()}
    for name, value in others.items():
        row = table.by_name[name]
        if value is not None and row.kind in NUMBERS:
            others[name] = data.draw(NUMBERS[row.kind])
        elif value is not None and row.kind is Kind.NEST:
            others[name] = data.draw(st.sampled_from((value, value + b"1234")))
    assert encode(table, others) == write(table, others)


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_that_do_not_fit_are_refused(kind: Kind) -> None:
    table = Table("one", Attribute(1, "number", kind))
    encode(table, {"number": 1})
    with pytest.raises(struct.error):
        encode(table, {"number": 1 << 64})


def test_forms_are_bounded() -> None:
    table = Table("many", *(Attribute(number, f"a{number}", Kind.U16) for number in range(1, 400)))
    for number in range(1, 400):
        assert encode(table, {f"a{number}": 7}) == write(table, {f"a{number}": 7})
    assert len(table.forms) == LAYOUTS_MAX
