"""Messages: their headers, acknowledgements and ends."""

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

from pyvs.core.errors import Errno
from pyvs.netlink.attributes import Flag, Kind, MessageType
from pyvs.netlink.codec.attribute_values import NUMBERS, MalformedError, attribute

_MESSAGE: Final = Struct("=IHHII")
_GENERIC: Final = Struct("=BBH")
_ERROR: Final = Struct("=i")
_ACKNOWLEDGED: Final = Struct("=iIHHII")
_CAPPED: Final = int(Flag.CAPPED)
_REFUSAL: Final = int(MessageType.ERROR)

HEADER: Final = _MESSAGE.size
GENERIC_HEADER: Final = _GENERIC.size


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
        body += attribute(1, sentence.encode("utf-8", "backslashreplace") + b"\0")
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
    (inner,) = NUMBERS[Kind.U32].unpack_from(payload, _ERROR.size)
    length = HEADER if message.flags & Flag.CAPPED else inner
    return -errno, payload[_ERROR.size + (length + 3 & ~3) :]


def done(seq: int, portid: int) -> Message:
    """The end of a dump. Kernel: `netlink_dump_done`."""
    return Message(MessageType.DONE, Flag.MULTI, seq, portid, _ERROR.pack(0))


def nests(number: int, bodies: list[bytes]) -> bytes:
    """Several nests in a row, numbered from `number`."""
    return b"".join(attribute(number + i, body) for i, body in enumerate(bodies))
