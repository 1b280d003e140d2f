"""Messages, acknowledgements, ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.netlink.attributes import ACK, Flag, MessageType
from pyvs.netlink.codec import MalformedError, Message, decode, done, error, generic, messages, read_error


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
