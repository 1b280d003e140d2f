"""The messages of nfnetlink_queue: what we ask, what packets come in, what verdicts go back.

Kernel: `include/uapi/linux/netfilter/nfnetlink_queue.h`. Netlink headers are in the machine's byte order,
the attributes of this protocol in network order.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from socket import htonl, htons, ntohl
from struct import Struct
from typing import Final, Literal

NETLINK_NETFILTER: Final = 12
NLMSG_ERROR: Final = 2
NLM_F_REQUEST: Final = 1
NLM_F_ACK: Final = 4
SUBSYSTEM: Final = 3 << 8
"""Kernel: `NFNL_SUBSYS_QUEUE`."""


class Message(IntEnum):
    """Kernel: `enum nfqnl_msg_types`."""

    PACKET = SUBSYSTEM | 0
    VERDICT = SUBSYSTEM | 1
    CONFIG = SUBSYSTEM | 2
    VERDICT_BATCH = SUBSYSTEM | 3


class Attribute(IntEnum):
    """Of packets and verdicts. Kernel: `enum nfqnl_attr_type`."""

    PACKET_HDR = 1
    VERDICT_HDR = 2
    MARK = 3
    INDEV = 5
    OUTDEV = 6
    PAYLOAD = 10
    CAP_LEN = 13
    SKB_INFO = 14


class Setting(IntEnum):
    """Attributes of CONFIG. Kernel: `enum nfqnl_attr_config`."""

    COMMAND = 1
    PARAMS = 2
    MAXLEN = 3
    MASK = 4
    FLAGS = 5


class Command(IntEnum):
    """Kernel: `enum nfqnl_msg_config_cmds`."""

    BIND = 1
    UNBIND = 2
    PF_BIND = 3
    """Does nothing in today's kernels: a way to ask whether we may."""


class Flag(IntFlag):
    """Kernel: `NFQA_CFG_F_*`."""

    FAIL_OPEN = 1
    """When the queue is full, accept instead of drop."""
    GSO = 4
    """Segments that belong together come as one packet."""


class SkbInfo(IntFlag):
    """Kernel: `NFQA_SKB_*`."""

    CSUM_NOT_READY = 1
    GSO = 2


_NLMSG: Final = Struct("=IHHII")
_NFGEN: Final = Struct("!BBH")
_ATTRIBUTE: Final = Struct("=HH")
_PARAMS: Final = Struct("!IB")
_U32: Final = Struct("!I")
COPY_PACKET: Final = 2
HEADER: Final = _NLMSG.size + _NFGEN.size
ID_AT: Final = HEADER + 4
HOOK_AT: Final = ID_AT + 6
FIRST_CHANGING: Final = ID_AT + 4
"""From here on, up to the payload, packets of one flow bring the same bytes."""


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded."""
    size = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(size, kind) + value + bytes(-size % 4)


def config(queue: int, sequence: int, *attributes: bytes) -> bytes:
    """A CONFIG message about a queue, to be acknowledged."""
    body = _NFGEN.pack(0, 0, queue) + b"".join(attributes)
    flags = NLM_F_REQUEST | NLM_F_ACK
    return _NLMSG.pack(_NLMSG.size + len(body), Message.CONFIG, flags, sequence, 0) + body


def command(what: Command) -> bytes:
    """The attribute that binds or unbinds."""
    return attribute(Setting.COMMAND, bytes((what, 0, 0, 0)))


def copy_packets(length: int) -> bytes:
    """The attribute that asks for so many bytes of each packet."""
    return attribute(Setting.PARAMS, _PARAMS.pack(length, COPY_PACKET))


def longest(packets: int) -> bytes:
    """The attribute that says how many packets may wait for a verdict."""
    return attribute(Setting.MAXLEN, _U32.pack(packets))


def set_flags(flags: Flag, mask: Flag) -> bytes:
    """The attributes that set some flags and clear the others of the mask."""
    return attribute(Setting.FLAGS, _U32.pack(flags)) + attribute(Setting.MASK, _U32.pack(mask))


def error_of(data: bytes) -> int | None:
    """The errno of an NLMSG_ERROR (0: acknowledged), or None if it is another message."""
    if len(data) < _NLMSG.size + 4 or _NLMSG.unpack_from(data)[1] != NLMSG_ERROR:
        return None
    return -int.from_bytes(data[_NLMSG.size : _NLMSG.size + 4], _byteorder(), signed=True)


def _byteorder() -> Literal["little", "big"]:
    return "little" if htons(1) != 1 else "big"


class Meta:
    """What a message says of its packet before the payload: the same object for all that say the same."""

    __slots__ = ("cut", "hook", "iif", "mark", "oif", "payload_at", "skb_info")

    def __init__(self) -> None:
        self.hook = 0
        self.iif = 0
        """Index of the device it came in by, 0 for none."""
        self.oif = 0
        self.mark = 0
        self.skb_info = 0
        self.cut = False
        """Longer than netlink can carry: the payload is not all."""
        self.payload_at = 0
        """From the start of the message."""


def parse(data: bytes | bytearray | memoryview, offset: int, length: int) -> Meta | None:
    """Walk through the attributes of one PACKET message, or None if it is no such message or has no payload."""
    if length < HEADER or _NLMSG.unpack_from(data, offset)[1] != Message.PACKET:
        return None
    meta = Meta()
    at, end = offset + HEADER, offset + length
    while at + 4 <= end:
        size, kind = _ATTRIBUTE.unpack_from(data, at)
        if size < 4 or at + size > end:
            return None
        kind &= 0x3FFF
        value = at + 4
        if kind == Attribute.PAYLOAD:
            meta.payload_at = value - offset
            return meta
        if kind == Attribute.PACKET_HDR:
            meta.hook = data[value + 6]
        elif kind == Attribute.MARK:
            meta.mark = _U32.unpack_from(data, value)[0]
        elif kind == Attribute.INDEV:
            meta.iif = _U32.unpack_from(data, value)[0]
        elif kind == Attribute.OUTDEV:
            meta.oif = _U32.unpack_from(data, value)[0]
        elif kind == Attribute.SKB_INFO:
            meta.skb_info = _U32.unpack_from(data, value)[0]
        elif kind == Attribute.CAP_LEN:
            meta.cut = True
        at += (size + 3) & ~3
    return None


class Verdicts:
    """Makes verdicts of one queue; packets are named by the four bytes that named them, read as a native number."""

    _VERDICT = Struct("=IHHIIIHHII")
    _VERDICT_PAYLOAD = Struct("=IHHIIIHHIIHH")
    _VERDICT_MARK = Struct("=IHHIIIHHIIHHIHH")

    def __init__(self, queue: int) -> None:
        self._general = int.from_bytes(_NFGEN.pack(0, 0, queue), _byteorder())

    def one(self, verdict: int, packet: int) -> bytes:
        """Judge one packet."""
        size = self._VERDICT.size
        return self._VERDICT.pack(
            size, Message.VERDICT, NLM_F_REQUEST, 0, 0, self._general,
            12, Attribute.VERDICT_HDR, htonl(verdict), packet,
        )  # fmt: skip

    def up_to(self, verdict: int, packet: int) -> bytes:
        """Judge all that wait, up to and with this one."""
        size = self._VERDICT.size
        return self._VERDICT.pack(
            size, Message.VERDICT_BATCH, NLM_F_REQUEST, 0, 0, self._general,
            12, Attribute.VERDICT_HDR, htonl(verdict), packet,
        )  # fmt: skip

    def changed(self, verdict: int, packet: int, payload: bytes, mark: int | None = None) -> bytes:
        """Judge one packet and replace its bytes, and its mark if one is given."""
        length = 4 + len(payload)
        pad = bytes(-length % 4)
        if mark is None:
            size = self._VERDICT_PAYLOAD.size + len(payload) + len(pad)
            head = self._VERDICT_PAYLOAD.pack(
                size, Message.VERDICT, NLM_F_REQUEST, 0, 0, self._general,
                12, Attribute.VERDICT_HDR, htonl(verdict), packet,
                length, Attribute.PAYLOAD,
            )  # fmt: skip
        else:
            size = self._VERDICT_MARK.size + len(payload) + len(pad)
            head = self._VERDICT_MARK.pack(
                size, Message.VERDICT, NLM_F_REQUEST, 0, 0, self._general,
                12, Attribute.VERDICT_HDR, htonl(verdict), packet,
                8, Attribute.MARK, htonl(mark),
                length, Attribute.PAYLOAD,
            )  # fmt: skip
        return head + payload + pad


def packet_number(packet: int) -> int:
    """The number that the kernel gave a packet, from the native reading."""
    return ntohl(packet)
