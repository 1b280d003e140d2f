"""The seed's function (11) `ip_fw_masquerade`, each numbered step."""

from __future__ import annotations

import pytest

from pyvs.core.masquerade.entry import Entry, MasqueradeFlag
from pyvs.core.masquerade.masquerade import masquerade
from pyvs.core.masquerade.new import new_entry
from pyvs.core.masquerade.state import Masquerade
from pyvs.core.packet.header import parse
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.verdict import Action, Verdict
from pyvs.testing.packets import TCP, UDP, address, checksums_right, ipv4, tcp, udp

MADDR, SECOND = address("192.0.2.1"), address("192.0.2.2")
INSIDE, OUT, ELSEWHERE = address("10.1.0.5"), address("203.0.113.9"), address("203.0.113.10")


def out(masquerading: Masquerade, data: bytes | None = None, maddr: bytes = MADDR) -> tuple[Packet, Verdict]:
    packet = Packet(data or tcp(INSIDE, 40000, OUT, 80))
    return packet, masquerade(masquerading, packet, parse(packet.data), maddr)


def only(masquerading: Masquerade) -> Entry:
    (entry,) = masquerading.table
    return entry


@pytest.mark.parametrize("build", [tcp, udp])
def test_step_1_a_wrong_checksum_is_refused(masquerading: Masquerade, build: object) -> None:
    right = tcp(INSIDE, 40000, OUT, 80) if build is tcp else udp(INSIDE, 40000, OUT, 80)
    wrong = right[:-1] + bytes((right[-1] ^ 1,))
    packet, verdict = out(masquerading, wrong)
    assert verdict.action is Action.DROP
    assert verdict.reason is Reason.BAD_CHECKSUM
    assert len(masquerading.table) == 0
    assert packet.data == wrong


def test_step_1_a_protocol_that_has_no_ports_is_refused(masquerading: Masquerade) -> None:
    assert out(masquerading, ipv4(INSIDE, OUT, 47, bytes(8)))[1].action is Action.DROP


def test_step_1_udp_without_a_checksum_is_fine(masquerading: Masquerade) -> None:
    packet, verdict = out(masquerading, udp(INSIDE, 40000, OUT, 53, check=False))
    assert verdict.action is Action.ACCEPT
    assert packet.data[26:28] != b"\0\0"
    assert checksums_right(packet.data)


def test_step_2_an_entry_that_exists_is_found(masquerading: Masquerade) -> None:
    for _ in range(3):
        packet, _ = out(masquerading)
        assert packet.data[20:22] == (61000).to_bytes(2, "big")
    assert len(masquerading.table) == 1


def test_step_3_the_entry_follows_the_masquerade_address(masquerading: Masquerade) -> None:
    out(masquerading)
    packet, _ = out(masquerading, maddr=SECOND)
    entry = only(masquerading)
    assert entry.maddr == SECOND
    assert masquerading.table.find_in(TCP, OUT, 80, MADDR, 61000) is None, "the old place is empty"
    assert masquerading.table.find_in(TCP, OUT, 80, SECOND, 61000) is entry, "the new one is not"
    assert packet.data[12:16] == SECOND


def test_step_3_not_once_a_reply_has_come(masquerading: Masquerade) -> None:
    out(masquerading)
    only(masquerading).flags &= ~MasqueradeFlag.NO_REPLY
    packet, _ = out(masquerading, maddr=SECOND)
    assert only(masquerading).maddr == packet.data[12:16] == MADDR


def test_step_4_the_source_port_is_learnt(masquerading: Masquerade) -> None:
    entry = new_entry(masquerading, TCP, MADDR, 0, INSIDE, 0, OUT, 80, MasqueradeFlag.NO_SPORT)
    assert entry is not None
    masquerading.put(entry)
    packet, _ = out(masquerading)
    assert only(masquerading) is entry
    assert entry.sport == 40000
    assert not entry.flags & MasqueradeFlag.NO_SPORT
    assert masquerading.table.find_out(TCP, INSIDE, 40000, OUT, 80) is entry
    assert masquerading.table.find_out(TCP, INSIDE, 40001, OUT, 80) is None
    assert packet.data[20:22] == entry.mport.to_bytes(2, "big")


def test_step_5_a_loose_entry_goes_with_the_destination(masquerading: Masquerade) -> None:
    entry = new_entry(masquerading, UDP, MADDR, 0, INSIDE, 40000, OUT, 53, MasqueradeFlag.DLOOSE)
    assert entry is not None
    masquerading.put(entry)
    out(masquerading, udp(INSIDE, 40000, ELSEWHERE, 5353))
    assert only(masquerading) is entry
    assert (entry.daddr, entry.dport) == (ELSEWHERE, 5353)


def test_step_5_a_strict_one_does_not(masquerading: Masquerade) -> None:
    out(masquerading, udp(INSIDE, 40000, OUT, 53))
    out(masquerading, udp(INSIDE, 40000, ELSEWHERE, 53))
    assert {entry.daddr for entry in masquerading.table} == {OUT, ELSEWHERE}


def test_step_6_without_an_entry_one_is_made(masquerading: Masquerade) -> None:
    out(masquerading)
    entry = only(masquerading)
    assert (entry.protocol, entry.saddr, entry.sport) == (TCP, INSIDE, 40000)
    assert (entry.daddr, entry.dport, entry.maddr, entry.mport) == (OUT, 80, MADDR, 61000)


def test_step_6_the_packet_is_refused_when_none_can_be_made(masquerading: Masquerade) -> None:
    masquerading.pool.free[TCP] = 0
    packet, verdict = out(masquerading)
    assert verdict.action is Action.DROP
    assert packet.data == tcp(INSIDE, 40000, OUT, 80)


def test_step_7_the_source_address_becomes_the_director_s(masquerading: Masquerade) -> None:
    packet, _ = out(masquerading)
    assert packet.data[12:16] == MADDR
    assert packet.data[16:20] == OUT


def test_step_8_the_source_port_becomes_the_masquerade_port(masquerading: Masquerade) -> None:
    packet, _ = out(masquerading)
    assert packet.data[20:24] == bytes.fromhex("ee480050")


@pytest.mark.parametrize(
    "data", [tcp(INSIDE, 40000, OUT, 80, data=b"odd"), udp(INSIDE, 40000, OUT, 80, b"ab")]
)
def test_step_9_the_checksums_are_right(masquerading: Masquerade, data: bytes) -> None:
    packet, _ = out(masquerading, data)
    assert checksums_right(packet.data)


def test_step_10_the_entry_is_let_go(masquerading: Masquerade) -> None:
    out(masquerading)
    entry = only(masquerading)
    assert entry.references == masquerading.table.DIRECTIONS
    assert entry.expires == 100.0 + entry.timeout, "so its timer runs again"


def test_step_11_the_packet_goes_on(masquerading: Masquerade) -> None:
    _, verdict = out(masquerading)
    assert (verdict.action, verdict.reason) == (Action.ACCEPT, Reason.MASQUERADED)
