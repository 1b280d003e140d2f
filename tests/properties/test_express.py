"""The express way does what the long walk does: two engines, one with and one without, get the same packets."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pyvs.core.control.native_specs import DrainKey
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.errors import ControlError
from pyvs.core.flags import Family, Forward, Hook, Proto
from pyvs.core.packet.packet import Packet
from pyvs.core.policy.policy import AtExpiry, Policy
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import icmp, tcp, udp

VIP, SERVERS, CLIENTS = "192.0.2.100", ("10.1.0.11", "10.1.0.12"), ("198.51.100.7", "203.0.113.9")
FLAGS = (0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x00, 0x01)


def packed(address: str) -> bytes:
    return ip_address(address).packed


def director(express: bool, method: Forward, dport: int) -> Engine:
    engine = Engine(FixedEnvironment([packed(VIP)], {"eth1": 600}))
    engine.ns.use_express = express
    for protocol, port in ((Proto.TCP, 80), (Proto.UDP, 53)):
        key = ServiceKey(Family.INET, protocol, packed(VIP), port)
        engine.control.new_service(ServiceSpec(key, "rr"), 0.0)
        for server in SERVERS:
            dest = DestKey(packed(server), port if method else dport)
            engine.control.new_dest(key, DestSpec(dest, method), 0.0)
    return engine


def state(engine: Engine) -> object:
    ns = engine.ns
    return (
        [
            (c.caddr, c.cport, c.vport, c.daddr, c.dport, c.flags, c.state, c.timeout, c.expires, c.in_pkts)
            for c in sorted(ns.connections, key=lambda c: c.in_key)
        ],
        [
            [(d.activeconns, d.inactconns, d.stats.live()) for d in s.destinations] + [s.stats.live()]
            for s in ns.services
        ],
        ns.stats.live(),
        ns.reasons,
    )


PACKETS = st.tuples(
    st.sampled_from(("tcp", "udp", "icmp")),
    st.booleans(),  # from the client
    st.sampled_from(CLIENTS),
    st.sampled_from(SERVERS),
    st.sampled_from((40000, 40001)),
    st.sampled_from(FLAGS),
    st.sampled_from((0, 1, 100, 700)),  # data
    st.sampled_from((1, 2, 64)),  # time to live
    st.booleans(),  # do not fragment
    st.booleans(),  # UDP checksum, or cut off
    st.sampled_from((0.0, 0.5, 70.0)),  # time that passes before
)
CHANGES = st.sampled_from(
    (None,) * 8
    + (
        "gone",
        "quiesce",
        "nat_icmp_send",
        "backup",
        "route",
        "timeouts",
        "idle",
        "rst",
        "default",
        "drain",
        "cancel",
    )
)


def wire(dport: int, kind: str, inward: bool, client: str, server: str, port: int,
         flags: int, size: int, ttl: int, df: bool,
         odd: bool) -> tuple[bytes, Hook, str]:  # fmt: skip
    ends = (client, VIP, port) if inward else (server, client, dport)
    src, dst = ends[:2]
    data = b"d" * size
    if kind == "tcp":
        sport, to = (port, 80) if inward else (dport, port)
        packet = tcp(src, dst, sport, to, flags, data=data, ttl=ttl, df=df)
    elif kind == "udp":
        sport, to = (port, 53) if inward else (dport, port)
        packet = udp(src, dst, sport, to, data, check=odd, ttl=ttl, df=df)
    else:
        packet = icmp(src, dst, 3, 3, 0, tcp(dst, src, dport, port, 0x10))
    if odd and kind == "tcp" and size == 1:
        packet = packet[:-3]
    return packet, Hook.LOCAL_IN if inward else Hook.FORWARD, "eth0" if inward else "eth1"


def change(engine: Engine, what: str | None, now: float) -> None:
    key = ServiceKey(Family.INET, Proto.TCP, packed(VIP), 80)
    if what == "gone":
        for dest in engine.control.get_dests(key)[:1]:
            engine.control.del_dest(key, dest.spec.key, now)
    elif what == "quiesce":
        engine.control.sysctl_write("expire_nodest_conn", "1", now)
    elif what == "nat_icmp_send":
        engine.control.sysctl_write("nat_icmp_send", "1", now)
    elif what == "backup":
        engine.control.sysctl_write("backup_only", "1", now)
    elif what in ("idle", "rst", "default"):
        at_expiry = AtExpiry.RST if what == "rst" else AtExpiry.SILENT
        engine.control.set_policy(key, Policy(0.0 if what == "default" else 20.0, at_expiry), now)
    elif what == "drain":
        with suppress(ControlError):  # it was removed
            engine.control.drain(DrainKey(packed(SERVERS[0])), 1.0, now)
    elif what == "cancel":
        with suppress(ControlError):
            engine.control.cancel_drain(DrainKey(packed(SERVERS[0])), now)
    elif what == "route":
        engine.ns.environment.update_pmtu(packed(SERVERS[0]), 552)
    elif what == "timeouts":
        engine.ns.protocols[Proto.TCP].timeouts[1] = 2.0


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from((Forward.MASQ, Forward.MASQ, Forward.DROUTE, Forward.TUNNEL)),
    st.sampled_from((80, 8080)),
    st.lists(st.tuples(PACKETS, CHANGES), max_size=60),
)
def test_express_and_long_walk_agree(
    method: Forward, dport: int, course: list[tuple[tuple[Any, ...], str | None]]
) -> None:
    quick, slow = director(True, method, dport), director(False, method, dport)
    now = 1.0
    for (*fields, pause), what in course:
        now += pause
        for engine in (quick, slow):
            engine.handle_timeouts(now)
            change(engine, what, now)
            engine.drain()
        bytes_, hook, iface = wire(dport, *fields)
        results = []
        for engine in (quick, slow):
            packet = Packet(bytes_, iif=iface)
            verdict = engine.receive(packet, hook, now)
            sent = [(type(c).__name__, getattr(c, "packet", packet).data, getattr(c, "destination", b""))
                    for c in engine.drain()]  # fmt: skip
            results.append((verdict, packet.data, packet.owned, packet.untracked, packet.ignore_df, sent))
        assert results[0] == results[1]
        assert state(quick) == state(slow)
