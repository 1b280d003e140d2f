"""Attributes that lie as others before are read, and written, at one look.

A program writes its requests all alike. So each table remembers, for some layouts, what takes them in as a whole;
attribute_values.py has the last word on all others.
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from struct import Struct
from typing import Any, Final

from pyvs.netlink.attributes import Kind, Table
from pyvs.netlink.codec.attribute_values import (
    ATTRIBUTE,
    BYTES,
    NUMBERS,
    TYPE_MASK,
    Values,
    read_one,
    walk,
    write,
)

LAYOUTS_MAX: Final = 256
"""Of a table; what comes in other layouts later is read attribute by attribute."""
ALIKE_MAX: Final = 4
"""Layouts of the same length: each that fits not costs time."""
_NETWORK: Final = NUMBERS[Kind.BE16]


def encode(table: Table, values: Mapping[str, Any]) -> bytes:
    """The attributes in the order given; None is left out. Raises KeyError for a name that the table lacks."""
    names = tuple(values)
    form = table.forms.get(names)
    if form is None:
        whole = write(table, values)
        if len(table.forms) < LAYOUTS_MAX:
            table.forms[names] = _form(table, values)
        return whole
    written: bytes | None = form(list(values.values()))
    return write(table, values) if written is None else written


def _form(table: Table, values: Mapping[str, Any]) -> Callable[[list[Any]], bytes | None]:
    """What writes attributes of the same names all at once, and gives None for those that are not as long as these."""
    layout = "="
    args: list[Any] = []
    bare: list[tuple[int, int]] = []
    turned: list[int] = []
    for at, (name, value) in enumerate(values.items()):
        row = table.by_name[name]
        kind = NUMBERS.get(row.kind)
        if value is None or (kind is None and row.kind not in BYTES):
            return _nothing
        if kind is None or row.kind is Kind.BE16:
            size = len(value) if kind is None else kind.size
            layout += f"HH{size}s{-size % 4}x"
            (bare.append((at, size)) if kind is None else turned.append(at))
        else:
            size = kind.size
            layout += f"HH{kind.format[1:]}{-size % 4}x"
        args += (ATTRIBUTE.size + size, row.number, value)
    pack = Struct(layout).pack

    def fill(values: list[Any]) -> bytes | None:
        if None in values:
            return None
        for at, size in bare:
            if len(values[at]) != size:
                return None
        for at in turned:
            values[at] = _NETWORK.pack(values[at])
        filled = args[:]
        filled[2::3] = values
        return pack(*filled)

    return fill


def _nothing(values: list[Any]) -> None:
    """For attributes whose bytes are longer or shorter each time."""


def decode(table: Table, data: bytes) -> Values:
    """The attributes that the table knows, in any order; of a repeated one the last counts.

    Raises MalformedError: ERANGE for one that is too short or too long, EINVAL for a string without end.
    Kernel: `nla_parse_deprecated`, which skips what it doesn't know and what is left over.
    """
    for read in table.layouts.get(len(data), ()):
        known: Values | None = read(data)
        if known is not None:
            return known
    values = walk(table, data)
    if table.looked_at < LAYOUTS_MAX:
        table.looked_at += 1
        _learn(table, data, len(values))
    return values


def _learn(table: Table, data: bytes, count: int) -> None:
    """Remember how these attributes lie, as their senders write all others so: one look takes them in then.

    Only what is plain: nothing unknown, repeated, too long or left over.
    """
    heads: list[int] = []
    names: list[str] = []
    fixes: list[tuple[str, Callable[[Any], Any]]] = []
    form = "="
    at, end = 0, len(data)
    while at < end:
        if end - at < ATTRIBUTE.size:
            return
        length, number = ATTRIBUTE.unpack_from(data, at)
        row = table.by_number.get(number & TYPE_MASK)
        if row is None or not ATTRIBUTE.size <= length <= end - at:
            return
        kind = NUMBERS.get(row.kind)
        size = length - ATTRIBUTE.size
        if kind is None:
            form += f"I{size}s"
        elif size == kind.size:
            form += f"I{kind.format[1:]}"
        else:
            return
        if kind is None and row.kind not in BYTES:
            fixes.append((row.name, partial(read_one, table, row)))
        elif row.kind is Kind.BE16 and sys.byteorder == "little":
            fixes.append((row.name, _swap))
        heads += NUMBERS[Kind.U32].unpack_from(data, at)
        names.append(row.name)
        form += f"{min(-length % 4, end - at - length)}x"
        at += length + 3 & ~3
    alike = table.layouts.setdefault(end, [])
    if len(names) == count and len(alike) < ALIKE_MAX:
        alike.append(_reader(Struct(form), tuple(heads), tuple(names), fixes))


def _reader(
    layout: Struct,
    heads: tuple[int, ...],
    names: tuple[str, ...],
    fixes: list[tuple[str, Callable[[Any], Any]]],
) -> Callable[[bytes], Values | None]:
    """What reads attributes that lie so, and gives None for others."""
    unpack = layout.unpack

    def read(data: bytes) -> Values | None:
        fields = unpack(data)
        if fields[::2] != heads:
            return None
        values = dict(zip(names, fields[1::2], strict=True))
        for name, fix in fixes:
            values[name] = fix(values[name])
        return values

    return read


def _swap(number: int) -> int:
    """A number of 16 bits in the other byte order."""
    return (number & 0xFF) << 8 | number >> 8
