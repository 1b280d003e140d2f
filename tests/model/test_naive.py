"""The engine and the naive model do the same, whatever the order of verbs, packets and pauses."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.model.naive import SECOND, End, Naive, Server

from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.errors import ControlError
from pyvs.core.flags import ConnFlag, Family, Forward, Hook, Proto, ServiceFlag
from pyvs.core.packet.packet import Packet
from pyvs.core.verdict import Action
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import tcp, udp

VIP, CLIENTS = "192.0.2.100", ("198.51.100.7", "203.0.113.9")
SERVICES: tuple[tuple[str, End], ...] = (("tcp", (VIP, 80)), ("tcp", (VIP, 443)), ("udp", (VIP, 53)))
SERVERS: tuple[End, ...] = (("10.1.0.11", 80), ("10.1.0.12", 80), ("10.1.0.13", 8080))
METHODS = {"nat": Forward.MASQ, "direct": Forward.DROUTE, "tunnel": Forward.TUNNEL}
PROTOCOLS = {"tcp": Proto.TCP, "udp": Proto.UDP}
LETTERS = {"F": 1, "S": 2, "R": 4, "A": 16}

services = st.sampled_from(SERVICES)
servers = st.sampled_from(SERVERS)
schedulers = st.sampled_from(("rr", "lc", "wlc"))
persistence = st.sampled_from((0, 0, 62, 302))
"""Not a multiple of five, as all other times are: nothing else ends in the tick in which a template does."""
methods = st.sampled_from(tuple(METHODS))
weights = st.integers(0, 3)
thresholds = st.sampled_from(((0, 0), (0, 0), (1, 0), (2, 0), (4, 0), (4, 2), (1, 3)))
clients = st.tuples(st.sampled_from(CLIENTS), st.sampled_from((40000, 40001, 40002)))
flags = st.sampled_from(("S", "S", "SA", "A", "A", "FA", "F", "R", "RA", "SR", ""))


def packed(address: str) -> bytes:
    return ip_address(address).packed


def key_of(service: tuple[str, End]) -> ServiceKey:
    protocol, (address, port) = service
    return ServiceKey(Family.INET, PROTOCOLS[protocol], packed(address), port)


class Both(RuleBasedStateMachine):
    """Drives the engine and the model, and compares them after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Naive()
        self.engine = Engine(FixedEnvironment([packed(VIP)]))

    @property
    def now(self) -> float:
        return self.model.now / SECOND

    def does(self, verb: Callable[..., None], *args: object) -> bool:
        try:
            verb(*args, self.now)
        except ControlError:
            return False
        return True

    # ---- verbs -------------------------------------------------------------

    @initialize(scheduler=schedulers, timeout=persistence, method=methods, both=st.booleans())
    def begin(self, scheduler: str, timeout: int, method: str, both: bool) -> None:
        for service in SERVICES[:2] if both else SERVICES[1:]:
            self.add_service(service, scheduler, timeout)
            for server in SERVERS[:2]:
                self.set_server(service, server, True, method, 1, (0, 0))

    def spec(self, service: tuple[str, End], scheduler: str, timeout: int) -> ServiceSpec:
        mode = int(ServiceFlag.PERSISTENT) if timeout else 0
        return ServiceSpec(key_of(service), scheduler, flags=mode, timeout=timeout)

    @rule(service=services, scheduler=schedulers, timeout=persistence)
    def add_service(self, service: tuple[str, End], scheduler: str, timeout: int) -> None:
        done = self.does(self.engine.control.new_service, self.spec(service, scheduler, timeout))
        assert done == self.model.add_service(*service, scheduler, timeout)

    @rule(service=services, scheduler=schedulers, timeout=persistence)
    def edit_service(self, service: tuple[str, End], scheduler: str, timeout: int) -> None:
        done = self.does(self.engine.control.set_service, self.spec(service, scheduler, timeout))
        assert done == self.model.edit_service(*service, scheduler, timeout)

    @rule(service=services)
    def remove_service(self, service: tuple[str, End]) -> None:
        assert self.does(self.engine.control.del_service, key_of(service)) == self.model.remove_service(
            *service
        )

    @rule(
        service=services,
        server=servers,
        new=st.booleans(),
        method=methods,
        weight=weights,
        thresholds=thresholds,
    )
    def set_server(
        self,
        service: tuple[str, End],
        server: End,
        new: bool,
        method: str,
        weight: int,
        thresholds: tuple[int, int],
    ) -> None:
        upper, lower = thresholds
        spec = DestSpec(DestKey(packed(server[0]), server[1]), METHODS[method], weight, upper, lower)
        verb = self.engine.control.new_dest if new else self.engine.control.set_dest
        done = self.does(verb, key_of(service), spec)
        assert done == self.model.set_server(*service, server, new, method, weight, upper, lower)

    @rule(service=services, server=servers)
    def remove_server(self, service: tuple[str, End], server: End) -> None:
        done = self.does(self.engine.control.del_dest, key_of(service), DestKey(packed(server[0]), server[1]))
        assert done == self.model.remove_server(*service, server)

    @rule(
        knob=st.sampled_from(("expire_nodest_conn", "expire_quiescent_template", "conn_reuse_mode")),
        value=st.integers(0, 3),
    )
    def turn(self, knob: str, value: int) -> None:
        value = value if knob == "conn_reuse_mode" else value & 1
        self.engine.control.sysctl_write(knob, str(value), self.now)
        setattr(self.model, knob, value)

    # ---- packets and time --------------------------------------------------

    def send(
        self, protocol: str, source: End, to: End, letters: str, hook: Hook
    ) -> tuple[Action, str, Packet]:
        number = sum(LETTERS[letter] for letter in letters)
        ends = (source[0], to[0], source[1], to[1])
        packet = Packet(tcp(*ends, number) if protocol == "tcp" else udp(*ends, b"x"), iif="eth0")
        verdict = self.engine.receive(packet, hook, self.now)
        return verdict.action, verdict.reason.name, packet

    def from_client(self, service: tuple[str, End], client: End, letters: str) -> None:
        protocol, end = service
        outcome, server = self.model.from_client(protocol, client, end, letters)
        action, _reason, packet = self.send(protocol, client, end, letters, Hook.LOCAL_IN)
        sent = [command.destination for command in self.engine.drain() if hasattr(command, "destination")]
        if server is None:
            assert (action.name.lower(), sent) == (outcome, [])
            return
        assert (action, sent) == (Action.STOLEN, [packed(server.end[0])])
        if outcome == "nat":
            assert (packet.data[16:20], int.from_bytes(packet.data[22:24], "big")) == (sent[0], server.end[1])
        else:
            assert packet.data[9] == (Proto.IPIP if outcome == "tunnel" else PROTOCOLS[protocol])

    @rule(service=services, server=servers, direct=st.booleans(), client=clients, letters=flags)
    def from_server(
        self, service: tuple[str, End], server: End, direct: bool, client: End, letters: str
    ) -> None:
        source = service[1] if direct else server
        outcome = self.model.from_server(service[0], source, client, letters)
        action, reason, packet = self.send(service[0], source, client, letters, Hook.FORWARD)
        self.engine.drain()
        assert action is Action.ACCEPT
        assert {"REPLY": "reply", "REPLY_SEEN": "seen"}.get(reason, "accept") == outcome
        assert (packet.data[12:16] == packed(VIP)) == (outcome == "reply" or direct)

    @rule(service=services, comers=st.lists(st.tuples(clients, flags), min_size=2, max_size=8))
    def clients_come(self, service: tuple[str, End], comers: list[tuple[End, str]]) -> None:
        for client, letters in comers:
            self.from_client(service, client, letters)

    @rule(which=st.integers(0, 11), inward=st.booleans(), letters=flags)
    def one_goes_on(self, which: int, inward: bool, letters: str) -> None:
        talks = [t for t in self.model.talks if not t.template]
        if talks:
            talk = talks[which % len(talks)]
            service = (talk.protocol, talk.service)
            if inward:
                self.from_client(service, talk.client, letters)
            else:
                self.from_server(service, talk.server.end, talk.method != "nat", talk.client, letters)

    @rule(seconds=st.sampled_from((0, 5, 10, 30, 60, 120, 300, 900)))
    def wait(self, seconds: int) -> None:
        self.model.wait(seconds * SECOND)
        while (wake := self.engine.next_timeout()) <= self.now:
            self.engine.handle_timeouts(wake)
        self.engine.drain()

    # ---- what must hold ----------------------------------------------------

    @invariant()
    def the_same_connections(self) -> None:
        ns = self.engine.ns
        theirs = sorted(
            (
                c.protocol, c.caddr, c.cport, c.vport, c.daddr, c.dport, c.flags & 7, c.template, c.state,
                bool(c.flags & ConnFlag.INACTIVE), round(c.timeout * SECOND), round(c.expires * SECOND),
                c.n_control, c.in_pkts,
            )
            for c in ns.connections
        )  # fmt: skip
        ours = sorted(
            (
                PROTOCOLS[t.protocol], packed(t.client[0]), t.client[1], t.service[1], packed(t.server.end[0]),
                t.dport, METHODS[t.method], t.template, t.state, not t.active, t.timeout, t.expires,
                self.model.controlled(t), t.packets,
            )
            for t in self.model.talks
        )  # fmt: skip
        assert theirs == ours
        assert ns.connections.count == len(ours)

    @invariant()
    def the_same_servers(self) -> None:
        for service in SERVICES:
            known = self.model.service(*service)
            views = self.engine.control.get_dests(key_of(service))
            assert [
                (v.spec.key.addr, v.spec.weight, v.activeconns, v.inactconns, v.persistconns) for v in views
            ] == [
                (packed(s.end[0]), s.weight, *self.model.counts(s)) for s in (known.servers if known else ())
            ]
        for registered in self.engine.ns.services:
            for dest in registered.destinations:
                assert (
                    dest.overloaded == self.find(registered.protocol, registered.port, dest.addr).overloaded
                )
        stats = self.engine.ns.stats
        assert (stats.conns, stats.inpkts, stats.outpkts) == (
            self.model.conns, self.model.inpkts, self.model.outpkts,
        )  # fmt: skip

    def find(self, protocol: int, port: int, address: bytes) -> Server:
        return next(
            s
            for p, (_, vport), s in self.model.servers
            if (PROTOCOLS[p], vport, packed(s.end[0])) == (protocol, port, address)
        )

    @invariant()
    def no_timer_is_lost(self) -> None:
        for conn in self.engine.ns.connections:
            assert 0 <= conn.slot <= round(conn.expires * SECOND) + 1

    def teardown(self) -> None:
        """An hour later nothing is left of it all."""
        self.wait(3600)
        ns = self.engine.ns
        assert list(ns.connections) == []
        assert ns.connections.count == ns.connections.no_cport == 0
        for shards in (*ns.connections.incoming.values(), *ns.connections.outgoing.values()):
            assert not any(shards)
        assert not ns.connections.templates
        assert ns.timers.next_slot_time() is None
        assert len(ns.trash) == 0
        for service in ns.services:
            for dest in service.destinations:
                assert (dest.refcnt, dest.activeconns, dest.inactconns, dest.persistconns) == (0, 0, 0, 0)
        self.the_same_servers()


TestBoth = Both.TestCase
TestBoth.settings = settings(
    max_examples=settings().max_examples * 6 // 10, stateful_step_count=60, deadline=None
)
