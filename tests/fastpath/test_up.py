"""What the programs can't serve goes up the stack as it came, and is counted by its reason."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from tests.fastpath.network import MTU, Network
from tests.fastpath.twin import SENT, UP, Course, Twins

from pyvs.core.flags import Forward, Proto, TunFlag, TunType
from pyvs.core.packet.checksum import fold, pseudo_sum
from pyvs.fastpath import build
from pyvs.fastpath.errors import FastPathUnavailable
from pyvs.fastpath.fast import FastPath, Mode
from pyvs.fastpath.selection import Selection
from pyvs.fastpath.server import Server
from pyvs.fastpath.tables import SHORT_MOST, Flag, Miss, Selector
from pyvs.testing.wire import ip, sctp, tcp, udp

pytestmark = pytest.mark.root
VIP, CLIENT = "192.0.2.100", "198.51.100.1"
ACK = tcp(CLIENT, VIP, 40000, 80, 0x10)
OPTIONS = b"\x46" + ACK[1:2] + (len(ACK) + 4).to_bytes(2, "big") + ACK[4:20] + b"\1\1\1\1" + ACK[20:]
SIX = tcp("2001:db8:3::1", "2001:db8:1::100", 40000, 80, 0x10)
HOP_BY_HOP = ip("2001:db8:3::1", "2001:db8:1::100", 0, b"\x06\0\1\4\0\0\0\0" + SIX[40:])


@pytest.fixture(params=["tc", "xdp"])
def fast(
    request: pytest.FixtureRequest, network: Network, load: Callable[[Mode], FastPath]
) -> Iterator[FastPath]:
    """With one established connection of the client's."""
    fast = load(request.param)
    twins = Twins(Course(request.param), network, fast)
    for flags in (0x02, 0x10):
        twins.send(tcp(CLIENT, VIP, 40000, 80, flags), inward=True, excuse=lambda _: False)
    yield fast
    fast.configure(now=0)


@pytest.mark.parametrize(
    ("kind", "packet", "reason"),
    [
        (b"\x08\0", OPTIONS, Miss.OPTIONS),
        (b"\x08\0", ip(CLIENT, VIP, 6, ACK[20:], df=False, fragment=0x2000), Miss.FRAGMENT),
        (b"\x08\0", ip(CLIENT, VIP, 6, ACK[20:], df=False, fragment=3), Miss.FRAGMENT),
        (b"\x08\0", sctp(CLIENT, VIP, 1, 2, 3), Miss.PROTOCOL),
        (b"\x08\0", ACK[:2] + b"\0\xff" + ACK[4:], Miss.BAD_HEADER),
        (b"\x08\0", ACK[:30], Miss.TRUNCATED),
        (b"\x08\0", ip(CLIENT, VIP, 6, ACK[20:].ljust(235))[: len(ACK)], Miss.TRUNCATED),
        (b"\x08\0", tcp(CLIENT, VIP, 40000, 80, 0x10, ttl=1), Miss.TTL),
        (b"\x08\0", ACK[:10] + bytes([ACK[10] ^ 1]) + ACK[11:], Miss.BAD_HEADER),
        (b"\x08\0", tcp("127.0.0.1", VIP, 40000, 80, 0x02), Miss.LOOPBACK),
        (b"\x08\0", tcp("0.0.0.9", VIP, 40000, 80, 0x02), Miss.LOOPBACK),
        (b"\x08\0", tcp("224.0.0.9", VIP, 40000, 80, 0x02), Miss.LOOPBACK),
        (b"\x08\0", tcp("255.255.255.255", VIP, 40000, 80, 0x02), Miss.LOOPBACK),
        (b"\x08\0", udp(CLIENT, VIP, 40000, 53, b"x", check=False), Miss.NO_CHECKSUM),
        (b"\x08\0", tcp(CLIENT, VIP, 40000, 80, 0x10, data=bytes(1361)), Miss.TOO_BIG),
        (b"\x08\0", tcp(CLIENT, VIP, 40001, 80, 0x10), Miss.NOT_AN_OPENER),
        (b"\x08\0", tcp(CLIENT, VIP, 40001, 81, 0x02), Miss.NO_SERVICE),
        (b"\x08\0", tcp(CLIENT, VIP, 20, 80, 0x02), Miss.NOT_HERE),
        (b"\x86\xdd", HOP_BY_HOP, Miss.PROTOCOL),
        (b"\x81\0", b"\0\1\x08\0" + ACK, Miss.NOT_IP),
        (b"\x08\x06", bytes(28), Miss.NOT_IP),
    ],
    ids=lambda value: value.name if isinstance(value, Miss) else None,
)
def test_it_goes_up(fast: FastPath, network: Network, kind: bytes, packet: bytes, reason: Miss) -> None:
    frame = (network.mac + b"\2\0\0\0\0\x77" + kind + packet).ljust(54, b"\0")
    if reason is Miss.TRUNCATED:
        frame = network.mac + b"\2\0\0\0\0\x77" + kind + packet
    before, known = fast.misses(), list(fast.connections())
    outcome = fast.test_run(frame, network.ifindex)
    after = fast.misses()
    assert (outcome.verdict, outcome.frame) == (UP[fast.mode], frame)
    assert [miss for miss in Miss if after[miss] != before[miss]] == [reason]
    assert list(fast.connections()) == known


def test_marked_packets_begin_nothing(fast: FastPath, network: Network) -> None:
    if fast.mode == "xdp":
        pytest.skip("marks are set after XDP")
    frame = network.mac + bytes(6) + b"\x08\0" + tcp(CLIENT, VIP, 40009, 80, 0x02)
    before = fast.misses()[Miss.MARKED]
    assert fast.test_run(frame, network.ifindex, mark=7).verdict == UP["tc"]
    assert fast.misses()[Miss.MARKED] == before + 1


def test_a_long_packet_that_will_be_cut_is_served(fast: FastPath, network: Network) -> None:
    if fast.mode == "xdp":
        pytest.skip("there are no such packets before XDP")
    packet = tcp(CLIENT, VIP, 40000, 80, 0x10, data=bytes(3000))
    frame = network.mac + bytes(6) + b"\x08\0" + packet
    assert fast.test_run(frame, network.ifindex).verdict == UP["tc"]
    outcome = fast.test_run(frame, network.ifindex, gso_size=1360)
    assert outcome.verdict in SENT["tc"]
    assert fast.test_run(frame, network.ifindex, gso_size=1361).verdict == UP["tc"]


def test_padding_of_short_frames_is_no_part_of_the_packet(fast: FastPath, network: Network) -> None:
    frame = network.mac + bytes(6) + b"\x08\0" + ACK + bytes(10)
    outcome = fast.test_run(frame, network.ifindex)
    assert outcome.verdict in SENT[fast.mode]
    assert len(outcome.frame) == len(frame)


def test_nothing_begins_at_an_address_of_this_host(fast: FastPath, network: Network) -> None:
    frame = network.mac + bytes(6) + b"\x08\0" + tcp("192.0.2.77", VIP, 40001, 80, 0x02)
    fast.own.set([ip_address("192.0.2.77").packed])
    before = fast.misses()[Miss.LOOPBACK]
    assert fast.test_run(frame, network.ifindex).verdict == UP[fast.mode]
    assert fast.misses()[Miss.LOOPBACK] == before + 1
    fast.own.set([])
    assert fast.test_run(frame, network.ifindex).verdict in SENT[fast.mode]


def test_a_tunnel_that_leaves_too_little_room(network: Network, load: Callable[[Mode], FastPath]) -> None:
    fast = load("tc")
    twins = Twins(Course(six=True, forward=Forward.TUNNEL, outer6=True), network, fast)
    frame = network.mac + bytes(6) + b"\x86\xdd" + tcp("2001:db8:3::1", "2001:db8:1::100", 40000, 80, 0x02)
    for mtu, verdicts in ((1320, SENT["tc"]), (1319, (UP["tc"],))):
        subprocess.run(["ip", "link", "set", "pyvs0", "mtu", str(mtu)], check=True)
        try:
            fast.renew_hops()
            for number in twins.numbers.values():
                fast.dests.set(
                    number, fast.dests.values.pack(**{**fast.destination(number), "hop_ifindex": 0})
                )
            assert fast.test_run(frame, network.ifindex).verdict in verdicts
        finally:
            subprocess.run(["ip", "link", "set", "pyvs0", "mtu", str(MTU)], check=True)


def test_a_tunnel_with_a_checksum_over_each_segment(
    network: Network, load: Callable[[Mode], FastPath]
) -> None:
    """A packet that will be cut goes up; one that is whole, and as long as the way allows, does not."""
    fast = load("tc")
    Twins(Course(forward=Forward.TUNNEL, tun_type=TunType.GRE, tun_flags=TunFlag.CSUM), network, fast)
    room = MTU - 20 - 8
    for size, gso, verdicts in ((room, 0, SENT["tc"]), (room + 1, 0, (UP["tc"],)), (3000, 1200, (UP["tc"],))):
        packet = tcp(CLIENT, VIP, 40000, 80, 0x02, data=bytes(size - 40))
        frame = network.mac + bytes(6) + b"\x08\0" + packet
        before = fast.misses()
        assert fast.test_run(frame, network.ifindex, gso_size=gso).verdict in verdicts
        after = fast.misses()
        reasons = [miss for miss in Miss if after[miss] != before[miss]]
        assert reasons == ([Miss.SEGMENTS] if gso else [Miss.TOO_BIG] if size > room else [])


@pytest.mark.parametrize("six", [False, True])
@pytest.mark.parametrize("tun_type", [TunType.GUE, TunType.GRE])
def test_a_tunnels_checksum_takes_the_inner_one_for_right(
    network: Network, load: Callable[[Mode], FastPath], six: bool, tun_type: TunType
) -> None:
    """Differs: a packet with a wrong one is wrong outside too. One that hardware was to finish comes out right."""
    fast = load("tc")
    Twins(Course(six=six, forward=Forward.TUNNEL, tun_type=tun_type, tun_flags=TunFlag.CSUM), network, fast)
    their, ours = ("2001:db8:3::1", "2001:db8:1::100") if six else (CLIENT, VIP)
    packet = tcp(their, ours, 40000, 80, 0x02, data=b"odd")
    header = 40 if six else 20
    at = header + 16
    unfinished = pseudo_sum(ip_address(their).packed, ip_address(ours).packed, 6, len(packet) - header)
    field = fold(unfinished).to_bytes(2, "big")
    tail = len(packet) - at
    outside = []
    for check in (packet[at : at + 2], field):
        frame = network.mac + bytes(6) + (b"\x86\xdd" if six else b"\x08\0")
        frame += packet[:at] + check + packet[at + 2 :]
        outcome = fast.test_run(frame, network.ifindex)
        assert outcome.verdict in SENT["tc"]
        sent = outcome.frame[14:]
        assert sent[-tail:] == check + packet[at + 2 :]
        outside.append(sent[20 : -len(packet)])
    assert outside[0] == outside[1]


def test_replies_that_leave_where_they_came_in_go_up_for_a_redirect_ever_more_rarely(
    fast: FastPath, network: Network
) -> None:
    load, start = 5, 5_000_000
    fast.configure(redirect_load=load)
    server = ".".join(map(str, next(fast.connections()).daddr))
    frame = network.mac + bytes(6) + b"\x08\0" + tcp(server, CLIENT, 80, 40000, 0x10)

    def up_after(*jiffies: int) -> list[bool]:
        found = []
        for passed in jiffies:
            fast.configure(now=start + passed)
            found.append(fast.test_run(frame, network.ifindex).verdict == UP[fast.mode])
        return found

    for conn in list(fast.connections()):  # its last packet was long ago
        conn.seen = start
        fast.insert(conn)
    at, times = 0, []
    for many in range(1, 9):
        times += [at, at + (load << many)]
        at += (load << many) + 1
    assert up_after(*times, at) == [True, False] * 8 + [True]
    # The ninth was the last, until there is silence.
    silence = load << 10
    assert up_after(at + silence, at + 2 * silence, at + 3 * silence + 1) == [False, False, True]


def test_another_link_layer_address(fast: FastPath, network: Network) -> None:
    for mac in ("020000000099", "00005e000133", "ffffffffffff", "01005e000001"):
        frame = bytes.fromhex(mac) + bytes(6) + b"\x08\0" + ACK
        outcome = fast.test_run(frame, network.ifindex)
        assert (outcome.verdict, outcome.frame) == (UP[fast.mode], frame)


def test_the_address_of_another_host(fast: FastPath, network: Network) -> None:
    """A backup's: packets to it go up, what its servers answer is served."""
    (conn,) = fast.connections()
    row = fast.destination(conn.dest)
    fast.dests.set(conn.dest, fast.dests.values.pack(**{**row, "flags": Flag.ELSEWHERE}))
    fast.configure(expire_nodest=1)
    for packet in (ACK, tcp(CLIENT, VIP, 40000, 80, 0x02)):
        frame = network.mac + bytes(6) + b"\x08\0" + packet
        before = fast.misses()[Miss.ELSEWHERE]
        outcome = fast.test_run(frame, network.ifindex)
        assert (outcome.verdict, outcome.frame) == (UP[fast.mode], frame)
        assert fast.misses()[Miss.ELSEWHERE] == before + 1
    assert [one for stretch in fast.sweep() for one in stretch] == []
    assert list(fast.connections()) == [conn]
    reply = tcp(".".join(map(str, conn.daddr)), CLIENT, 80, 40000, 0x10)
    counted = fast.totals(conn.dest)["outpkts"]
    outcome = fast.test_run(network.mac + bytes(6) + b"\x08\0" + reply, network.ifindex)
    assert outcome.verdict in SENT[fast.mode]
    assert fast.totals(conn.dest)["outpkts"] == counted + 1
    fast.dests.set(conn.dest, fast.dests.values.pack(**{**row, "flags": Flag.AVAILABLE}))
    fast.configure(expire_nodest=0)
    outcome = fast.test_run(network.mac + bytes(6) + b"\x08\0" + ACK, network.ifindex)
    assert outcome.verdict in SENT[fast.mode]


def test_a_server_that_rests(fast: FastPath, network: Network) -> None:
    """Either direction goes up, where its connection comes back to the engine; no sweep ends it."""
    (conn,) = fast.connections()
    row = fast.destination(conn.dest)
    fast.dests.set(conn.dest, fast.dests.values.pack(**{**row, "flags": Flag.RESTS}))
    fast.configure(expire_nodest=1)
    reply = tcp(".".join(map(str, conn.daddr)), CLIENT, 80, 40000, 0x10)
    for packet in (ACK, reply, tcp(CLIENT, VIP, 40000, 80, 0x02)):
        frame = network.mac + bytes(6) + b"\x08\0" + packet
        before = fast.misses()[Miss.RESTS]
        outcome = fast.test_run(frame, network.ifindex)
        assert (outcome.verdict, outcome.frame) == (UP[fast.mode], frame)
        assert fast.misses()[Miss.RESTS] == before + 1
    assert [one for stretch in fast.sweep() for one in stretch] == []
    assert list(fast.connections()) == [conn]
    fast.configure(expire_nodest=0)


def test_a_hop_that_is_not_known(fast: FastPath, network: Network) -> None:
    fast.renew_hops()
    subprocess.run(["ip", "route", "del", "198.51.100.0/24"], check=True)
    try:
        server = next(conn for conn in fast.connections()).daddr
        reply = tcp(".".join(map(str, server)), CLIENT, 80, 40000, 0x10)
        frame = network.mac + bytes(6) + b"\x08\0" + reply
        before = fast.misses()[Miss.NO_HOP]
        outcome = fast.test_run(frame, network.ifindex)
        assert (outcome.verdict, outcome.frame) == (UP[fast.mode], frame)
        assert fast.misses()[Miss.NO_HOP] == before + 1
    finally:
        subprocess.run(["ip", "route", "add", "198.51.100.0/24", "via", "10.9.0.2"], check=True)
    assert fast.test_run(frame, network.ifindex).verdict in SENT[fast.mode]


def test_without_loops_the_programs_look_at_so_many_servers(
    monkeypatch: pytest.MonkeyPatch, network: Network
) -> None:
    """The programs for kernels before 5.17."""
    program = build.program

    def old(name: str) -> Path:
        if name == "pyvs_tc":
            raise FastPathUnavailable("the kernel does not take it")
        return program(name)

    monkeypatch.setattr(build, "program", old)
    plain = FastPath.open("tc", connections=1 << 8)
    try:
        plain.set_device(network.ifindex, network.mac)
        plain.set_destination(1, Server(addr=ip_address("10.9.0.11").packed, port=80))
        few, many = SHORT_MOST - 1, SHORT_MOST + 1
        for selector, slots, served in (  # nobody has number 2
            (Selector.WLC, [2] * few + [1], True),
            (Selector.WLC, [2] * many + [1], False),
            (Selector.WLC, [1] * SHORT_MOST, True),
            (Selector.WLC, [1] * many, False),
            (Selector.CURSOR, [2] * few + [1], True),
            (Selector.CURSOR, [2] * many + [1], False),
            (Selector.CURSOR, [1] * many, True),
        ):
            plain.services.set(Proto.TCP, ip_address(VIP).packed, 80, Selection(selector, slots))
            frame = network.mac + b"\2\0\0\0\0\x77\x08\0" + tcp(CLIENT, VIP, 40000, 80, 0x02)
            outcome = plain.test_run(frame, network.ifindex)
            assert (outcome.verdict in SENT["tc"]) == served, (selector, len(slots))
            assert served or outcome.frame == frame
            for conn in list(plain.connections()):
                plain.remove(conn)
    finally:
        plain.close()
