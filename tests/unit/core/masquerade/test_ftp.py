"""FTP of masqueraded clients."""

from __future__ import annotations

import pytest

from pyvs.core.flags import Hook
from pyvs.core.masquerade.entry import MasqueradeFlag
from pyvs.core.masquerade.ftp import AWAITED_MAX
from pyvs.core.masquerade.state import Masquerade
from pyvs.core.masquerade.states import MasqueradeState
from pyvs.core.packet.header import parse
from pyvs.core.packet.packet import Packet
from pyvs.core.verdict import Action
from pyvs.testing.packets import ACK, SYN, address, checksums_right, tcp

MADDR, INSIDE, OUT = (address(text) for text in ("192.0.2.1", "10.1.0.5", "203.0.113.9"))


@pytest.fixture
def ftp(masquerading: Masquerade) -> Masquerade:
    """A control connection that is established."""
    out(masquerading, b"", SYN)
    packet = Packet(tcp(OUT, 21, MADDR, 61000, SYN | ACK))
    masquerading.receive(packet, parse(packet.data), Hook.LOCAL_IN)
    return masquerading


def out(ftp: Masquerade, data: bytes, flags: int = ACK, seq: int = 1001) -> bytes:
    """What of a command of the client leaves."""
    packet = Packet(tcp(INSIDE, 40000, OUT, 21, flags, seq=seq, data=data))
    verdict = ftp.receive(packet, parse(packet.data), Hook.FORWARD)
    assert verdict is not None
    assert verdict.action is Action.ACCEPT
    assert checksums_right(packet.data)
    return packet.data[40:]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"PORT 10,1,0,5,156,65\r\n", b"PORT 192,0,2,1,238,73\r\n"),
        (b"port  10,1,0,5,156,65\r\n", b"port  192,0,2,1,238,73\r\n"),
        (b"EPRT |1|10.1.0.5|40001|\r\n", b"EPRT |1|192.0.2.1|61001|\r\n"),
    ],
)
def test_an_active_transfer(ftp: Masquerade, said: bytes, told: bytes) -> None:
    assert out(ftp, said) == told
    control, awaited = ftp.table
    assert awaited.control is control
    assert control.n_control == 1
    assert (awaited.saddr, awaited.sport, awaited.daddr) == (INSIDE, 40001, OUT)
    assert (awaited.state, awaited.flags & MasqueradeFlag.NO_DPORT) == (MasqueradeState.LISTEN, 4)
    packet = Packet(tcp(OUT, 20, MADDR, 61001, SYN))
    verdict = ftp.receive(packet, parse(packet.data), Hook.LOCAL_IN)
    assert verdict is not None
    assert verdict.action is Action.STOLEN
    assert packet.data[16:20] + packet.data[22:24] == INSIDE + (40001).to_bytes(2, "big")
    assert awaited.dport == 20, "learnt"


def test_what_follows_is_shifted(ftp: Masquerade) -> None:
    said, told = b"PORT 10,1,0,5,156,65\r\n", b"PORT 192,0,2,1,238,73\r\n"
    out(ftp, said)
    packet = Packet(tcp(INSIDE, 40000, OUT, 21, ACK, seq=1001 + len(said), data=b"LIST\r\n"))
    ftp.receive(packet, parse(packet.data), Hook.FORWARD)
    assert int.from_bytes(packet.data[24:28], "big") == 1001 + len(told)
    packet = Packet(tcp(OUT, 21, MADDR, 61000, ACK, ack=1001 + len(told)))
    ftp.receive(packet, parse(packet.data), Hook.LOCAL_IN)
    assert int.from_bytes(packet.data[28:32], "big") == 1001 + len(said)


def test_a_repeated_command_names_the_same_port(ftp: Masquerade) -> None:
    assert out(ftp, b"PORT 10,1,0,5,156,65\r\n") == out(ftp, b"PORT 10,1,0,5,156,65\r\n")
    assert len(ftp.table) == 2


@pytest.mark.parametrize(
    "said",
    [
        b"PORT 10,1,0,6,156,65\r\n",  # another host
        b"PORT 10,1,0,5,0,22\r\n",  # a service
        b"EPRT |2|2001:db8::1|40001|\r\n",
        b"PORT 10,1,0,5\r\n",
        b"PASV\r\n",
        b"\xff" * 40,
    ],
)
def test_left_alone(ftp: Masquerade, said: bytes) -> None:
    assert out(ftp, said) == said
    assert len(ftp.table) == 1


def test_awaited_connections_are_bounded(ftp: Masquerade) -> None:
    for number in range(100):
        out(ftp, b"PORT 10,1,0,5,156,%d\r\n" % number, seq=1001 + 30 * number)
    assert len(ftp.table) == 1 + AWAITED_MAX


def test_the_control_connection_outlives_what_is_awaited(ftp: Masquerade) -> None:
    out(ftp, b"PORT 10,1,0,5,156,65\r\n")
    for wait in range(1, 20):
        ftp.handle(100.0 + wait * 200)
    assert len(ftp.table) == 0
