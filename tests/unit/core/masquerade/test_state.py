"""The whole of masquerading: networks, timers, and any packets in any order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Hook
from pyvs.core.masquerade.entry import MasqueradeFlag, control_add
from pyvs.core.masquerade.new import new_entry
from pyvs.core.masquerade.ports import BEGIN, END
from pyvs.core.masquerade.state import Masquerade
from pyvs.core.masquerade.states import MasqueradeState
from pyvs.core.namespace import Namespace
from pyvs.core.packet.header import Malformed, parse
from pyvs.core.packet.packet import Packet
from pyvs.core.verdict import Action, Verdict
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.packets import ACK, FIN, RST, SYN, TCP, UDP, address, checksums_right, icmp, tcp, udp

MADDR, SECOND, INSIDE, OUT = (address(text) for text in ("192.0.2.1", "192.0.2.2", "10.1.0.5", "203.0.113.9"))


def pass_by(masquerading: Masquerade, data: bytes, hook: Hook) -> tuple[Packet, Verdict | None]:
    packet = Packet(data)
    return packet, masquerading.receive(packet, parse(data), hook)


def test_networks_are_judged(masquerading: Masquerade) -> None:
    for network, length, given_address, errno in (
        ("10.1.0.1", 24, None, Errno.EINVAL),
        ("10.2.0.0", 33, None, Errno.EINVAL),
        ("10.2.0.0", -1, None, Errno.EINVAL),
        ("10.1.0.0", 24, None, Errno.EEXIST),
        ("10.2.0.0", 24, address("203.0.113.1"), Errno.EADDRNOTAVAIL),
    ):
        with pytest.raises(ControlError) as refused:
            masquerading.add_network(address(network), length, given_address)
        assert refused.value.errno == errno
    assert [str(network) for network in masquerading.networks] == ["10.1.0.0/24"]
    masquerading.remove_network(address("10.1.0.0"), 24)
    with pytest.raises(ControlError) as refused:
        masquerading.remove_network(address("10.1.0.0"), 24)
    assert refused.value.errno == Errno.ESRCH


def test_the_longest_network_decides(masquerading: Masquerade) -> None:
    masquerading.add_network(address("10.0.0.0"), 8)
    masquerading.add_network(address("10.1.0.4"), 30, SECOND)
    seen = [
        pass_by(masquerading, tcp(source, 1, OUT, 2), Hook.FORWARD)[0].data[12:16]
        for source in ("10.1.0.5", "10.1.0.9", "10.9.9.9", "11.0.0.1")
    ]
    assert seen == [SECOND, MADDR, MADDR, address("11.0.0.1")]


def test_within_a_network_nothing_is_masqueraded(masquerading: Masquerade) -> None:
    assert pass_by(masquerading, tcp(INSIDE, 1, "10.1.0.9", 2), Hook.FORWARD)[1] is None


@pytest.mark.parametrize("hook", [Hook.LOCAL_OUT, Hook.PRE_ROUTING])
def test_other_hooks_are_left_alone(masquerading: Masquerade, hook: Hook) -> None:
    assert pass_by(masquerading, tcp(INSIDE, 1, OUT, 2), hook)[1] is None


def test_a_tcp_connection_from_start_to_end(masquerading: Masquerade) -> None:
    states = []
    for data, hook in (
        (tcp(INSIDE, 40000, OUT, 80, SYN), Hook.FORWARD),
        (tcp(OUT, 80, MADDR, 61000, SYN | ACK), Hook.LOCAL_IN),
        (tcp(INSIDE, 40000, OUT, 80, ACK, data=b"GET /"), Hook.FORWARD),
        (tcp(INSIDE, 40000, OUT, 80, FIN | ACK), Hook.FORWARD),
        (tcp(OUT, 80, MADDR, 61000, FIN | ACK), Hook.LOCAL_IN),
        (tcp(INSIDE, 40000, OUT, 80, RST), Hook.FORWARD),
    ):
        packet, verdict = pass_by(masquerading, data, hook)
        assert verdict is not None
        assert checksums_right(packet.data)
        (entry,) = masquerading.table
        states.append(MasqueradeState(entry.state).name)
    assert states == ["SYN_SENT", "ESTABLISHED", "ESTABLISHED", "FIN_WAIT", "TIME_WAIT", "TIME_WAIT"]
    free = masquerading.pool.free[TCP]
    masquerading.handle(100.0 + 119)
    assert len(masquerading.table) == 1
    masquerading.handle(100.0 + 121)
    assert len(masquerading.table) == 0
    assert masquerading.pool.free[TCP] == free + 1
    assert masquerading.next_timeout() is None


def test_one_that_others_belong_to_outlives_them(masquerading: Masquerade) -> None:
    parent = new_entry(masquerading, TCP, MADDR, 0, INSIDE, 1, OUT, 21)
    child = new_entry(masquerading, TCP, MADDR, 8080, INSIDE, 2, OUT, 20)
    assert parent is not None
    assert child is not None
    masquerading.put(parent)
    control_add(child, parent)
    masquerading.handle(2000.0)
    assert len(masquerading.table) == 2, "put off: another belongs to it"
    masquerading.put(child)
    masquerading.handle(2121.0)
    assert len(masquerading.table) == 2
    masquerading.handle(3900.0)
    masquerading.handle(4100.0)
    assert len(masquerading.table) == 0
    assert masquerading.table.pinned == 0


def test_loose_udp(masquerading: Masquerade) -> None:
    masquerading.loose_udp = True
    pass_by(masquerading, udp(INSIDE, 1, OUT, 53), Hook.FORWARD)
    pass_by(masquerading, udp(INSIDE, 1, "203.0.113.10", 53), Hook.FORWARD)
    (entry,) = masquerading.table
    assert entry.flags & MasqueradeFlag.DLOOSE
    _, verdict = pass_by(masquerading, udp("203.0.113.77", 9, MADDR, entry.mport), Hook.LOCAL_IN)
    assert verdict is not None


host = st.sampled_from(["10.1.0.5", "10.1.0.6", "203.0.113.9", "203.0.113.10", "192.0.2.1", "192.0.2.2"])
port = st.sampled_from([0, 53, 80, 8080, 40000, 61000, 61001, 61002])


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from(["tcp", "udp", "icmp", "error", "bytes"]))
    source, destination = draw(host), draw(host)
    if kind == "tcp":
        return tcp(source, draw(port), destination, draw(port), draw(st.integers(0, 63)))
    if kind == "udp":
        return udp(source, draw(port), destination, draw(port), check=draw(st.booleans()))
    rest = draw(port) << 16
    if kind == "icmp":
        return icmp(source, destination, draw(st.integers(0, 20)), 0, rest)
    quoted = udp(draw(host), draw(port), draw(host), draw(port))[: draw(st.integers(0, 40))]
    whole = icmp(source, destination, draw(st.sampled_from([3, 4, 11])), 0, rest, quoted)
    if kind == "error":
        return whole
    damaged = bytearray(whole)
    damaged[draw(st.integers(20, len(whole) - 1))] = draw(st.integers(0, 255))
    return bytes(damaged)


steps = st.lists(
    st.tuples(packets(), st.sampled_from([Hook.FORWARD, Hook.LOCAL_IN]), st.floats(0, 400)), max_size=40
)


@settings(max_examples=60)
@given(steps, st.booleans())
def test_any_packets_in_any_order(walk: list[tuple[bytes, Hook, float]], loose: bool) -> None:
    ns = Namespace(FixedEnvironment([MADDR, SECOND]))
    masquerading = Masquerade(ns)
    masquerading.loose_udp = loose
    masquerading.add_network(address("10.1.0.0"), 24, MADDR)
    masquerading.portfw.add(TCP, MADDR, 80, address("10.1.0.6"), 8080, 1)
    masquerading.portfw.add(UDP, MADDR, 53, INSIDE, 53, 1)
    full = dict(masquerading.pool.free)
    for data, hook, pause in walk:
        ns.now += pause
        masquerading.handle(ns.now)
        packet = Packet(data)
        try:
            header = parse(data)
        except Malformed:
            continue
        verdict = masquerading.receive(packet, header, hook)
        if verdict is None or verdict.action is Action.DROP:
            assert packet.data[12:] == data[12:], "left as it was, but for its time to live"
        elif packet.data != data:
            assert checksums_right(packet.data)
            assert (packet.data[12:16] in (MADDR,)) or packet.data[16:20][:2] == b"\x0a\x01"
    entries: list[Any] = list(masquerading.table)
    assert all(entry.references == masquerading.table.DIRECTIONS for entry in entries)
    assert all(entry.slot >= 0 for entry in entries)
    lent = [entry for entry in entries if not entry.flags & MasqueradeFlag.MPORT]
    assert all(BEGIN <= entry.mport < END for entry in lent)
    assert sum(full.values()) - sum(masquerading.pool.free.values()) == len(lent)
    assert masquerading.table.pinned == len(entries) - len(lent)
    for wait in range(1, 20):
        masquerading.handle(ns.now + wait * 2000.0)
    assert len(masquerading.table) == 0
    assert masquerading.pool.free == full
