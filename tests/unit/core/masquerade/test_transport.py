"""The transport part: checked, rewritten, changed by a helper."""

from __future__ import annotations

import pytest

from pyvs.core.connections.connection import Sequence
from pyvs.core.flags import Hook
from pyvs.core.masquerade.entry import Entry
from pyvs.core.masquerade.state import Masquerade
from pyvs.core.masquerade.transport import assemble, check, ip_head, part_of
from pyvs.core.packet.header import Malformed, parse
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.verdict import Verdict
from pyvs.testing.packets import ACK, TCP, UDP, address, checksums_right, icmp, ipv4, tcp, udp

MADDR, SECOND, INSIDE, OUT = (address(text) for text in ("192.0.2.1", "192.0.2.2", "10.1.0.5", "203.0.113.9"))


def pass_by(masquerading: Masquerade, data: bytes, hook: Hook) -> tuple[Packet, Verdict | None]:
    packet = Packet(data)
    return packet, masquerading.receive(packet, parse(data), hook)


@pytest.mark.parametrize(
    ("data", "size"),
    [(tcp(INSIDE, 1, OUT, 2, data=b"x"), 20), (udp(INSIDE, 1, OUT, 2), 8), (icmp(INSIDE, OUT, 8), 8)],
)
def test_where_the_data_begin(data: bytes, size: int) -> None:
    header = parse(data)
    packet = Packet(data)
    part, offset = part_of(packet, header)
    assert (part, offset) == (data[20:], size)
    check(packet, header, part)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (ipv4(INSIDE, OUT, TCP, bytes(19)), Reason.TRUNCATED),
        (ipv4(INSIDE, OUT, UDP, bytes(7)), Reason.TRUNCATED),
        (ipv4(INSIDE, OUT, TCP, bytes(12) + b"\x40" + bytes(7)), Reason.BAD_HEADER),
        (ipv4(INSIDE, OUT, TCP, bytes(12) + b"\x60" + bytes(7)), Reason.BAD_HEADER),
    ],
)
def test_what_can_t_be(data: bytes, reason: Reason) -> None:
    with pytest.raises(Malformed) as refused:
        part_of(Packet(data), parse(data))
    assert refused.value.reason is reason


def test_a_checksum_that_the_device_would_make_is_not_judged() -> None:
    data = bytearray(tcp(INSIDE, 1, OUT, 2))
    data[36:38] = b"\0\0"
    packet = Packet(bytes(data))
    packet.checksum_partial = True
    check(packet, parse(packet.data), packet.data[20:])
    packet.checksum_partial = False
    with pytest.raises(Malformed):
        check(packet, parse(packet.data), packet.data[20:])


def test_assemble_sets_lengths_and_checksums() -> None:
    data = udp(INSIDE, 1, OUT, 2, b"short")
    longer = assemble(data[:20], UDP, MADDR, OUT, data[20:] + b" and long")
    assert checksums_right(longer)
    assert int.from_bytes(longer[2:4], "big") == len(longer) == 20 + int.from_bytes(longer[24:26], "big")


def test_a_udp_checksum_is_never_zero() -> None:
    data = udp(INSIDE, 1, OUT, 2, b"\0\0")
    value = int.from_bytes(assemble(data[:20], UDP, INSIDE, OUT, data[20:])[26:28], "big")
    whole = assemble(data[:20], UDP, INSIDE, OUT, data[20:28] + value.to_bytes(2, "big"))
    assert whole[26:28] == b"\xff\xff"


def test_ip_head_keeps_what_is_not_addressed() -> None:
    data = tcp(INSIDE, 1, OUT, 2)
    head = ip_head(data[:20], MADDR, SECOND)
    assert head[:10] == data[:10]
    assert head[12:] == MADDR + SECOND
    assert checksums_right(assemble(head, TCP, MADDR, SECOND, data[20:]))


class Grow:
    """A helper that makes outgoing data longer by four bytes."""

    def bound(self, masquerade: Masquerade, entry: Entry) -> None: ...

    def unbound(self, masquerade: Masquerade, entry: Entry) -> None: ...

    def outgoing(self, masquerade: Masquerade, entry: Entry, data: bytes) -> bytes:
        return data + b"more" if data == b"grow" else data

    def incoming(self, masquerade: Masquerade, entry: Entry, data: bytes) -> bytes:
        return data


def numbers(packet: Packet) -> tuple[int, int]:
    return int.from_bytes(packet.data[24:28], "big"), int.from_bytes(packet.data[28:32], "big")


def test_a_helper_may_change_the_length(masquerading: Masquerade) -> None:
    masquerading.helpers[TCP, 21] = Grow()

    def out(seq: int, ack: int, data: bytes = b"") -> Packet:
        return pass_by(masquerading, tcp(INSIDE, 1, OUT, 21, ACK, seq=seq, ack=ack, data=data), Hook.FORWARD)[
            0
        ]

    def back(seq: int, ack: int) -> Packet:
        return pass_by(masquerading, tcp(OUT, 21, MADDR, 61000, ACK, seq=seq, ack=ack), Hook.LOCAL_IN)[0]

    packet = out(100, 500, b"grow")
    assert packet.data.endswith(b"growmore")
    assert int.from_bytes(packet.data[2:4], "big") == len(packet.data)
    assert numbers(packet) == (100, 500)
    assert numbers(back(500, 108)) == (500, 104)
    assert numbers(out(104, 500, b"x")) == (108, 500)
    assert numbers(out(100, 500, b"grow")) == (100, 500), "repeated: as at first"
    assert numbers(out(105, 500, b"grow")) == (109, 500)
    assert numbers(back(500, 117)) == (500, 109)
    (entry,) = masquerading.table
    assert entry.out_seq is not None
    assert (entry.out_seq.delta, entry.out_seq.previous_delta) == (8, 4)
    assert isinstance(entry.out_seq, Sequence)
