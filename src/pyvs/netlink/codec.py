"""Bytes and tables of values: messages, their headers, their attributes.

    nlmsghdr    u32 length, u16 type, u16 flags, u32 sequence, u32 portid
    genlmsghdr  u8 command, u8 version, u16 reserved
    nlattr      u16 length (with these 4 bytes), u16 type; then data, then zeros up to 4 bytes

Numbers are in the host's byte order unless a table says otherwise. Kernel: `nla_parse_deprecated`, `nla_put`.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from struct import Struct
from typing import Any, Final, NamedTuple

from pyvs.core.errors import Errno
from pyvs.netlink.attributes import Attribute, Flag, Kind, MessageType, Table

Values = dict[str, Any]
"""Attributes by name: numbers, text, bytes (binary and nests)."""

_MESSAGE: Final = Struct("=IHHII")
_GENERIC: Final = Struct("=BBH")
_ATTRIBUTE: Final = Struct("=HH")
_ERROR: Final = Struct("=i")
_ACKNOWLEDGED: Final = Struct("=iIHHII")
_CAPPED: Final = int(Flag.CAPPED)
_REFUSAL: Final = int(MessageType.ERROR)

_BYTES: Final = (Kind.BINARY, Kind.NEST)

HEADER: Final = _MESSAGE.size
GENERIC_HEADER: Final = _GENERIC.size
_ADDRESS6: Final = 16
_TYPE_MASK: Final = 0x3FFF
"""Without the bits NLA_F_NESTED and NLA_F_NET_BYTEORDER."""
LAYOUTS_MAX: Final = 256
"""Of a table; what comes in other layouts later is read attribute by attribute."""
ALIKE_MAX: Final = 4
"""Layouts of the same length: each that fits not costs time."""

_NUMBERS: Final = {
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


class Message(NamedTuple):
    """One netlink message, its payload still bytes."""

    type: int
    flags: int
    seq: int
    portid: int
    payload: bytes

    @property
    def command(self) -> int:
        """The command of a generic message; the payload must have its header."""
        return self.payload[0]

    @property
    def attributes(self) -> bytes:
        """What follows the generic header."""
        return self.payload[GENERIC_HEADER:]

    def encode(self) -> bytes:
        """The message as it goes over the wire."""
        kind, flags, seq, portid, payload = self
        return _MESSAGE.pack(HEADER + len(payload), kind, flags, seq, portid) + payload


def generic(command: int, attributes: bytes = b"", version: int = 1) -> bytes:
    """The payload of a generic message."""
    return _GENERIC.pack(command, version, 0) + attributes


def messages(data: bytes) -> Iterator[Message]:
    """The messages of one datagram; stops at the first whose length is impossible. Kernel: `netlink_rcv_skb`."""
    at, end = 0, len(data)
    while end - at >= HEADER:
        length, kind, flags, seq, portid = _MESSAGE.unpack_from(data, at)
        if length < HEADER or length > end - at:
            return
        yield Message(kind, flags, seq, portid, data[at + HEADER : at + length])
        at += length + 3 & ~3


def error(request: Message, errno: int, portid: int, sentence: str = "") -> Message:
    """An acknowledgement (errno 0) or a refusal, which holds the whole request. Kernel: `netlink_ack`."""
    kind, asked, seq, asker, payload = request
    if not errno:
        flags, body = _CAPPED, _ACKNOWLEDGED.pack(0, HEADER + len(payload), kind, asked, seq, asker)
    else:
        whole = request.encode()
        flags, body = 0, _ERROR.pack(-errno) + whole + bytes(-len(whole) % 4)
    if sentence:
        flags |= int(Flag.ACK_TLVS)
        body += _attribute(1, sentence.encode("utf-8", "backslashreplace") + b"\0")
    return Message(_REFUSAL, flags, seq, portid, body)


def read_error(message: Message) -> tuple[int, bytes]:
    """The errno (0: an acknowledgement) and the attributes of a message of type ERROR.

    Raises MalformedError when it is too short.
    """
    payload = message.payload
    if len(payload) < _ERROR.size + HEADER:
        raise MalformedError(Errno.EINVAL, "an acknowledgement is too short")
    (errno,) = _ERROR.unpack_from(payload)
    if not message.flags & Flag.ACK_TLVS:
        return -errno, b""
    (inner,) = _NUMBERS[Kind.U32].unpack_from(payload, _ERROR.size)
    length = HEADER if message.flags & Flag.CAPPED else inner
    return -errno, payload[_ERROR.size + (length + 3 & ~3) :]


def done(seq: int, portid: int) -> Message:
    """The end of a dump. Kernel: `netlink_dump_done`."""
    return Message(MessageType.DONE, Flag.MULTI, seq, portid, _ERROR.pack(0))


def _attribute(number: int, data: bytes) -> bytes:
    length = _ATTRIBUTE.size + len(data)
    return _ATTRIBUTE.pack(length, number) + data + bytes(-length % 4)


def encode(table: Table, values: Mapping[str, Any]) -> bytes:
    """The attributes in the order given; None is left out. Raises KeyError for a name that the table lacks."""
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
            out.append(_ATTRIBUTE.pack(length, number) + value + bytes(-length % 4))
        else:
            out.append(_attribute(number, _data(table.by_name[name], value)))
    return b"".join(out)


def _write_by(table: Table) -> dict[str, Any]:
    """How each attribute is written: number, length, all at once for a number in the host's byte order, or as it is."""
    for name, row in table.by_name.items():
        kind = _NUMBERS.get(row.kind)
        pack = None
        if kind is not None and row.kind is not Kind.BE16:
            pack = Struct(f"=HH{kind.format[1:]}{-kind.size % 4}x").pack
        size = _ATTRIBUTE.size + (kind.size if kind is not None else 0)
        table.writing[name] = row.number, size, pack, row.kind in _BYTES
    return table.writing


def _read_by(table: Table) -> dict[int, Any]:
    """How each attribute is read.

    Its name, its least length, how to take a number where it lies, the length up to which bytes need no second look.
    """
    for number, row in table.by_number.items():
        kind = _NUMBERS.get(row.kind)
        longest = 0xFFFF if not row.size else _ATTRIBUTE.size + row.size
        table.reading[number] = (
            row.name,
            _ATTRIBUTE.size * 2 if kind is None else _ATTRIBUTE.size + kind.size,
            None if kind is None else kind.unpack_from,
            longest if row.kind in _BYTES else 0,
            row,
        )
    return table.reading


def nests(number: int, bodies: list[bytes]) -> bytes:
    """Several nests in a row, numbered from `number`."""
    return b"".join(_attribute(number + i, body) for i, body in enumerate(bodies))


def _data(row: Attribute, value: Any) -> bytes:
    number = _NUMBERS.get(row.kind)
    if number is not None:
        return number.pack(value)
    if row.kind is Kind.STRING:
        return str(value).encode("utf-8", "surrogateescape") + b"\0"
    return bytes(value)


def decode(table: Table, data: bytes) -> Values:
    """The attributes that the table knows, in any order; of a repeated one the last counts.

    Raises MalformedError: ERANGE for one that is too short or too long, EINVAL for a string without end.
    Kernel: `nla_parse_deprecated`, which skips what it doesn't know and what is left over.
    """
    for read in table.layouts.get(len(data), ()):
        known: Values | None = read(data)
        if known is not None:
            return known
    values = _walk(table, data)
    if table.looked_at < LAYOUTS_MAX:
        table.looked_at += 1
        _learn(table, data, len(values))
    return values


def _walk(table: Table, data: bytes) -> Values:
    values: Values = {}
    reading = table.reading or _read_by(table)
    unpack = _ATTRIBUTE.unpack_from
    at, end = 0, len(data)
    while end - at >= 4:
        length, number = unpack(data, at)
        if length < 4 or length > end - at:
            break
        found = reading.get(number & _TYPE_MASK)
        if found is not None:
            name, shortest, take, longest, row = found
            if length < shortest:
                values[name] = _value(table, row, data[at + 4 : at + length])
            elif take is not None:
                values[name] = take(data, at + 4)[0]
            elif length <= longest:
                values[name] = data[at + 4 : at + length]
            else:
                values[name] = _value(table, row, data[at + 4 : at + length])
        at += length + 3 & ~3
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
        if end - at < _ATTRIBUTE.size:
            return
        length, number = _ATTRIBUTE.unpack_from(data, at)
        row = table.by_number.get(number & _TYPE_MASK)
        if row is None or not _ATTRIBUTE.size <= length <= end - at:
            return
        kind = _NUMBERS.get(row.kind)
        size = length - _ATTRIBUTE.size
        if kind is None:
            form += f"I{size}s"
        elif size == kind.size:
            form += f"I{kind.format[1:]}"
        else:
            return
        if kind is None and row.kind not in _BYTES:
            fixes.append((row.name, partial(_value, table, row)))
        elif row.kind is Kind.BE16 and sys.byteorder == "little":
            fixes.append((row.name, _swap))
        heads += _NUMBERS[Kind.U32].unpack_from(data, at)
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


def _value(table: Table, row: Attribute, data: bytes) -> Any:
    number = _NUMBERS.get(row.kind)
    if number is not None:
        if len(data) < number.size:
            raise _refuse(Errno.ERANGE, table, row, f"has {len(data)} bytes, {number.size} are needed")
        return number.unpack_from(data)[0]
    if row.kind is Kind.STRING:
        text, end, _ = data[: row.size + 1 if row.size else None].partition(b"\0")
        if not end:
            if not data:
                raise _refuse(Errno.EINVAL, table, row, "is empty")
            raise _refuse(Errno.EINVAL, table, row, f"has no end within {row.size} bytes")
        if row.size and len(data) - (data[-1] == 0) > row.size:
            raise _refuse(Errno.ERANGE, table, row, f"is longer than {row.size} bytes")
        return text.decode("utf-8", "surrogateescape")
    if row.kind is Kind.BINARY:
        if row.size and len(data) > row.size:
            raise _refuse(Errno.ERANGE, table, row, f"has {len(data)} bytes, at most {row.size} are allowed")
    elif row.kind is Kind.ADDRESS6:
        if len(data) < _ADDRESS6:
            raise _refuse(Errno.ERANGE, table, row, f"has {len(data)} bytes, {_ADDRESS6} are needed")
        return data[:_ADDRESS6]
    elif 0 < len(data) < _ATTRIBUTE.size:
        raise _refuse(Errno.ERANGE, table, row, f"is a nest of {len(data)} bytes, which holds no attribute")
    return data


def _refuse(errno: Errno, table: Table, row: Attribute, what: str) -> MalformedError:
    return MalformedError(errno, f"attribute {row.name} ({row.number}) of {table.name} {what}")
