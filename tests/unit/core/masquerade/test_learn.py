"""What entries learn, alone and in the walk."""

from __future__ import annotations

from pyvs.core.flags import Hook
from pyvs.core.masquerade.entry import Entry, MasqueradeFlag
from pyvs.core.masquerade.learn import follow, from_inside, from_outside
from pyvs.core.masquerade.new import new_entry
from pyvs.core.masquerade.state import Masquerade
from pyvs.core.packet.header import parse
from pyvs.core.packet.packet import Packet
from pyvs.core.verdict import Verdict
from pyvs.testing.packets import UDP, address, tcp

MADDR, SECOND, INSIDE, OUT = (address(text) for text in ("192.0.2.1", "192.0.2.2", "10.1.0.5", "203.0.113.9"))


def pass_by(masquerading: Masquerade, data: bytes, hook: Hook) -> tuple[Packet, Verdict | None]:
    packet = Packet(data)
    return packet, masquerading.receive(packet, parse(data), hook)


def test_follow_to_an_address_where_the_port_is_in_use(masquerading: Masquerade) -> None:
    pass_by(masquerading, tcp(INSIDE, 1, OUT, 80), Hook.FORWARD)
    masquerading.pool.begin_at(61000)
    masquerading.networks.clear()
    masquerading.add_network(address("10.1.0.0"), 24, SECOND)
    pass_by(masquerading, tcp(INSIDE, 2, OUT, 80), Hook.FORWARD)
    assert {(entry.maddr, entry.mport) for entry in masquerading.table} == {(MADDR, 61000), (SECOND, 61000)}
    packet, _ = pass_by(masquerading, tcp(INSIDE, 1, OUT, 80), Hook.FORWARD)
    assert packet.data[12:16] == SECOND
    assert packet.data[20:22] == (61001).to_bytes(2, "big")
    assert len(masquerading.table) == 2


def entry_of(masquerading: Masquerade, flags: int = 0) -> Entry:
    entry = new_entry(masquerading, UDP, MADDR, 0, INSIDE, 40000, OUT, 53, flags)
    assert entry is not None
    return entry


def test_follow_changes_nothing_that_need_not_change(masquerading: Masquerade) -> None:
    entry = entry_of(masquerading)
    assert follow(masquerading, entry, MADDR) is entry
    from_outside(masquerading, entry, OUT, 53)
    assert follow(masquerading, entry, SECOND) is entry
    assert entry.maddr == MADDR


def test_from_inside_fills_a_source_port_once(masquerading: Masquerade) -> None:
    entry = entry_of(masquerading, MasqueradeFlag.NO_SPORT)
    from_inside(masquerading, entry, 7, OUT, 53)
    from_inside(masquerading, entry, 8, OUT, 53)
    assert entry.sport == 7
    assert masquerading.table.find_out(UDP, INSIDE, 7, OUT, 53) is entry


def test_from_outside_learns_port_and_address_at_once(masquerading: Masquerade) -> None:
    entry = entry_of(masquerading, MasqueradeFlag.NO_DPORT | MasqueradeFlag.NO_DADDR)
    from_outside(masquerading, entry, SECOND, 99)
    assert (entry.daddr, entry.dport) == (SECOND, 99)
    from_outside(masquerading, entry, OUT, 53)
    assert (entry.daddr, entry.dport) == (SECOND, 99)
    assert masquerading.table.find_in(UDP, SECOND, 99, MADDR, 61000) is entry
    assert masquerading.table.find_in(UDP, OUT, 53, MADDR, 61000) is None
