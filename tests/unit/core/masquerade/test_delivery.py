"""How packets from outside reach the host behind: or why they do not."""

from __future__ import annotations

from pyvs.core.command import Output
from pyvs.core.flags import Hook
from pyvs.core.masquerade.state import Masquerade
from pyvs.core.packet.header import parse
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.verdict import Action, Verdict
from pyvs.testing.packets import ACK, SYN, TCP, address, tcp, udp

MADDR, SECOND, INSIDE, OUT = (address(text) for text in ("192.0.2.1", "192.0.2.2", "10.1.0.5", "203.0.113.9"))


def pass_by(masquerading: Masquerade, data: bytes, hook: Hook) -> tuple[Packet, Verdict | None]:
    packet = Packet(data)
    return packet, masquerading.receive(packet, parse(data), hook)


def test_the_sender_is_told_why_its_packet_can_t_go_on(masquerading: Masquerade) -> None:
    pass_by(masquerading, tcp(INSIDE, 40000, OUT, 80, SYN), Hook.FORWARD)
    packet, verdict = pass_by(masquerading, tcp(OUT, 80, MADDR, 61000, ACK, data=bytes(1600)), Hook.LOCAL_IN)
    assert verdict is not None
    assert verdict.action is Action.DROP
    (command,) = masquerading.ns.commands
    assert isinstance(command, Output)
    told = command.packet.data
    assert told[20:22] == b"\3\4"
    assert told[28 + 16 : 28 + 20] == MADDR, "the inside address is not told"
    assert packet.data[16:20] == MADDR
    assert all(entry.references == masquerading.table.DIRECTIONS for entry in masquerading.table)


def test_time_to_live_runs_out_here(masquerading: Masquerade) -> None:
    pass_by(masquerading, udp(INSIDE, 1, OUT, 53), Hook.FORWARD)
    reply = tcp(OUT, 53, MADDR, 61000, ttl=1)
    pass_by(masquerading, tcp(INSIDE, 1, OUT, 53), Hook.FORWARD)
    reply = tcp(OUT, 53, MADDR, 61001, SYN | ACK, ttl=1)
    packet, verdict = pass_by(masquerading, reply, Hook.LOCAL_IN)
    assert verdict is not None
    assert (verdict.action, verdict.reason) == (Action.DROP, Reason.TTL_EXCEEDED)
    assert packet.data == reply


def test_time_to_live_falls_by_one(masquerading: Masquerade) -> None:
    pass_by(masquerading, tcp(INSIDE, 1, OUT, 53), Hook.FORWARD)
    packet, _ = pass_by(masquerading, tcp(OUT, 53, MADDR, 61000, SYN | ACK), Hook.LOCAL_IN)
    assert packet.data[8] == 63


def test_a_machine_that_is_this_host_gets_it_from_the_own_stack(masquerading: Masquerade) -> None:
    masquerading.portfw.add(TCP, MADDR, 80, SECOND, 8080, 1)
    packet, verdict = pass_by(masquerading, tcp(OUT, 5, MADDR, 80), Hook.LOCAL_IN)
    assert verdict is not None
    assert (verdict.action, verdict.reason) == (Action.ACCEPT, Reason.DEMASQUERADED)
    assert packet.data[16:20] == SECOND
    assert packet.owned
    assert not masquerading.ns.commands
