"""ICMP of masqueraded connections, both ways."""

from __future__ import annotations

import pytest

from pyvs.core.flags import Hook
from pyvs.core.masquerade.state import Masquerade
from pyvs.core.packet.header import parse
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.verdict import Action, Verdict
from pyvs.testing.packets import ACK, SYN, address, checksums_right, icmp, tcp, udp

MADDR, INSIDE, OUT, ROUTER = (
    address(text) for text in ("192.0.2.1", "10.1.0.5", "203.0.113.9", "203.0.113.1")
)


def out(masquerading: Masquerade, data: bytes) -> Packet:
    packet = Packet(data)
    verdict = masquerading.receive(packet, parse(data), Hook.FORWARD)
    assert verdict is not None
    assert verdict.action is Action.ACCEPT, verdict
    return packet


def back(masquerading: Masquerade, data: bytes) -> tuple[Packet, Verdict | None]:
    packet = Packet(data)
    return packet, masquerading.receive(packet, parse(data), Hook.LOCAL_IN)


@pytest.mark.parametrize(("request_type", "reply"), [(8, 0), (13, 14), (15, 16), (17, 18)])
def test_request_and_reply(masquerading: Masquerade, request_type: int, reply: int) -> None:
    packet = out(masquerading, icmp(INSIDE, OUT, request_type, rest=0x00070001, data=b"x" * 32))
    assert packet.data[12:16] == MADDR
    ident = packet.data[24:26]
    assert ident == (61000).to_bytes(2, "big")
    assert checksums_right(packet.data)
    packet, verdict = back(masquerading, icmp(OUT, MADDR, reply, rest=int.from_bytes(ident + b"\0\1", "big")))
    assert verdict is not None
    assert verdict.reason is Reason.DEMASQUERADED
    assert (packet.data[16:20], packet.data[24:28]) == (INSIDE, b"\0\7\0\1")
    assert checksums_right(packet.data)
    assert all(entry.references == masquerading.table.DIRECTIONS for entry in masquerading.table)


def test_two_hosts_may_use_the_same_identifier(masquerading: Masquerade) -> None:
    first = out(masquerading, icmp(INSIDE, OUT, 8, rest=0x00070001))
    second = out(masquerading, icmp("10.1.0.6", OUT, 8, rest=0x00070001))
    assert first.data[24:26] != second.data[24:26]


def test_a_reply_of_another_kind_is_not_theirs(masquerading: Masquerade) -> None:
    packet = out(masquerading, icmp(INSIDE, OUT, 8, rest=0x00070001))
    ident = int.from_bytes(packet.data[24:26] + b"\0\1", "big")
    assert back(masquerading, icmp(OUT, MADDR, 14, rest=ident))[1] is None
    assert back(masquerading, icmp(ROUTER, MADDR, 0, rest=ident))[1] is None


@pytest.mark.parametrize("kind", [3, 4, 11])
@pytest.mark.parametrize("inner", ["tcp", "udp", "icmp"])
def test_error_about_a_packet_that_went_out(masquerading: Masquerade, kind: int, inner: str) -> None:
    original = {
        "tcp": tcp(INSIDE, 40000, OUT, 80),
        "udp": udp(INSIDE, 40000, OUT, 53),
        "icmp": icmp(INSIDE, OUT, 8, rest=0x9C400001),
    }[inner]
    sent = out(masquerading, original)
    packet, verdict = back(masquerading, icmp(ROUTER, MADDR, kind, rest=1400, data=sent.data[:28]))
    assert verdict is not None
    assert verdict.action is Action.STOLEN
    assert packet.data[16:20] == INSIDE
    quoted = packet.data[28:]
    assert quoted[12:20] == INSIDE + OUT
    assert quoted[:20] == original[:20], "as the inside host sent it"
    assert quoted[20 : 24 if inner != "icmp" else 22] == original[20 : 24 if inner != "icmp" else 22]
    if inner == "icmp":
        assert quoted[24:26] == original[24:26]
    assert checksums_right(packet.data)


def test_error_from_inside_about_a_packet_that_came_in(masquerading: Masquerade) -> None:
    sent = out(masquerading, udp(INSIDE, 40000, OUT, 53))
    port = int.from_bytes(sent.data[20:22], "big")
    came, _ = back(masquerading, udp(OUT, 53, MADDR, port))
    packet = out(masquerading, icmp(INSIDE, OUT, 3, 3, data=came.data[:28]))
    assert packet.data[12:16] == MADDR
    assert packet.data[28 + 16 : 28 + 24] == MADDR + (53).to_bytes(2, "big") + port.to_bytes(2, "big")
    assert checksums_right(packet.data)


def test_error_about_nothing_of_ours(masquerading: Masquerade) -> None:
    for data in (tcp(MADDR, 61000, OUT, 80), tcp(MADDR, 22, OUT, 80)):
        assert back(masquerading, icmp(ROUTER, MADDR, 3, data=data[:28]))[1] is None
    packet = out(masquerading, icmp(INSIDE, OUT, 3, data=tcp(OUT, 80, INSIDE, 1)[:28]))
    assert packet.data[12:16] == INSIDE


def test_wrong_checksums_are_dropped(masquerading: Masquerade) -> None:
    sent = out(masquerading, tcp(INSIDE, 40000, OUT, 80))
    error = icmp(ROUTER, MADDR, 3, data=sent.data[:28])
    _, verdict = back(masquerading, error[:-1] + bytes((error[-1] ^ 1,)))
    assert verdict is not None
    assert verdict.reason is Reason.BAD_CHECKSUM


def test_other_icmp_is_left_alone(masquerading: Masquerade) -> None:
    assert back(masquerading, icmp(OUT, MADDR, 8))[1] is None
    assert out(masquerading, icmp(INSIDE, OUT, 5)).data == icmp(INSIDE, OUT, 5)


def test_errors_of_a_forwarded_port_both_ways(masquerading: Masquerade) -> None:
    server = address("172.16.0.9")
    masquerading.portfw.add(6, MADDR, 80, server, 8080, 1)
    came, _ = back(masquerading, tcp(OUT, 5000, MADDR, 80, SYN))
    packet = out(masquerading, icmp(server, OUT, 3, 3, data=came.data[:28]))
    assert packet.data[12:16] == MADDR
    reply = out(masquerading, tcp(server, 8080, OUT, 5000, SYN | ACK))
    packet, verdict = back(masquerading, icmp(ROUTER, MADDR, 3, 4, 1400, reply.data[:28]))
    assert verdict is not None
    assert packet.data[16:20] == server
    assert packet.data[48:50] == (8080).to_bytes(2, "big")
