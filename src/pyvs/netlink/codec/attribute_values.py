"""Attributes to values and back, one by one: what any bytes mean, and what is wrong with them."""

from collections.abc import Mapping
from struct import Struct
from typing import Any, Final

from pyvs.core.errors import Errno
from pyvs.core.wording import counted
from pyvs.netlink.attributes import Attribute, Kind, Table

Values = dict[str, Any]
"""Attributes by name: numbers, text, bytes (binary and nests)."""

ATTRIBUTE: Final = Struct("=HH")
BYTES: Final = (Kind.BINARY, Kind.NEST)
TYPE_MASK: Final = 0x3FFF
"""Without the bits NLA_F_NESTED and NLA_F_NET_BYTEORDER."""
_ADDRESS6: Final = 16

NUMBERS: Final = {
    Kind.U8: Struct("=B"),
    Kind.U16: Struct("=H"),
    Kind.U32: Struct("=I"),
    Kind.S32: Struct("=i"),
    Kind.U64: Struct("=Q"),
    Kind.BE16: Struct("!H"),
}


class MalformedError(Exception):
    """An attribute that its table does not allow, with the kernel's errno and a sentence."""

    def __init__(self, errno: Errno, message: str) -> None:
        super().__init__(message)
        self.errno = errno


def attribute(number: int, data: bytes) -> bytes:
    """One attribute, filled up."""
    length = ATTRIBUTE.size + len(data)
    return ATTRIBUTE.pack(length, number) + data + bytes(-length % 4)


def write(table: Table, values: Mapping[str, Any]) -> bytes:
    """The attributes in the order given; None is left out. Raises KeyError."""
    out: list[bytes] = []
    writing = table.writing or _write_by(table)
    for name, value in values.items():
        if value is None:
            continue
        number, length, pack, plain = writing[name]
        if pack is not None:
            out.append(pack(length, number, value))
        elif plain:
            length += len(value)
            out.append(ATTRIBUTE.pack(length, number) + value + bytes(-length % 4))
        else:
            out.append(attribute(number, _data(table.by_name[name], value)))
    return b"".join(out)


def _write_by(table: Table) -> dict[str, Any]:
    """How each attribute is written: number, length, all at once for a number in the host's byte order, or as it is."""
    for name, row in table.by_name.items():
        kind = NUMBERS.get(row.kind)
        pack = None
        if kind is not None and row.kind is not Kind.BE16:
            pack = Struct(f"=HH{kind.format[1:]}{-kind.size % 4}x").pack
        size = ATTRIBUTE.size + (kind.size if kind is not None else 0)
        table.writing[name] = row.number, size, pack, row.kind in BYTES
    return table.writing


def _read_by(table: Table) -> dict[int, Any]:
    """How each attribute is read.

    Its name, its least length, how to take a number where it lies, the length up to which bytes need no second look.
    """
    for number, row in table.by_number.items():
        kind = NUMBERS.get(row.kind)
        longest = 0xFFFF if not row.size else ATTRIBUTE.size + row.size
        table.reading[number] = (
            row.name,
            ATTRIBUTE.size * 2 if kind is None else ATTRIBUTE.size + kind.size,
            None if kind is None else kind.unpack_from,
            longest if row.kind in BYTES else 0,
            row,
        )
    return table.reading


def _data(row: Attribute, value: Any) -> bytes:
    number = NUMBERS.get(row.kind)
    if number is not None:
        return number.pack(value)
    if row.kind is Kind.STRING:
        return str(value).encode("utf-8", "surrogateescape") + b"\0"
    return bytes(value)


def walk(table: Table, data: bytes) -> Values:
    """What the bytes mean. Raises MalformedError."""
    values: Values = {}
    reading = table.reading or _read_by(table)
    unpack = ATTRIBUTE.unpack_from
    at, end = 0, len(data)
    while end - at >= 4:
        length, number = unpack(data, at)
        if length < 4 or length > end - at:
            break
        found = reading.get(number & TYPE_MASK)
        if found is not None:
            name, shortest, take, longest, row = found
            if length < shortest:
                values[name] = read_one(table, row, data[at + 4 : at + length])
            elif take is not None:
                values[name] = take(data, at + 4)[0]
            elif length <= longest:
                values[name] = data[at + 4 : at + length]
            else:
                values[name] = read_one(table, row, data[at + 4 : at + length])
        at += length + 3 & ~3
    return values


def read_one(table: Table, row: Attribute, data: bytes) -> Any:
    """The value of one attribute. Raises MalformedError."""
    number = NUMBERS.get(row.kind)
    if number is not None:
        if len(data) < number.size:
            raise _refuse(
                Errno.ERANGE, table, row, f"has {counted(len(data), 'byte')}, {number.size} are needed"
            )
        return number.unpack_from(data)[0]
    if row.kind is Kind.STRING:
        text, end, _ = data[: row.size + 1 if row.size else None].partition(b"\0")
        if not end:
            if not data:
                raise _refuse(Errno.EINVAL, table, row, "is empty")
            raise _refuse(Errno.EINVAL, table, row, f"has no end within {counted(row.size, 'byte')}")
        if row.size and len(data) - (data[-1] == 0) > row.size:
            raise _refuse(Errno.ERANGE, table, row, f"is longer than {counted(row.size, 'byte')}")
        return text.decode("utf-8", "surrogateescape")
    if row.kind is Kind.BINARY:
        if row.size and len(data) > row.size:
            raise _refuse(
                Errno.ERANGE, table, row, f"has {counted(len(data), 'byte')}, at most {row.size} are allowed"
            )
    elif row.kind is Kind.ADDRESS6:
        if len(data) < _ADDRESS6:
            raise _refuse(
                Errno.ERANGE, table, row, f"has {counted(len(data), 'byte')}, {_ADDRESS6} are needed"
            )
        return data[:_ADDRESS6]
    elif 0 < len(data) < ATTRIBUTE.size:
        raise _refuse(
            Errno.ERANGE, table, row, f"is a nest of {counted(len(data), 'byte')}, which holds no attribute"
        )
    return data


def _refuse(errno: Errno, table: Table, row: Attribute, what: str) -> MalformedError:
    return MalformedError(errno, f"attribute {row.name} ({row.number}) of {table.name} {what}")
