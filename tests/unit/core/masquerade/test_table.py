"""The tables in all directions."""

from __future__ import annotations

import pytest

from pyvs.core.flags import Hook
from pyvs.core.masquerade.entry import Entry, MasqueradeFlag
from pyvs.core.masquerade.state import Masquerade
from pyvs.core.masquerade.table import MasqueradeTable
from pyvs.core.packet.header import parse
from pyvs.core.packet.packet import Packet
from pyvs.core.verdict import Verdict
from pyvs.testing.packets import TCP, UDP, address, tcp

MADDR, SECOND, INSIDE, OUT = (address(text) for text in ("192.0.2.1", "192.0.2.2", "10.1.0.5", "203.0.113.9"))


def pass_by(masquerading: Masquerade, data: bytes, hook: Hook) -> tuple[Packet, Verdict | None]:
    packet = Packet(data)
    return packet, masquerading.receive(packet, parse(data), hook)


def test_toward(masquerading: Masquerade) -> None:
    pass_by(masquerading, tcp(INSIDE, 1, OUT, 80), Hook.FORWARD)
    pass_by(masquerading, tcp(INSIDE, 2, OUT, 80), Hook.FORWARD)
    pass_by(masquerading, tcp(INSIDE, 3, OUT, 443), Hook.FORWARD)
    assert [entry.sport for entry in masquerading.table.toward(TCP, OUT, 80)] == [2, 1]


def entry(sport: int, flags: int = 0, daddr: bytes = OUT, dport: int = 53) -> Entry:
    made = Entry(UDP, MADDR, 61000 + sport, INSIDE, sport, daddr, dport)
    made.flags = int(flags)
    return made


def test_exact_ends() -> None:
    table = MasqueradeTable()
    one = entry(1)
    table.add(one)
    assert table.find_out(UDP, INSIDE, 1, OUT, 53) is one
    assert table.find_in(UDP, OUT, 53, MADDR, 61001) is one
    for protocol, saddr, sport, daddr, dport in (
        (TCP, INSIDE, 1, OUT, 53),
        (UDP, OUT, 1, OUT, 53),
        (UDP, INSIDE, 2, OUT, 53),
        (UDP, INSIDE, 1, INSIDE, 53),
        (UDP, INSIDE, 1, OUT, 54),
    ):
        assert table.find_out(protocol, saddr, sport, daddr, dport) is None


@pytest.mark.parametrize(
    ("flags", "any_address", "any_port"),
    [
        (MasqueradeFlag.NO_DADDR, True, False),
        (MasqueradeFlag.NO_DPORT, False, True),
        (MasqueradeFlag.DLOOSE, True, True),
        (MasqueradeFlag.NO_DADDR | MasqueradeFlag.NO_DPORT, True, True),
    ],
)
def test_loose_ends(flags: int, any_address: bool, any_port: bool) -> None:
    table = MasqueradeTable()
    table.add(entry(1, flags))
    assert (table.find_in(UDP, SECOND, 53, MADDR, 61001) is not None) is any_address
    assert (table.find_out(UDP, INSIDE, 1, SECOND, 53) is not None) is any_address
    assert (table.find_in(UDP, OUT, 99, MADDR, 61001) is not None) is any_port
    assert (table.find_out(UDP, INSIDE, 1, OUT, 99) is not None) is any_port


def test_an_unknown_source_port_is_the_last_resort() -> None:
    table = MasqueradeTable()
    unknown, known = entry(0, MasqueradeFlag.NO_SPORT), entry(7)
    table.add(unknown)
    table.add(known)
    assert table.find_out(UDP, INSIDE, 7, OUT, 53) is known
    assert table.find_out(UDP, INSIDE, 8, OUT, 53) is unknown
    assert table.find_out(UDP, INSIDE, 8, SECOND, 53) is None
    loose = entry(0, MasqueradeFlag.NO_SPORT | MasqueradeFlag.DLOOSE)
    table.add(loose)
    assert table.find_out(UDP, INSIDE, 8, SECOND, 99) is loose


def test_added_and_removed_once() -> None:
    table = MasqueradeTable()
    one = entry(1)
    table.add(one)
    table.add(one)
    assert (len(table), one.references) == (1, table.DIRECTIONS)
    assert table.remove(one)
    assert not table.remove(one)
    assert (len(table), one.references, list(table)) == (0, 0, [])
    assert table.toward(UDP, OUT, 53) == []
