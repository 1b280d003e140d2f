"""Call-IDs; the recording pe-sip-words has the same and more, judged by the kernel."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.flags import Proto
from pyvs.core.packet.header import parse
from pyvs.core.packet.packet import Packet
from pyvs.core.persistence import ENGINES
from pyvs.core.persistence.sip import SipEngine, call_id
from pyvs.testing.wire import tcp, udp

START = b"INVITE sip:a@example.org SIP/2.0\r\n"


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (START + b"Call-ID: a@b\r\n", b"a@b"),
        (START + b"Via: x\r\n\tfolded\r\ncall-id \t: word\n", b"word"),
        (START + b"i: a@b\r", b"a@b"),
        (START + b"I:a@b\r\n", b"a@b"),
        (START + b"Call-ID:\r\n a@b\r\n", b"a@b"),
        (START + b"Call-ID\r\n\t:\t a@b\r\n", b"a@b"),
        (START + b"\r\nCall-ID: body@b\r\n", b"body@b"),
        (START + b'Call-ID: <x>(y)"z"%[\\]?{}@w~`\'_!*+./:-\r\n', b'<x>(y)"z"%[\\]?{}@w~`\'_!*+./:-'),
        (START + b"Call-ID: a\xe4b@x\r\n", b"a\xe4b@x"),
        (START + b"Call-ID: " + b"x" * 255 + b"\r\n", b"x" * 255),
        (START + b"Call-ID: a@\r\nCall-ID: c@d\r\n", b"c@d"),
    ],
)
def test_finds_the_name(message: bytes, name: bytes) -> None:
    assert call_id(message) == name


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"Call-ID: a@b\r\n",
        START,
        START + b"Call-ID: a@b",
        START + b"Call-ID: a b\r\n",
        START + b"Call-ID: a@b c\r\n",
        START + b"Call-ID: a@b@c\r\n",
        START + b"Call-ID: a,b\r\n",
        START + b"Call-ID: a\xd7b\r\n",
        START + b"Call-ID: @b\r\n",
        START + b"Call-ID: " + b"x" * 256 + b"\r\n",
        START + b"Call-IDX: a\r\nCall-ID: c@d\r\n",
        START + b"Call-ID\r\n: a@b\r\n",
        START + b"Call-ID:\t\r\n\r\n",
        START + b"ix: a@b\r\n",
        START + b"i\xe4: a@b\r\n",
        START + b" Call-ID: a@b\r\n",
        START + b"Via: x\n\nCall-ID: a@b\r\n",
        START + b"Call-ID",
        START + b"Call-ID:",
        START + b"Call-ID: ",
        START + b"i",
    ],
)
def test_finds_none(message: bytes) -> None:
    assert call_id(message) is None


def test_two_bad_values_make_the_kernel_skip_ahead() -> None:
    bad = b"\r\nCall-ID: ,"
    assert call_id(b"x" + bad + b"\r\nCall-ID: c@d\r\n") == b"c@d"
    # The values stand at 51 and 63, so it goes on at 51 and then at 51 + 63, behind the first good one.
    message = b"x" * 40 + bad + bad + b"\r\nCall-ID: c@d\r\n" + b"y" * 60 + b"\r\nCall-ID: e@f\r\n"
    assert call_id(message) == b"e@f"


def test_an_empty_value_ends_the_search() -> None:
    assert call_id(b"x\r\nCall-ID: \r\nCall-ID: c@d\r\n") is None


@given(
    st.lists(
        st.sampled_from(
            [
                b"Call-ID",
                b"i",
                b":",
                b" ",
                b"\t",
                b"\r",
                b"\n",
                b"\r\n",
                b"a",
                b"@",
                b"\xe4",
                b",",
                b"x" * 200,
            ]
        ),
        max_size=25,
    ).map(b"".join)
)
def test_a_name_is_short_and_of_its_letters(message: bytes) -> None:
    name = call_id(message)
    if name is not None:
        assert 1 <= len(name) <= 255
        assert not set(name) & set(b"\r\n \t,")
        assert name in message


@given(st.binary(max_size=300))
def test_any_bytes(message: bytes) -> None:
    call_id(message)


def test_a_long_message_of_empty_names_is_read_in_no_time() -> None:
    assert call_id(b"\r\nCall-ID:\r\n\r\n" * 4000) is None


def test_reads_udp_only() -> None:
    engine = ENGINES["sip"]
    assert isinstance(engine, SipEngine)
    message = START + b"Call-ID: a@b\r\n"
    data = udp("198.51.100.7", "192.0.2.100", 5060, 5060, message)
    assert engine.identify(Packet(data), parse(data)) == b"a@b"
    header = parse(data)
    header.icmp = True
    assert engine.identify(Packet(data), header) is None
    data = tcp("198.51.100.7", "192.0.2.100", 5060, 5060, 0x18, data=message)
    assert parse(data).protocol == Proto.TCP
    assert engine.identify(Packet(data), parse(data)) is None


def test_shows_the_name_as_it_is() -> None:
    assert ENGINES["sip"].show(b"a@b") == b"a@b"
