"""The seed's function (12) `ip_fw_demasquerade`, each numbered step."""

from __future__ import annotations

import pytest

from pyvs.core.command import Transmit
from pyvs.core.masquerade.demasquerade import demasquerade
from pyvs.core.masquerade.entry import Entry, MasqueradeFlag
from pyvs.core.masquerade.masquerade import masquerade
from pyvs.core.masquerade.new import new_entry
from pyvs.core.masquerade.state import Masquerade
from pyvs.core.masquerade.states import MasqueradeState
from pyvs.core.packet.checksum import checksum
from pyvs.core.packet.header import parse
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.verdict import Action, Verdict
from pyvs.testing.packets import ACK, SYN, TCP, UDP, address, checksums_right, icmp, ipv4, tcp, udp

MADDR, INSIDE = address("192.0.2.1"), address("10.1.0.5")
OUT, ELSEWHERE = address("203.0.113.9"), address("203.0.113.10")


def entry_of(masquerading: Masquerade, flags: int = 0, proto: int = TCP, dport: int = 80) -> Entry:
    entry = new_entry(masquerading, proto, MADDR, 0, INSIDE, 40000, OUT, dport, flags)
    assert entry is not None
    assert entry.mport == 61000
    masquerading.put(entry)
    return entry


def back(masquerading: Masquerade, data: bytes | None = None) -> tuple[Packet, Verdict | None]:
    packet = Packet(data or tcp(OUT, 80, MADDR, 61000, SYN | ACK))
    return packet, demasquerade(masquerading, packet, parse(packet.data))


def test_steps_1_to_3_start_size_and_offset_of_the_data(masquerading: Masquerade) -> None:
    entry_of(masquerading)
    plain = tcp(OUT, 80, MADDR, 61000, SYN | ACK, data=b"abc")
    options = bytes((0x46,)) + plain[1:2] + (len(plain) + 4).to_bytes(2, "big") + plain[4:10]
    head = options + b"\0\0" + plain[12:20] + bytes((1, 1, 1, 0))
    head = head[:10] + checksum(head).to_bytes(2, "big") + head[12:]
    packet, verdict = back(masquerading, head + plain[20:])
    assert verdict is not None
    assert packet.data[24:28] == bytes.fromhex("00509c40"), "the ports behind the options"
    assert checksums_right(packet.data)
    assert packet.data.endswith(b"abc")


@pytest.mark.parametrize("offset", [0x30, 0xF0])
def test_step_3_an_offset_that_can_t_be_is_refused(masquerading: Masquerade, offset: int) -> None:
    entry_of(masquerading)
    data = bytearray(tcp(OUT, 80, MADDR, 61000))
    data[32] = offset
    _, verdict = back(masquerading, bytes(data))
    assert verdict is not None
    assert verdict.action is Action.DROP


def test_step_3_other_protocols_are_the_host_s(masquerading: Masquerade) -> None:
    assert back(masquerading, ipv4(OUT, MADDR, 47, bytes(8)))[1] is None


def test_step_4_the_masquerade_address_is_the_packet_s_destination(masquerading: Masquerade) -> None:
    entry_of(masquerading)
    assert back(masquerading, tcp(OUT, 80, address("192.0.2.2"), 61000))[1] is None
    assert back(masquerading)[1] is not None


def test_step_5_icmp_goes_its_own_way(masquerading: Masquerade) -> None:
    packet = Packet(icmp(INSIDE, OUT, 8, rest=0x00070001))
    masquerade(masquerading, packet, parse(packet.data), MADDR)
    ident = packet.data[24:26]
    packet, verdict = back(masquerading, icmp(OUT, MADDR, 0, rest=int.from_bytes(ident + b"\0\1", "big")))
    assert verdict is not None
    assert packet.data[16:20] == INSIDE
    assert packet.data[24:26] == b"\0\7"


@pytest.mark.parametrize("port", [60999, 65097])
def test_step_5_the_port_must_be_in_the_range(masquerading: Masquerade, port: int) -> None:
    entry_of(masquerading, proto=UDP, dport=53)
    assert back(masquerading, udp(OUT, 53, MADDR, port))[1] is None
    assert back(masquerading, udp(OUT, 53, MADDR, 61000))[1] is not None


def test_step_5_then_the_checksum_must_be_right(masquerading: Masquerade) -> None:
    entry = entry_of(masquerading, proto=UDP, dport=53)
    data = udp(OUT, 53, MADDR, 61000)
    _, verdict = back(masquerading, data[:-1] + b"!")
    assert verdict is not None
    assert (verdict.action, verdict.reason) == (Action.DROP, Reason.BAD_CHECKSUM)
    assert entry.flags & MasqueradeFlag.NO_REPLY
    assert back(masquerading, udp(OUT, 53, MADDR, 61000, check=False))[1] is not None


def test_step_6_without_a_match_it_is_the_host_s(masquerading: Masquerade) -> None:
    entry_of(masquerading)
    for data in (tcp(OUT, 81, MADDR, 61000), tcp(ELSEWHERE, 80, MADDR, 61000), tcp(OUT, 80, MADDR, 61001)):
        packet, verdict = back(masquerading, data)
        assert verdict is None
        assert packet.data == data


def test_step_7_a_reply_was_seen(masquerading: Masquerade) -> None:
    entry = entry_of(masquerading)
    assert entry.flags & MasqueradeFlag.NO_REPLY
    back(masquerading)
    assert not entry.flags & MasqueradeFlag.NO_REPLY


def test_step_7_a_loose_entry_takes_the_new_peer(masquerading: Masquerade) -> None:
    entry = entry_of(masquerading, MasqueradeFlag.DLOOSE)
    back(masquerading, tcp(ELSEWHERE, 8080, MADDR, 61000))
    assert (entry.daddr, entry.dport) == (ELSEWHERE, 8080)
    assert entry.flags & MasqueradeFlag.DLOOSE, "again and again"


def test_step_8_the_destination_port_is_learnt_once(masquerading: Masquerade) -> None:
    entry = entry_of(masquerading, MasqueradeFlag.NO_DPORT)
    back(masquerading, tcp(OUT, 1234, MADDR, 61000))
    assert entry.dport == 1234
    assert not entry.flags & MasqueradeFlag.NO_DPORT
    assert back(masquerading, tcp(OUT, 1235, MADDR, 61000))[1] is None


def test_step_9_the_destination_address_is_learnt_once(masquerading: Masquerade) -> None:
    entry = entry_of(masquerading, MasqueradeFlag.NO_DADDR)
    back(masquerading, tcp(ELSEWHERE, 80, MADDR, 61000))
    assert entry.daddr == ELSEWHERE
    assert not entry.flags & MasqueradeFlag.NO_DADDR
    assert back(masquerading, tcp(OUT, 80, MADDR, 61000))[1] is None


def test_step_10_who_else_holds_the_packet_s_bytes_keeps_them(masquerading: Masquerade) -> None:
    entry_of(masquerading)
    data = tcp(OUT, 80, MADDR, 61000, SYN | ACK)
    kept = bytes(bytearray(data))
    packet, _ = back(masquerading, data)
    assert packet.data != data
    assert data == kept


def test_step_11_the_destination_address_becomes_the_inside_host_s(masquerading: Masquerade) -> None:
    entry_of(masquerading)
    packet, _ = back(masquerading)
    assert packet.data[16:20] == INSIDE
    assert packet.data[12:16] == OUT


def test_step_12_the_destination_port_becomes_the_inside_host_s(masquerading: Masquerade) -> None:
    entry_of(masquerading)
    packet, _ = back(masquerading)
    assert packet.data[20:24] == bytes.fromhex("00509c40")


def test_step_13_the_helper_sees_the_data(masquerading: Masquerade) -> None:
    class Shout:
        def bound(self, masquerade: Masquerade, entry: Entry) -> None: ...

        def unbound(self, masquerade: Masquerade, entry: Entry) -> None: ...

        def outgoing(self, masquerade: Masquerade, entry: Entry, data: bytes) -> bytes:
            return data

        def incoming(self, masquerade: Masquerade, entry: Entry, data: bytes) -> bytes:
            return data.upper()

    masquerading.helpers[TCP, 80] = Shout()
    entry_of(masquerading)
    packet, _ = back(masquerading, tcp(OUT, 80, MADDR, 61000, ACK, data=b"hello"))
    assert packet.data.endswith(b"HELLO")
    assert checksums_right(packet.data)


@pytest.mark.parametrize("proto", [TCP, UDP])
def test_step_14_the_transport_checksum_is_right(masquerading: Masquerade, proto: int) -> None:
    entry_of(masquerading, proto=proto)
    data = tcp(OUT, 80, MADDR, 61000, data=b"odd") if proto == TCP else udp(OUT, 80, MADDR, 61000, b"odd")
    packet, _ = back(masquerading, data)
    assert checksums_right(packet.data)


def test_step_15_the_header_checksum_is_right(masquerading: Masquerade) -> None:
    entry_of(masquerading)
    packet, _ = back(masquerading)
    assert checksum(packet.data[:20]) == 0


def test_step_16_the_state_moves_on_as_by_an_incoming_packet(masquerading: Masquerade) -> None:
    packet = Packet(tcp(INSIDE, 40000, OUT, 80))
    masquerade(masquerading, packet, parse(packet.data), MADDR)
    (entry,) = masquerading.table
    assert entry.state == MasqueradeState.SYN_SENT
    back(masquerading)
    assert (entry.state, entry.timeout) == (MasqueradeState.ESTABLISHED, 900.0)


def test_step_17_the_entry_is_let_go(masquerading: Masquerade) -> None:
    entry = entry_of(masquerading)
    masquerading.ns.now = 150.0
    back(masquerading)
    assert entry.references == masquerading.table.DIRECTIONS
    assert entry.expires == 150.0 + entry.timeout


def test_step_18_the_packet_is_sent_to_the_inside_host(masquerading: Masquerade) -> None:
    entry_of(masquerading)
    packet, verdict = back(masquerading)
    assert verdict is not None
    assert (verdict.action, verdict.reason) == (Action.STOLEN, Reason.DEMASQUERADED)
    (command,) = masquerading.ns.commands
    assert isinstance(command, Transmit)
    assert command.packet is packet
    assert command.destination == INSIDE
    assert packet.owned
