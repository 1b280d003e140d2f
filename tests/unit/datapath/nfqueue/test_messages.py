"""The bytes of nfnetlink_queue, read and written."""

from struct import pack, unpack_from

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.datapath.nfqueue import messages
from pyvs.datapath.nfqueue.messages import (
    Attribute,
    Command,
    Flag,
    Message,
    Verdicts,
    attribute,
    config,
    error_of,
    packet_number,
    parse,
)


def packet_message(number: int, hook: int, payload: bytes, *extra: bytes) -> bytes:
    """What the kernel sends for one packet."""
    body = pack("!BBH", 2, 0, 5) + attribute(Attribute.PACKET_HDR, pack("!IHB", number, 0x0800, hook))
    body += b"".join(extra) + attribute(Attribute.PAYLOAD, payload)
    return pack("=IHHII", 16 + len(body), Message.PACKET, 0, 0, 0) + body


def u32(kind: int, value: int) -> bytes:
    return attribute(kind, pack("!I", value))


def test_a_packet_is_read() -> None:
    extra = (u32(Attribute.INDEV, 3), u32(Attribute.OUTDEV, 4), u32(Attribute.MARK, 0x70000001),
             attribute(9, bytes(12)), u32(Attribute.SKB_INFO, 3))  # fmt: skip
    data = packet_message(77, 2, b"payload", *extra)
    meta = parse(data, 0, len(data))
    assert meta is not None
    assert (meta.hook, meta.iif, meta.oif, meta.mark, meta.skb_info) == (2, 3, 4, 0x70000001, 3)
    assert not meta.cut
    assert data[meta.payload_at :][:7] == b"payload"
    assert packet_number(unpack_from("=I", data, messages.ID_AT)[0]) == 77
    assert data[messages.HOOK_AT] == 2


def test_a_packet_that_was_cut_is_told() -> None:
    data = packet_message(1, 1, b"x" * 8, u32(Attribute.CAP_LEN, 70000))
    meta = parse(data, 0, len(data))
    assert meta is not None
    assert meta.cut


def test_it_is_read_from_the_middle_of_a_buffer() -> None:
    data = packet_message(1, 3, b"abcd")
    buffer = b"\xff" * 100 + data + b"\xff" * 100
    meta = parse(buffer, 100, len(data))
    assert meta is not None
    assert buffer[100 + meta.payload_at :][:4] == b"abcd"


def test_other_messages_are_no_packets() -> None:
    data = pack("=IHHII", 20, messages.NLMSG_ERROR, 0, 0, 0) + bytes(4)
    assert parse(data, 0, len(data)) is None
    without_payload = packet_message(1, 1, b"")[:-4]
    assert parse(without_payload, 0, len(without_payload)) is None


@given(st.binary(max_size=200))
def test_garbage_is_never_an_exception(garbage: bytes) -> None:
    data = pack("=IHHII", 16 + len(garbage), Message.PACKET, 0, 0, 0) + garbage
    meta = parse(data, 0, len(data))
    assert meta is None or 0 < meta.payload_at <= len(data)


@given(st.integers(1, 0xFFFFFFFF), st.binary(max_size=100), st.one_of(st.none(), st.integers(0, 0xFFFFFFFF)))
def test_a_verdict_with_bytes(number: int, payload: bytes, mark: int | None) -> None:
    native = unpack_from("=I", pack("!I", number))[0]
    data = Verdicts(0x1234).changed(1, native, payload, mark)
    length, kind, flags, _, _ = unpack_from("=IHHII", data)
    assert length == len(data)
    assert len(data) % 4 == 0
    assert (kind, flags) == (Message.VERDICT, messages.NLM_F_REQUEST)
    assert unpack_from("!BBH", data, 16) == (0, 0, 0x1234)
    assert unpack_from("=HH", data, 20) == (12, Attribute.VERDICT_HDR)
    assert unpack_from("!II", data, 24) == (1, number)
    at = 32
    if mark is not None:
        assert unpack_from("=HH", data, at) == (8, Attribute.MARK)
        assert unpack_from("!I", data, at + 4) == (mark,)
        at += 8
    assert unpack_from("=HH", data, at) == (4 + len(payload), Attribute.PAYLOAD)
    assert data[at + 4 : at + 4 + len(payload)] == payload


@pytest.mark.parametrize("batch", [False, True])
def test_a_plain_verdict(batch: bool) -> None:
    verdicts = Verdicts(9)
    data = (verdicts.up_to if batch else verdicts.one)(0x00070003, 0x01020304)
    assert unpack_from("=IHH", data) == (32, Message.VERDICT_BATCH if batch else Message.VERDICT, 1)
    assert unpack_from("!I", data, 24) == (0x00070003,)
    assert unpack_from("=I", data, 28) == (0x01020304,)


def test_a_configuration() -> None:
    data = config(
        5, 3, messages.command(Command.BIND), messages.set_flags(Flag.GSO, Flag.GSO | Flag.FAIL_OPEN)
    )
    assert unpack_from("=IHHI", data) == (len(data), Message.CONFIG, 5, 3)
    assert unpack_from("!H", data, 18) == (5,)
    assert data[20:28] == pack("=HH", 8, 1) + b"\x01\0\0\0"
    assert data[28:] == pack("=HH", 8, 5) + pack("!I", 4) + pack("=HH", 8, 4) + pack("!I", 5)


def test_an_acknowledgement_and_a_refusal() -> None:
    def answer(number: int) -> bytes:
        return pack("=IHHIIi", 36, messages.NLMSG_ERROR, 0, 0, 0, -number) + bytes(16)

    assert error_of(answer(0)) == 0
    assert error_of(answer(1)) == 1
    assert error_of(packet_message(1, 1, b"")) is None
    assert error_of(b"") is None
