"""One truth: an engine and the programs, given the same packets, are held against each other.

A packet that the programs send up is not the engine's here (there it would be, with its connection): it must have
come up for a reason that stands in the packet, and must be as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from tests.fastpath.network import MTU, Network

from pyvs.core.command import Transmit
from pyvs.core.connections.expiry import TICK
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import ConnFlag, Family, Forward, Hook, Proto, ServiceFlag
from pyvs.core.packet.packet import Packet
from pyvs.core.scheduling.persist import masked
from pyvs.core.transmit.rewrite import ttl_decremented
from pyvs.core.verdict import Action
from pyvs.fastpath.clock import Jiffies
from pyvs.fastpath.entries import OffloadedConnection
from pyvs.fastpath.fast import FastPath, Mode
from pyvs.fastpath.layout import TEMPLATE
from pyvs.fastpath.selection import NOT_HERE, select
from pyvs.fastpath.server import Server
from pyvs.fastpath.tables import Miss, TemplateStatus
from pyvs.testing.environment import FixedEnvironment

FIRST = 1_000_000
"""The jiffies at time 0."""
SENT = {"tc": (7,), "xdp": (3, 4)}
UP = {"tc": 0, "xdp": 2}
DROPPED = {"tc": 2, "xdp": 1}
SERVICES = ((Proto.TCP, 80), (Proto.UDP, 53))


def packed(address: str) -> bytes:
    return ip_address(address).packed


@dataclass(frozen=True)
class Course:
    """What a pair of twins serves."""

    mode: Mode = "tc"
    six: bool = False
    forward: Forward = Forward.MASQ
    scheduler: str = "rr"
    flags: int = 0
    dport: int = 80
    weights: tuple[int, ...] = (1, 1, 1)
    u_threshold: int = 0
    tun_type: int = 0
    tun_flags: int = 0
    outer6: bool = False
    adopt: bool = False
    """The engine schedules, and hands over what it made."""
    persist: int = 0
    """Seconds that templates live, 0: there are none."""
    netmask: int = 0
    """IPv4: a mask as a number, IPv6: a prefix's length; 0: each client for itself."""
    all_ports: bool = False
    sysctl: dict[str, str] = field(default_factory=dict, hash=False)

    @property
    def vip(self) -> str:
        return "2001:db8:1::100" if self.six else "192.0.2.100"

    @property
    def servers(self) -> list[str]:
        tunnel6 = self.outer6 if self.forward == Forward.TUNNEL else self.six
        base = "2001:db8:2::1" if tunnel6 else "10.9.0.1"
        return [f"{base}{number + 1}" for number in range(len(self.weights))]

    def client(self, number: int) -> str:
        return f"2001:db8:3::{number + 1:x}" if self.six else f"198.51.100.{number + 1}"


class Twins:
    """The engine and the programs of one course."""

    def __init__(self, course: Course, network: Network, fast: FastPath) -> None:
        self.course = course
        self.network = network
        self.fast = fast
        fast.jiffies = Jiffies(
            fast.jiffies.hz, FIRST, -0.5 / fast.jiffies.hz
        )  # half a jiffy late: no cut is near
        self.now = 1.0
        self.tied = False
        """Two things ended at the same moment, and so in any order."""
        local = [packed(course.vip), packed("10.9.0.1"), packed("2001:db8:2::1")]
        self.engine = Engine(FixedEnvironment(local, {"pyvs0": MTU}))
        self.engine.ns.use_express = False
        self.numbers: dict[Any, int] = {}
        self.selections: dict[int, Any] = {}
        for name, text in course.sysctl.items():
            self.engine.control.sysctl_write(name, text, 0.0)
        fast.configure(
            new=0 if course.adopt else 1,
            reuse_mode=self.engine.ns.sysctl.conn_reuse_mode,
            expire_nodest=self.engine.ns.sysctl.expire_nodest_conn,
            sloppy_tcp=self.engine.ns.sysctl.sloppy_tcp,
            quiescent=self.engine.ns.sysctl.expire_quiescent_template,
            all_ports=int(course.all_ports),
            secure=0,
        )
        for protocol, port in SERVICES:
            key = self.service_key(protocol, port)
            netmask = course.netmask or (128 if course.six else 0xFFFFFFFF)
            flags = course.flags | (ServiceFlag.PERSISTENT if course.persist else 0)
            spec = ServiceSpec(key, course.scheduler, flags=flags, timeout=course.persist, netmask=netmask)
            self.engine.control.new_service(spec, 0.0)
            for index, weight in enumerate(course.weights):
                dport = course.dport if course.forward == Forward.MASQ else port
                dest = DestKey(packed(course.servers[index]), dport, self.server_family)
                server = DestSpec(
                    dest, course.forward, weight, u_threshold=course.u_threshold, tun_type=course.tun_type,
                    tun_port=6080, tun_flags=course.tun_flags,
                )  # fmt: skip
                self.engine.control.new_dest(key, server, 0.0)
        self.renew()
        self.tick()

    @property
    def server_family(self) -> Family:
        six = self.course.outer6 if self.course.forward == Forward.TUNNEL else self.course.six
        return Family.INET6 if six else Family.INET

    def service_key(self, protocol: int, port: int) -> ServiceKey:
        return ServiceKey(
            Family.INET6 if self.course.six else Family.INET,
            protocol,
            packed(self.course.vip),
            0 if self.course.all_ports else port,
        )

    # ---- the maps follow the engine -----------------------------------------

    def renew(self) -> None:
        """Put the engine's services and destinations into the maps."""
        for service in self.engine.ns.services:
            for dest in service.destinations:
                self.write(dest)
            key = service.protocol, service.addr, service.port
            if service.scheduler is None or self.course.adopt:
                self.fast.services.set(*key, NOT_HERE)
                continue
            selection = select(service.scheduler, self.number)
            self.selections[service.order] = selection
            mask = masked(service, b"\xff" * len(service.addr)) if self.course.persist else b""
            persist = self.fast.jiffies.length(self.course.persist)
            self.fast.services.set(*key, selection, persist=persist, mask=mask)
        for dest, _ in self.engine.ns.trash:
            self.write(dest)

    def change(self, verb: Callable[[], object]) -> None:
        """An administrator's verb: the engine's schedulers stand where those of the maps do, and go on from there."""
        for service in self.engine.ns.services:
            if service.order in self.selections and service.scheduler is not None:
                cursor = self.fast.services.cursor(service.protocol, service.addr, service.port)
                self.selections[service.order].carry_back(service.scheduler, cursor)
        verb()
        self.engine.drain()
        self.renew()

    def number(self, dest: Any) -> int:
        return self.numbers.setdefault(dest, len(self.numbers) + 1)

    def write(self, dest: Any) -> None:
        route = self.engine.ns.environment.route(dest.addr)
        assert route is not None
        server = Server(
            addr=dest.addr, port=dest.port, forward=dest.forward, weight=dest.weight, available=dest.available,
            u_threshold=dest.u_threshold, l_threshold=dest.l_threshold, tun_type=dest.tun_type,
            tun_port=dest.tun_port, tun_flags=dest.tun_flags, source=route.source,
        )  # fmt: skip
        self.fast.set_destination(self.number(dest), server)

    # ---- time ------------------------------------------------------------------

    def tick(self, seconds: float = 0.0) -> None:
        self.now += seconds
        self.fast.configure(now=self.fast.jiffies.at(self.now))
        before = self.now - seconds
        while self.engine.next_timeout() <= self.now:
            # What belongs to templates is told from what does not by the order in which both end.
            before = max(before, self.engine.next_timeout()) if self.course.persist else self.now
            self.tied |= bool(self.course.persist) and self.ties(before)
            self.engine.handle_timeouts(before)
        self.engine.handle_timeouts(self.now)
        self.engine.drain()
        for _ in range(2):  # what went while the first looked may have hidden others
            for _ended in self.fast.sweep():
                pass

    def ties(self, now: float) -> bool:
        """Whether a template's time is over at the same moment as that of one of its connections."""
        return any(
            conn.control is not None and abs(conn.expires - conn.control.expires) < 0.05
            for conn in self.engine.ns.connections
            if conn.expires < now + 0.05
        )

    # ---- packets ----------------------------------------------------------------

    def send(self, data: bytes, *, inward: bool, excuse: Callable[[Miss], bool]) -> Miss | None:
        """A packet from a client or a server, through both. excuse: whether it may have come up for this reason."""
        mode = self.course.mode
        kind = b"\x86\xdd" if self.course.six else b"\x08\0"
        frame = self.network.mac + b"\2\0\0\0\0\x77" + kind + data
        before = self.fast.misses()
        outcome = self.fast.test_run(frame, self.network.ifindex)
        after = self.fast.misses()
        missed = [miss for miss in Miss if after[miss] != before[miss]]
        if outcome.verdict == UP[mode]:
            assert len(missed) == 1
            assert outcome.frame == frame
            assert excuse(missed[0]), missed[0]
            if missed[0] is Miss.NOT_HERE:
                self.adopt(data)
            elif missed[0] in (Miss.NO_SERVICE, Miss.NOT_AN_OPENER, Miss.NO_SERVER):
                if missed[0] is Miss.NO_SERVER:
                    self.change(lambda: None)
                known = self.connections()
                verdict, *_ = self.walk(data, inward)
                assert verdict.action is (Action.DROP if missed[0] is Miss.NO_SERVER else Action.ACCEPT)
                assert {conn[:7] for conn in self.connections()} <= {conn[:7] for conn in known}
                self.renew()
            return missed[0]
        verdict, sent, destination = self.walk(data, inward)
        if outcome.verdict == DROPPED[mode]:
            assert verdict.action is Action.DROP, (missed, verdict)
            return missed[0]
        assert not missed
        assert outcome.verdict in SENT[mode], (outcome.verdict, verdict)
        got = outcome.frame[14:]
        if self.course.forward == Forward.TUNNEL and not self.course.outer6 and not got[6] & 0x40:
            got, sent = (b[:4] + b[6:10] + b[12:] for b in (got, sent))  # identification is chance
        assert got == sent
        assert outcome.frame[:6] == self.network.mac_of(destination)
        assert outcome.frame[6:12] == self.network.mac
        return None

    def walk(self, data: bytes, inward: bool) -> tuple[Any, bytes, bytes]:
        """Through the engine: verdict, what leaves, and where to."""
        if inward:
            packet = Packet(data, iif="pyvs0")
            verdict = self.engine.receive(packet, Hook.LOCAL_IN, self.now)
            sent = [command for command in self.engine.drain() if isinstance(command, Transmit)]
            if sent:
                return verdict, sent[0].packet.data, sent[0].destination
            return verdict, packet.data, b""
        packet = Packet(ttl_decremented(data), iif="pyvs0")
        verdict = self.engine.receive(packet, Hook.FORWARD, self.now)
        self.engine.drain()
        return verdict, packet.data, b"client"

    def adopt(self, data: bytes) -> None:
        """The engine schedules it, and the maps take over what came of it."""
        known = {conn.in_key for conn in self.engine.ns.connections}
        self.walk(data, True)
        jiffies = self.fast.jiffies
        for conn in self.engine.ns.connections:
            if conn.in_key in known or conn.dest is None:
                continue
            number = self.number(conn.dest)
            inactive = bool(conn.flags & ConnFlag.INACTIVE)
            self.fast.insert(
                OffloadedConnection(
                    conn.protocol, conn.caddr, conn.cport, conn.vaddr, conn.vport, conn.daddr, conn.dport,
                    conn.forward, conn.state, jiffies.length(conn.timeout), jiffies.at(self.now), number,
                    conn.in_pkts, inactive,
                )
            )  # fmt: skip
        self.recount()

    def recount(self) -> None:
        """The destinations' counts, which connections handed over do not change by themselves."""
        for dest, number in self.numbers.items():
            row = self.fast.destination(number)
            row |= {"active": dest.activeconns, "inactive": dest.inactconns}
            self.fast.dests.set(number, self.fast.dests.values.pack(**row))

    # ---- judging --------------------------------------------------------------

    def connections(self) -> list[tuple[Any, ...]]:
        return sorted(
            (
                c.protocol, c.caddr, c.cport, c.vaddr, c.vport, c.daddr, c.dport, c.forward, c.state, c.in_pkts,
                bool(c.flags & ConnFlag.INACTIVE), self.fast.jiffies.at(c.expires),
            )
            for c in self.engine.ns.connections
            if not c.template
        )  # fmt: skip

    def compare(self) -> None:
        """Connections, counts, counters; what is to end at once in the engine does so at its next tick."""
        self.tick(TICK)
        addresses = {number: dest.addr for dest, number in self.numbers.items()}
        ours = sorted(
            (
                c.protocol, c.caddr, c.cport, c.vaddr, c.vport, addresses[c.dest] if c.single else c.daddr,
                c.dport, c.forward, c.state, c.packets, c.inactive, c.seen + c.timeout,
            )
            for c in self.fast.connections()
        )  # fmt: skip
        assert ours == self.connections()
        self.compare_templates()
        for dest, number in self.numbers.items():
            row = self.fast.destination(number)
            assert (row["active"], row["inactive"]) == (dest.activeconns, dest.inactconns)
            assert row["persistent"] == dest.persistconns
            assert bool(row["flags"] & 2) == dest.overloaded
            if not self.course.adopt:
                assert self.fast.totals(number) == dest.stats.live()._asdict()

    def compare_templates(self) -> None:
        """Whom they belong to, what of them was established, how many connections they have, and their end."""
        addresses = {number: dest.addr for dest, number in self.numbers.items()}
        jiffies = self.fast.jiffies
        ours: list[tuple[Any, ...]] = []
        for entry in self.fast.templates.items():
            t = TEMPLATE.unpack(entry[1])
            size = 4 if t["template_key_af"] == Family.INET else 16
            nowhere = bool(t["status"] & TemplateStatus.NOWHERE)
            ports = (t["template_key_vport"], t["dport"])
            assert t["engine"] == 0
            ours.append(
                (
                    t["template_key_protocol"],
                    bytes(t["template_key_caddr"])[:size],
                    bytes(t["template_key_vaddr"])[:size],
                    (0xFFFF, 0xFFFF) if nowhere else tuple(int.from_bytes(port, "big") for port in ports),
                    addresses[t["dest"]],
                    t["status"] & TemplateStatus.ASSURED,
                    t["controls"],
                    t["timeout"],
                    t["seen"] + t["timeout"],
                )
            )
        theirs = [
            (
                c.protocol, c.caddr, c.vaddr, (c.vport, c.dport), c.daddr, c.state, c.n_control,
                jiffies.length(c.timeout), jiffies.at(c.expires),
            )
            for c in self.engine.ns.connections
            if c.template
        ]  # fmt: skip
        ours.sort()
        theirs.sort()
        assert [row[:-1] for row in ours] == [row[:-1] for row in theirs]
        for one, other in zip(ours, theirs, strict=True):
            assert abs(one[-1] - other[-1]) <= jiffies.length(0.05), (one, other)
