"""A sync master tells the same of connections in the maps as of an engine's: messages, their order, their time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fastpath.network import MTU, Network
from tests.fastpath.twin import FIRST, SENT, UP, packed

from pyvs.core.command import Multicast
from pyvs.core.control.specs import DaemonSpec, DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Forward, Hook, Proto, ServiceFlag, SyncState
from pyvs.core.packet.packet import Packet
from pyvs.core.protocols.tcp_states import TcpState
from pyvs.core.sync import message_v1
from pyvs.core.sync.entry import SyncEntry
from pyvs.core.transmit.rewrite import ttl_decremented
from pyvs.fastpath.change import Changes
from pyvs.fastpath.clock import Jiffies
from pyvs.fastpath.fast import FastPath, Mode
from pyvs.fastpath.layout import REPORT
from pyvs.fastpath.partner import Partner
from pyvs.fastpath.relay import TURN
from pyvs.fastpath.tables import LIMITS
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import tcp, udp

pytestmark = pytest.mark.root

Load = Callable[[Mode], FastPath]
RECORD_HEAD = 8
"""Bytes that the kernel puts before each sample of a ring; it rounds up to eight."""
FLAGS = (0x02, 0x12, 0x10, 0x10, 0x10, 0x18, 0x11, 0x04)
PACKETS = st.tuples(
    st.sampled_from((True, True, True, False)),  # TCP
    st.sampled_from((True, True, False)),  # from the client
    st.integers(0, 1),  # which client
    st.integers(0, 1),  # which server
    st.sampled_from((40000, 40001)),
    st.sampled_from(FLAGS),
    st.sampled_from((0, 0, 0, 0, 1, 4, 20)),  # seconds that pass before
)
WALK = st.lists(PACKETS, max_size=60)


@dataclass(frozen=True)
class Course:
    """A service of two servers, and how a master tells of its connections."""

    six: bool = False
    forward: Forward = Forward.MASQ
    new: bool = True
    persistent: bool = False
    sysctl: dict[str, str] = field(default_factory=dict, hash=False)

    @property
    def family(self) -> Family:
        return Family.INET6 if self.six else Family.INET

    @property
    def vip(self) -> str:
        return "2001:db8:1::100" if self.six else "192.0.2.100"

    def server(self, number: int) -> str:
        return f"{'2001:db8:2::1' if self.six else '10.9.0.1'}{number + 1}"

    def client(self, number: int) -> str:
        return f"2001:db8:3::{number + 1:x}" if self.six else f"198.51.100.{number + 1}"

    def engine(self) -> Engine:
        """A master with the services."""
        local = [packed(self.vip), packed("10.9.0.1"), packed("2001:db8:2::1")]
        engine = Engine(FixedEnvironment(local, {"pyvs0": MTU}))
        engine.ns.use_express = False
        for name, text in self.sysctl.items():
            engine.control.sysctl_write(name, text, 0.0)
        for protocol, port in ((Proto.TCP, 80), (Proto.UDP, 53)):
            key = ServiceKey(self.family, protocol, packed(self.vip), port)
            engine.control.new_service(
                ServiceSpec(
                    key, "rr", flags=int(ServiceFlag.PERSISTENT) if self.persistent else 0, timeout=3600,
                    netmask=128 if self.six else 0xFFFFFFFF,
                ),
                0.0,
            )  # fmt: skip
            for number in range(2):
                dest = DestKey(packed(self.server(number)), port, self.family)
                engine.control.new_dest(key, DestSpec(dest, self.forward, 1), 0.0)
        engine.control.new_daemon(DaemonSpec(SyncState.MASTER, "pyvs0", 7), 0.0)
        return engine


COURSES = {
    "usual": Course(sysctl={"sync_threshold": "3 5"}),
    "six": Course(six=True, sysctl={"sync_threshold": "1 2"}),
    "handed-over": Course(new=False, sysctl={"sync_threshold": "2 4"}),
    "once": Course(sysctl={"sync_threshold": "2 0"}),
    "refreshed": Course(
        sysctl={"sync_threshold": "0 0", "sync_refresh_period": "20", "sync_retries": "2"},
    ),
    "refreshed-by-count": Course(
        new=False, sysctl={"sync_threshold": "1 2", "sync_refresh_period": "10", "sync_retries": "1"}
    ),
    "direct": Course(forward=Forward.DROUTE, sysctl={"sync_threshold": "0 2"}),
    "version-0": Course(new=False, sysctl={"sync_version": "0", "sync_threshold": "1 2"}),
    "version-0-six": Course(six=True, sysctl={"sync_version": "0", "sync_threshold": "0 1"}),
    "sloppy": Course(sysctl={"sloppy_tcp": "1", "sync_threshold": "1 3"}),
    "persistent": Course(new=False, persistent=True, sysctl={"sync_threshold": "1 3"}),
    "persistent-new": Course(persistent=True, sysctl={"sync_threshold": "1 3"}),
    "persistent-new-six": Course(six=True, persistent=True, sysctl={"sync_refresh_period": "12"}),
    "persistent-refreshed": Course(
        new=False, persistent=True, sysctl={"sync_threshold": "1 3", "sync_refresh_period": "15"}
    ),
    "persistent-0": Course(new=False, persistent=True, sysctl={"sync_version": "0"}),
    "templates-alone": Course(
        new=False, persistent=True, sysctl={"sync_persist_mode": "1", "sync_threshold": "0 1"}
    ),
}


class Masters:
    """Two masters, one of which has the programs before it."""

    def __init__(self, course: Course, mode: Mode, network: Network, fast: FastPath) -> None:
        self.course, self.mode, self.network, self.fast = course, mode, network, fast
        fast.jiffies = Jiffies(fast.jiffies.hz, FIRST, 0.0)
        self.now = 1.0
        self.alone = course.engine()
        self.engine = course.engine()
        self.changes = Changes(fast.loaded, None)
        self.partner = Partner(fast, self.engine, self.changes, new=course.new)
        self.partner.renew()
        self.served = 0
        fast.reports.read(1 << 20)
        self.tick(0.0)

    def tick(self, seconds: float) -> None:
        self.now += seconds
        self.fast.configure(now=self.fast.jiffies.at(self.now))
        for engine in (self.alone, self.engine):
            while engine.next_timeout() <= self.now:
                engine.handle_timeouts(self.now)
            engine.handle_timeouts(self.now)
        for _ in range(2):
            for ended in self.fast.sweep():
                self.partner.table.note_ended(ended)
        self.compare()

    def compare(self) -> None:
        ours, theirs = (
            [command for command in engine.drain() if isinstance(command, Multicast)]
            for engine in (self.engine, self.alone)
        )
        assert ours == theirs
        self.messages = theirs

    def send(self, data: bytes, inward: bool) -> None:
        """A packet to both."""
        kind = b"\x86\xdd" if self.course.six else b"\x08\0"
        outcome = self.fast.test_run(self.network.mac + b"\2\0\0\0\0\x77" + kind + data, self.network.ifindex)
        if outcome.verdict == UP[self.mode]:
            self.partner.before_packets(self.now)
            walk(self.engine, data, inward, self.now)
            self.partner.after_packets(self.now)
        else:
            self.served += 1
        while self.partner.relay.read(self.now):
            pass
        walk(self.alone, data, inward, self.now)
        self.compare()


def walk(engine: Engine, data: bytes, inward: bool, now: float) -> None:
    if inward:
        engine.receive(Packet(data, iif="pyvs0"), Hook.LOCAL_IN, now)
    else:
        engine.receive(Packet(ttl_decremented(data), iif="pyvs0"), Hook.FORWARD, now)


@pytest.fixture
def masters(network: Network, load: Load) -> Iterator[Callable[[Course, Mode], Masters]]:
    made: list[Masters] = []

    def make(course: Course, mode: Mode) -> Masters:
        while made:
            made.pop().changes.close()
        fast = load(mode)
        made.append(Masters(course, mode, network, fast))
        return made[-1]

    yield make
    for pair in made:
        pair.fast.configure(now=0, sync=0)
        pair.changes.close()


def packet_of(course: Course, fields: tuple[Any, ...]) -> tuple[bytes, bool]:
    is_tcp, inward, client, server, port, flags, _ = fields
    inward = inward or course.forward != Forward.MASQ
    their, ours = course.client(client), course.vip if inward else course.server(server)
    src, dst = (their, ours) if inward else (ours, their)
    service = 80 if is_tcp else 53
    sport, dport = (port, service) if inward else (service, port)
    if is_tcp:
        return tcp(src, dst, sport, dport, flags), inward
    return udp(src, dst, sport, dport, b"data"), inward


@pytest.mark.parametrize("name", COURSES)
def test_a_master_tells_the_same(name: str, masters: Callable[[Course, Mode], Masters]) -> None:
    course = COURSES[name]
    mode: Mode = "xdp" if course.six else "tc"

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(WALK)
    def agree(steps: list[tuple[Any, ...]]) -> None:
        pair = masters(course, mode)
        for fields in steps:
            pair.tick(float(fields[-1]))
            pair.send(*packet_of(course, fields))
        for _ in range(4):
            pair.tick(1.0)

    agree()


def test_states_and_every_fifth_packet_are_told(masters: Callable[[Course, Mode], Masters]) -> None:
    pair = masters(COURSES["usual"], "tc")
    course = pair.course
    for flags in (0x02, *[0x10] * 9, 0x11, 0x10, 0x10):  # told: 3, 8 (in ES), 11 (FIN), 13
        pair.send(tcp(course.client(0), course.vip, 40000, 80, flags), True)
    assert pair.served == 13
    pair.now += 5.0
    sent = []
    for engine in (pair.engine, pair.alone):
        engine.handle_timeouts(pair.now)
        sent.append([command.message for command in engine.drain() if isinstance(command, Multicast)])
    ours, theirs = sent
    assert ours == theirs
    (message,) = ours
    entries = [entry for entry in message_v1.parse(message) if isinstance(entry, SyncEntry)]
    assert [TcpState(entry.state).name for entry in entries] == [
        "ESTABLISHED", "ESTABLISHED", "CLOSE_WAIT", "CLOSE_WAIT",
    ]  # fmt: skip


def test_what_finds_the_ring_full_is_counted_and_served(masters: Callable[[Course, Mode], Masters]) -> None:
    pair = masters(Course(sysctl={"sync_threshold": "0 1"}), "tc")
    course, lost = pair.course, pair.fast.untold()
    packet = tcp(course.client(0), course.vip, 40000, 80, 0x10)
    frame = pair.network.mac + b"\2\0\0\0\0\x77\x08\0"
    pair.fast.test_run(frame + tcp(course.client(0), course.vip, 40000, 80, 0x02), pair.network.ifindex)
    room = LIMITS["REPORT_BYTES"] // -(-(REPORT.size + RECORD_HEAD) // 8 * 8)
    for _ in range(room + 10):
        outcome = pair.fast.test_run(frame + packet, pair.network.ifindex)
        assert outcome.verdict in SENT["tc"]
    assert 9 <= pair.fast.untold() - lost <= 11
    read = 0
    while reports := pair.fast.reports.read(TURN):
        assert len(reports) <= TURN
        read += len(reports)
    assert read + pair.fast.untold() - lost == room + 10
    (conn,) = pair.fast.connections()
    assert conn.packets == room + 11
    pair.fast.test_run(frame + packet, pair.network.ifindex)
    assert len(pair.fast.reports.read(TURN)) == 1, "there is room again"


def test_what_the_backups_know_wanders_along(masters: Callable[[Course, Mode], Masters]) -> None:
    """A packet that the programs leave to the engine: it tells nothing twice, and they go on where it was."""
    pair = masters(COURSES["refreshed"], "tc")
    course = pair.course

    def sent(flags: int, ttl: int = 64) -> None:
        pair.send(tcp(course.client(0), course.vip, 40000, 80, flags, ttl=ttl), True)

    sent(0x02)
    sent(0x10)
    for seconds, ttl in ((1, 1), (1, 64), (2, 1), (20, 64), (1, 1), (1, 64), (30, 1), (1, 64)):
        pair.tick(float(seconds))
        sent(0x10, ttl)
    for _ in range(4):
        pair.tick(1.0)
    assert pair.partner.table.came_back == 4
    assert pair.served == 6
