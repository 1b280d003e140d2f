"""The codecs of both versions: recorded datagrams both ways, every entry both ways, and garbage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.flags import ConnFlag, Family
from pyvs.core.reasons import Reason
from pyvs.core.sync import message_v0, message_v1
from pyvs.core.sync.entry import SEQUENCES, SyncEntry

RECORDED = json.loads(
    (Path(__file__).parents[3] / "vectors" / "sync" / "messages.json").read_text(encoding="utf-8")
)["messages"]
MESSAGES: dict[str, bytes] = {
    f"{name}-{number}": bytes.fromhex(text)
    for name, texts in RECORDED.items()
    for number, text in enumerate(texts)
}


def entries_of(message: bytes) -> list[SyncEntry]:
    found = list((message_v1 if message_v1.is_v1(message) else message_v0).parse(message))
    assert all(isinstance(entry, SyncEntry) for entry in found), found
    return [entry for entry in found if isinstance(entry, SyncEntry)]


def build(entries: list[SyncEntry], version: int, syncid: int) -> bytes:
    codec = message_v1 if version else message_v0
    body = bytearray()
    for entry in entries:
        body += b"\0" * (-len(body) % 4) + codec.write_entry(entry)
    return bytes(codec.write_header(len(entries), syncid, codec.HEADER.size + len(body)) + body)


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_recorded_message_is_built_again_byte_for_byte(message: bytes) -> None:
    version = int(message_v1.is_v1(message))
    found = entries_of(message)
    assert found
    assert build(found, version, message[1]) == message


def test_recorded_message_says_what_the_recording_shows() -> None:
    first = entries_of(bytes.fromhex(RECORDED["sync-v1-every"][0]))
    assert first[0] == SyncEntry(
        Family.INET,
        6,
        bytes((198, 51, 100, 7)),
        40001,
        bytes((192, 0, 2, 100)),
        80,
        bytes((10, 1, 0, 11)),
        80,
        0,
        1,
        timeout=900,
    )
    template = next(entry for entry in first if entry.flags & ConnFlag.TEMPLATE)
    assert (template.cport, template.timeout, template.state) == (0, 300, 0)
    assert {entry.af for entry in first} == {Family.INET, Family.INET6}


u16 = st.integers(0, 0xFFFF)
u32 = st.integers(0, 0xFFFFFFFF)
sequence = st.tuples(u32, u32, u32)


@st.composite
def entries(draw: st.DrawFn, version: int) -> SyncEntry:
    six = version == 1 and draw(st.booleans())
    address = st.binary(min_size=16, max_size=16) if six else st.binary(min_size=4, max_size=4)
    flags = draw(u32 if version else u16)
    shifted = flags & SEQUENCES
    pe_data = draw(st.binary(max_size=255)) if version else b""
    return SyncEntry(
        Family.INET6 if six else Family.INET,
        draw(st.integers(0, 255)),
        draw(address),
        draw(u16),
        draw(address),
        draw(u16),
        draw(address),
        draw(u16),
        flags,
        draw(u16),
        draw(u32) if version else 0,
        draw(u32) if version else 0,
        draw(sequence) if shifted else None,
        draw(sequence) if shifted else None,
        draw(st.binary(min_size=1, max_size=16)) if pe_data else b"",
        pe_data,
    )


@pytest.mark.parametrize("version", [0, 1])
@given(data=st.data(), syncid=st.integers(0, 255))
def test_entries_come_back_as_they_were(version: int, data: st.DataObject, syncid: int) -> None:
    given_entries = data.draw(st.lists(entries(version), min_size=1, max_size=20))
    message = build(given_entries, version, syncid)
    assert message[1] == syncid
    assert int.from_bytes(message[2:4], "big") == len(message)
    assert message_v1.is_v1(message) is bool(version)
    assert entries_of(message) == given_entries


@given(st.binary(min_size=8, max_size=400))
def test_garbage_never_raises(data: bytes) -> None:
    for codec in (message_v0, message_v1):
        found = list(codec.parse(data))
        assert len(found) <= 256
        assert all(isinstance(entry, (SyncEntry, Reason)) for entry in found)


@given(data=st.data(), at=st.integers(0, 10_000), value=st.integers(0, 255), cut=st.integers(0, 10_000))
def test_damaged_messages_never_raise(data: st.DataObject, at: int, value: int, cut: int) -> None:
    message = bytearray(data.draw(st.sampled_from(sorted(MESSAGES.values()))))
    message[at % len(message)] = value
    damaged = bytes(message[: max(8, cut % (len(message) + 1))])
    found = list((message_v1 if message_v1.is_v1(damaged) else message_v0).parse(damaged))
    reasons = [entry for entry in found if isinstance(entry, Reason)]
    assert all(reason is Reason.SYNC_UNKNOWN_OPTION for reason in reasons[:-1]), "only the last one ends it"


# ---- version 1: what ends a message, what ends an entry ------------------------------------------------

PLAIN = SyncEntry(Family.INET, 17, b"\1\2\3\4", 5, b"\5\6\7\x08", 6, b"\x09\x0a\x0b\x0c", 7, 0, 0, 300)


def with_options(options: bytes) -> bytes:
    """A message of two entries, the first with options as given."""
    first = bytearray(message_v1.write_entry(PLAIN) + options)
    first[2:4] = len(first).to_bytes(2, "big")
    body = bytes(first) + b"\0" * (-len(first) % 4) + message_v1.write_entry(PLAIN)
    return message_v1.write_header(2, 0, 8 + len(body)) + body


def test_options_of_unknown_kind() -> None:
    assert list(message_v1.parse(with_options(b"\x49\x02ab"))) == [PLAIN, PLAIN], "may be skipped"
    assert list(message_v1.parse(with_options(b"\x09\x02ab"))) == [Reason.SYNC_UNKNOWN_OPTION, PLAIN]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(b"\x02", id="no length"),
        pytest.param(b"\x02\x00", id="length zero"),
        pytest.param(b"\x02\x05abcd", id="longer than the entry"),
        pytest.param(b"\x02\x01a\x02\x01b", id="twice"),
        pytest.param(b"\x42\x01a\x02\x01b", id="twice, once with the bit"),
        pytest.param(b"\x01\x17" + bytes(23), id="sequences too short"),
        pytest.param(b"\x03\x11" + b"n" * 17, id="name too long"),
    ],
)
def test_broken_options_end_the_message(options: bytes) -> None:
    assert list(message_v1.parse(with_options(options))) == [Reason.SYNC_BAD_OPTION]


def test_longest_name_is_taken() -> None:
    message = with_options(b"\x02\x01a\x03\x10" + b"n" * 16)
    first, second = entries_of(message)
    assert (first.pe_name, first.pe_data) == (b"n" * 16, b"a")
    assert second == PLAIN


@pytest.mark.parametrize(
    ("offset", "value", "reason"),
    [
        (0, 2, Reason.SYNC_ENTRY_TYPE),
        (0, 1, Reason.SYNC_CUT_OFF),  # said to be IPv6, but too short for it
        (2, 0x10, Reason.SYNC_ENTRY_VERSION),
        (3, 35, Reason.SYNC_CUT_OFF),
        (3, 200, Reason.SYNC_CUT_OFF),
    ],
)
def test_entry_that_ends_the_message(offset: int, value: int, reason: Reason) -> None:
    message = bytearray(with_options(b""))
    message[8 + offset] = value
    assert list(message_v1.parse(bytes(message))) == [reason]


def test_count_beyond_the_entries() -> None:
    for version in (0, 1):
        message = bytearray(build([PLAIN], version, 0))
        message[4 if version else 0] = 2
        assert list((message_v1 if version else message_v0).parse(bytes(message)))[1:] == [
            Reason.SYNC_CUT_OFF
        ]


def test_version_0_sequences_are_in_the_machine_s_order() -> None:
    entry = SyncEntry(
        Family.INET,
        6,
        b"\1\2\3\4",
        5,
        b"\5\6\7\x08",
        6,
        b"\x09\x0a\x0b\x0c",
        7,
        int(ConnFlag.OUT_SEQ),
        1,
        in_seq=(0, 0, 0),
        out_seq=(1, 2, 3),
    )
    written = message_v0.write_entry(entry)
    assert len(written) == 48
    assert written[36:].hex() in ("010000000200000003000000", "000000010000000200000003")
    cut = message_v0.write_header(1, 0, 51) + written[:47]
    assert list(message_v0.parse(cut)) == [Reason.SYNC_CUT_OFF]


def test_version_0_writes_no_more_than_sixteen_flags() -> None:
    entry = SyncEntry(
        Family.INET, 6, b"\1\2\3\4", 5, b"\5\6\7\x08", 6, b"\x09\x0a\x0b\x0c", 7, 1 << 16 | 3, 1
    )
    assert message_v0.write_entry(entry)[20:22] == b"\0\3"


@pytest.mark.parametrize("text", ["00", "0005000800010100", "0005000800020000", "0105000800010000"])
def test_not_of_version_1(text: str) -> None:
    assert not message_v1.is_v1(bytes.fromhex(text))
