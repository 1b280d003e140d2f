from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from pyvs.core.command import Output
from pyvs.core.differences import KERNEL
from pyvs.core.engine import Engine
from pyvs.core.environment import Route
from pyvs.core.flags import Family, Hook, TunFlag, TunType
from pyvs.core.namespace import Namespace
from pyvs.core.packet.header import parse
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service
from pyvs.core.transmit.route import Mode, out_route, tunnel_overhead, was_local
from pyvs.core.verdict import Verdict
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import tcp

CLIENT, VIP = "198.51.100.7", "192.0.2.100"
ANY = Mode.LOCAL | Mode.NON_LOCAL | Mode.RDR


def asked(
    ns: Namespace, dest: Destination | None, mode: int = ANY, *, hook: Hook = Hook.LOCAL_IN, iif: str = "eth0",
    src: str = CLIENT, dst: str = VIP, size: int = 0, ttl: int = 64, df: bool = True, daddr: bytes = b"",
) -> tuple[Route | Reason, Packet]:  # fmt: skip
    packet = Packet(tcp(src, dst, 40000, 80, 16, data=bytes(size), ttl=ttl, df=df), iif=iif)
    ns.hook, ns.header = hook, parse(packet.data)
    found = out_route(ns, packet, ns.header, dest, daddr or (dest.addr if dest else b""), mode)
    return (found.reason if isinstance(found, Verdict) else found), packet


def told(ns: Namespace) -> list[tuple[int, int, int]]:
    found = []
    for command in ns.commands:
        assert isinstance(command, Output)
        data = command.packet.data
        at = parse(data).offset
        found.append((data[at], data[at + 1], int.from_bytes(data[at + 4 : at + 8])))
    return found


def test_the_way_takes_a_hop(ns: Namespace, dest: Destination) -> None:
    route, packet = asked(ns, dest)
    assert isinstance(route, Route)
    assert (route.device, route.local, packet.data[8]) == ("eth0", False, 63)


def test_the_route_is_kept_until_the_host_says_otherwise(
    ns: Namespace, dest: Destination, environment: FixedEnvironment
) -> None:
    first, _ = asked(ns, dest)
    environment.devices = {"eth9": 1500}
    assert asked(ns, dest)[0] is first
    environment.generation += 1
    again, _ = asked(ns, dest)
    assert isinstance(again, Route)
    assert again.device == "eth9"


class Learning(FixedEnvironment):
    """A host whose routes of 10.1.0.0/16 are on the link unless told otherwise."""

    now = Route(False, "eth0", b"\x0a\1\0\1")

    def route(
        self, destination: bytes, *, source: bytes | None = None, mark: int = 0, protocol: int = 0
    ) -> Route | None:
        """The present one."""
        return self.now

    def change(self, **what: object) -> None:
        """The route is another now."""
        self.now = replace(self.now, **what)  # type: ignore[arg-type]
        self.generation += 1


DIRECT = Mode.LOCAL | Mode.NON_LOCAL | Mode.KNOWN_NH
LEARNT = {"mtu": 1300, "learnt": True, "exceptions": 1}


@pytest.fixture
def learning() -> Learning:
    return Learning()


@pytest.fixture
def recorded(learning: Learning) -> Namespace:
    """As the kernel does it."""
    return Engine(learning, differences=KERNEL).ns


def mtu(ns: Namespace, dest: Destination, mode: int) -> int:
    found, _ = asked(ns, dest, mode)
    assert isinstance(found, Route)
    return found.mtu


@pytest.mark.parametrize(
    ("mode", "before", "change", "expected"),
    [
        (DIRECT, {}, LEARNT, 1500),
        (DIRECT, {}, {**LEARNT, "tables": 1}, 1300),
        (DIRECT, {"gateway": b"\x0a\1\0\xfe"}, LEARNT, 1300),
        (DIRECT, {"mtu": 1400, "learnt": True}, LEARNT, 1300),
        (ANY, {}, LEARNT, 1300),
    ],
    ids=["direct", "tables", "gateway", "learnt-before", "nat"],
)
def test_a_path_mtu_learnt_later(
    recorded: Namespace, learning: Learning, dest: Destination, mode: int, before: dict[str, object],
    change: dict[str, object], expected: int,
) -> None:  # fmt: skip
    learning.change(**before)
    assert mtu(recorded, dest, mode) == learning.now.mtu
    learning.change(**change)
    assert [mtu(recorded, dest, mode) for _ in range(2)] == [expected] * 2
    assert dest.route_generation == learning.generation


def test_a_path_mtu_learnt_later_counts_for_us(dest: Destination, learning: Learning) -> None:
    ns = Engine(learning).ns
    assert mtu(ns, dest, DIRECT) == 1500
    learning.change(**LEARNT)
    assert mtu(ns, dest, DIRECT) == 1300


def test_of_ipv6_it_counts(recorded: Namespace, learning: Learning, service: Service) -> None:
    dest = Destination(Family.INET6, ip_address("2001:db8:1::11").packed, 80, service)
    assert mtu(recorded, dest, DIRECT) == 1500
    learning.change(**LEARNT)
    assert mtu(recorded, dest, DIRECT) == 1300


@pytest.mark.parametrize(
    ("change", "known"), [({"exceptions": 1}, True), ({}, False)], ids=["first", "second"]
)
def test_a_path_mtu_of_another_server_ends_a_cached_route_when_it_is_the_first(
    recorded: Namespace, learning: Learning, dest: Destination, change: dict[str, object], known: bool
) -> None:
    asked(recorded, dest, ANY)
    learning.change(**change)
    asked(recorded, dest, DIRECT)
    assert dest.route_known_nh is known


def test_no_way(ns: Namespace, dest: Destination, monkeypatch: pytest.MonkeyPatch) -> None:
    real = ns.environment.route
    monkeypatch.setattr(
        ns.environment, "route", lambda to, **given: None if to == dest.addr else real(to, **given)
    )
    assert asked(ns, dest)[0] is Reason.NO_ROUTE
    assert told(ns) == [(3, 1, 0)]


def test_without_a_server_its_address_is_asked_for(ns: Namespace) -> None:
    route, _ = asked(ns, None, daddr=ip_address("10.1.0.99").packed)
    assert isinstance(route, Route)
    assert not route.local


@pytest.mark.parametrize("ttl", [0, 1])
def test_the_end_of_a_life(ns: Namespace, dest: Destination, ttl: int) -> None:
    assert asked(ns, dest, ttl=ttl)[0] is Reason.TTL_EXCEEDED
    assert told(ns) == [(11, 0, 0)]


def test_a_local_way_takes_no_hop(ns: Namespace, dest: Destination) -> None:
    dest.addr = ip_address("10.1.0.1").packed
    route, packet = asked(ns, dest, ttl=1, size=9000)
    assert isinstance(route, Route)
    assert (route.local, packet.data[8]) == (True, 1)


@pytest.mark.parametrize(
    ("mode", "hook", "good"),
    [
        (Mode.NON_LOCAL, Hook.LOCAL_IN, False),
        (Mode.LOCAL | Mode.NON_LOCAL, Hook.LOCAL_IN, True),
        (Mode.LOCAL | Mode.NON_LOCAL, Hook.FORWARD, False),
        (ANY, Hook.FORWARD, True),
        (Mode.LOCAL | Mode.NON_LOCAL, Hook.LOCAL_OUT, True),
    ],
)
def test_who_may_be_sent_to_this_host(
    ns: Namespace, dest: Destination, mode: int, hook: Hook, good: bool
) -> None:
    dest.addr = ip_address("10.1.0.1").packed
    found, _ = asked(ns, dest, mode, hook=hook)
    assert isinstance(found, Route) if good else found is Reason.NO_ROUTE


def test_a_local_clients_packet_to_elsewhere_is_not_brought_here(ns: Namespace, dest: Destination) -> None:
    dest.addr = ip_address("10.1.0.1").packed
    found, _ = asked(ns, dest, Mode.LOCAL | Mode.NON_LOCAL, hook=Hook.LOCAL_OUT, dst="203.0.113.1")
    assert found is Reason.NO_ROUTE


def test_only_local_ways_are_good_when_others_are_not(ns: Namespace, dest: Destination) -> None:
    assert asked(ns, dest, Mode.LOCAL)[0] is Reason.NO_ROUTE


def test_loopback_sources_do_not_leave(ns: Namespace, dest: Destination) -> None:
    assert asked(ns, dest, src="127.0.0.1")[0] is Reason.NO_ROUTE


def test_where_packets_were_going(ns: Namespace) -> None:
    own, other = Packet(tcp(CLIENT, VIP, 1, 2, 2)), Packet(tcp(CLIENT, "203.0.113.1", 1, 2, 2))
    six = Packet(tcp("2001:db8::7", "2001:db8::100", 1, 2, 2))
    for hook, expected in (
        (Hook.LOCAL_IN, [True, True, True]), (Hook.FORWARD, [False] * 3), (Hook.LOCAL_OUT, [True, False, True]),
    ):  # fmt: skip
        ns.hook = hook
        assert [was_local(ns, packet) for packet in (own, other, six)] == expected


@pytest.mark.parametrize(
    ("size", "df", "good"),
    [(1460, True, True), (1461, True, False), (1461, False, True), (3000, False, True)],
)
def test_what_fits(ns: Namespace, dest: Destination, size: int, df: bool, good: bool) -> None:
    found, _ = asked(ns, dest, size=size, df=df)
    assert isinstance(found, Route) if good else found is Reason.TOO_BIG
    assert told(ns) == ([] if good else [(3, 4, 1500)])


def test_an_error_about_a_packet_is_never_answered_by_an_error(ns: Namespace, dest: Destination) -> None:
    packet = Packet(tcp(CLIENT, VIP, 1, 2, 16, data=bytes(2000)))
    ns.header = parse(packet.data)
    inside = parse(packet.data)
    inside.icmp = True
    assert isinstance(out_route(ns, packet, inside, dest, dest.addr, ANY), Route)
    assert ns.commands == []


@pytest.mark.parametrize(
    ("kind", "flags", "partial", "six", "overhead"),
    [
        (TunType.IPIP, 0, False, False, 20),
        (TunType.IPIP, 0, False, True, 40),
        (TunType.GUE, TunFlag.NOCSUM, False, False, 32),
        (TunType.GUE, TunFlag.REMCSUM, False, False, 32),
        (TunType.GUE, TunFlag.REMCSUM, True, False, 40),
        (TunType.GRE, TunFlag.NOCSUM, False, False, 24),
        (TunType.GRE, TunFlag.CSUM, False, True, 48),
    ],
)
def test_what_tunnels_take(
    dest: Destination, kind: TunType, flags: int, partial: bool, six: bool, overhead: int
) -> None:
    dest.af = Family.INET6 if six else Family.INET
    dest.tun_type, dest.tun_flags = kind, flags
    packet = Packet(b"")
    packet.checksum_partial = partial
    assert tunnel_overhead(dest, packet) == overhead


@pytest.mark.parametrize(("mtu", "good"), [(88, True), (87, False)])
def test_a_tunnel_must_leave_room_for_the_smallest_packet(
    ns: Namespace, dest: Destination, environment: FixedEnvironment, mtu: int, good: bool
) -> None:
    environment.devices = {"eth0": mtu}
    found, _ = asked(ns, dest, ANY | Mode.TUNNEL)
    assert isinstance(found, Route) if good else found is Reason.TOO_BIG


def test_pieces_of_ipv6_are_measured_one_by_one(ns: Namespace, dest: Destination) -> None:
    dest.addr, dest.af = ip_address("fd00::11").packed, Family.INET6
    packet = Packet(tcp("2001:db8::7", "2001:db8::100", 1, 2, 16, data=bytes(2000)), iif="eth0")
    ns.header = parse(packet.data)
    packet.fragment_size = 1280
    assert isinstance(out_route(ns, packet, ns.header, dest, dest.addr, ANY), Route)
    packet.fragment_size = 1501
    found = out_route(ns, packet, ns.header, dest, dest.addr, ANY)
    assert isinstance(found, Verdict)
    assert told(ns) == [(2, 0, 1500)]
