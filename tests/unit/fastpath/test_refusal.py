"""Each thing that stands against the fast path, and that nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from pyvs.core.connections.connection import Connection, Sequence
from pyvs.core.control.specs import DaemonSpec, DestKey, DestSpec, ServiceSpec
from pyvs.core.differences import KERNEL, OURS, Differences
from pyvs.core.engine import Engine
from pyvs.core.flags import ConnFlag, Family, Forward, Proto, SyncState
from pyvs.core.policy.policy import Terms
from pyvs.core.services.destination import Destination
from pyvs.fastpath import refusal
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.shared import CLIENT, KEY, SERVERS, VIP, packed


@pytest.fixture
def engine() -> Engine:
    engine = Engine(FixedEnvironment([packed(VIP), packed("10.1.0.1")]))
    engine.control.new_service(ServiceSpec(KEY, "rr"), 0.0)
    return engine


def added(engine: Engine, addr: bytes = SERVERS[0], forward: int = Forward.MASQ) -> Destination:
    engine.control.new_dest(KEY, DestSpec(DestKey(addr, 80), forward=forward), 0.0)
    return next(iter(engine.ns.services)).destinations[0]


# ---- a director ------------------------------------------------------------------


def test_nothing_stands_against_a_plain_director(engine: Engine) -> None:
    assert refusal.of_director(engine.ns) is None


@pytest.mark.parametrize("state", [SyncState.MASTER, SyncState.BACKUP])
def test_synchronisation(engine: Engine, state: SyncState) -> None:
    engine.control.new_daemon(DaemonSpec(state, "eth0", 1), 0.0)
    assert refusal.of_director(engine.ns) is None


def test_a_backup_that_leaves_packets_to_the_host(engine: Engine) -> None:
    engine.control.sysctl_write("backup_only", "1", 0.0)
    assert refusal.of_director(engine.ns) is None
    engine.control.new_daemon(DaemonSpec(SyncState.BACKUP, "eth0", 1), 0.0)
    assert (refusal.of_director(engine.ns) or "").startswith("sysctl backup_only is 1")
    engine.control.del_daemon(SyncState.BACKUP, 0.0)
    assert refusal.of_director(engine.ns) is None


def test_conntrack(engine: Engine) -> None:
    engine.control.sysctl_write("conntrack", "1", 0.0)
    assert refusal.of_director(engine.ns) == "sysctl conntrack is 1: netfilter is to see each packet"


@pytest.mark.parametrize(
    ("reroute", "policy", "refused"), [("1", True, False), ("0", False, False), ("0", True, True)]
)
def test_replies_that_go_by_rules(engine: Engine, reroute: str, policy: bool, refused: bool) -> None:
    engine.ns.environment.policy_routing = policy  # type: ignore[attr-defined]
    engine.control.sysctl_write("snat_reroute", reroute, 0.0)
    why = refusal.of_director(engine.ns)
    assert (why is not None) == refused
    if why is not None:
        assert "snat_reroute is 0" in why


def test_a_persistence_engine_that_waits_for_servers(engine: Engine) -> None:
    engine.ns.services.conn_out_services = 1
    assert "persistence engine" in (refusal.of_director(engine.ns) or "")


# ---- a destination ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("forward", "refused"),
    [
        (Forward.MASQ, False),
        (Forward.DROUTE, False),
        (Forward.TUNNEL, False),
        (Forward.LOCALNODE, True),
        (Forward.BYPASS, True),
    ],
)
def test_forwarding_methods(engine: Engine, forward: Forward, refused: bool) -> None:
    dest = added(engine)
    dest.conn_flags = int(forward)
    expected = "its packets stay on this host" if refused else None
    assert refusal.of_destination(engine.ns, dest) == expected


@pytest.mark.parametrize(("differences", "refused"), [(KERNEL, True), (OURS, False)])
def test_a_server_that_had_another_method(engine: Engine, differences: Differences, refused: bool) -> None:
    engine.ns.differences = differences
    dest = added(engine)
    assert refusal.of_destination(engine.ns, dest) is None
    dest.method_changed = True
    assert (refusal.of_destination(engine.ns, dest) is not None) == refused


def test_a_server_that_drains(engine: Engine) -> None:
    dest = added(engine)
    service = next(iter(engine.ns.services))
    drain = engine.ns.drains.start(service, dest, None)
    assert refusal.of_destination(engine.ns, dest) == "it drains"
    engine.ns.drains.cancel(drain)
    assert refusal.of_destination(engine.ns, dest) is None


def test_terms_of_its_own(engine: Engine) -> None:
    dest = added(engine)
    dest.terms = Terms({}, resets=False, watched=False, udp_leaves=False)
    assert "timeouts or ends of its own" in (refusal.of_destination(engine.ns, dest) or "")


def test_this_host_as_a_server(engine: Engine) -> None:
    dest = added(engine, packed("10.1.0.1"))
    assert refusal.of_destination(engine.ns, dest) == "it is this host"


@pytest.mark.parametrize(
    ("forward", "refused"),
    [
        (Forward.MASQ, True),
        (Forward.DROUTE, False),
        (Forward.TUNNEL, False),
        (Forward.LOCALNODE, False),
        (Forward.BYPASS, True),
    ],
)
def test_this_host_where_answers_are_seen(engine: Engine, forward: Forward, refused: bool) -> None:
    """NAT would have to rewrite them."""
    dest = added(engine, packed("10.1.0.1"))
    dest.conn_flags = int(forward)
    assert (refusal.of_destination(engine.ns, dest, answers=True) is not None) == refused
    assert refusal.of_destination(engine.ns, dest) is not None
    if forward != Forward.BYPASS:
        assert refusal.is_here(engine.ns, dest) != refused


def test_another_host_is_not_here(engine: Engine) -> None:
    dest = added(engine, forward=Forward.DROUTE)
    assert not refusal.is_here(engine.ns, dest)
    dest.conn_flags = int(Forward.LOCALNODE)
    assert refusal.is_here(engine.ns, dest)


def test_a_server_of_another_family(engine: Engine) -> None:
    engine.control.new_dest(
        KEY, DestSpec(DestKey(packed("2001:db8::9"), 80, Family.INET6), forward=Forward.TUNNEL), 0.0
    )
    dest = next(iter(engine.ns.services)).destinations[0]
    assert refusal.of_destination(engine.ns, dest) == "it is of another address family than its service"


def test_a_service_by_mark_has_no_address_to_compare(engine: Engine) -> None:
    key = replace(KEY, protocol=0, addr=b"", port=0, fwmark=7)
    engine.control.new_service(ServiceSpec(key, "rr"), 0.0)
    engine.control.new_dest(key, DestSpec(DestKey(SERVERS[0], 0)), 0.0)
    six = DestKey(packed("2001:db8::9"), 0, Family.INET6)
    engine.control.new_dest(key, DestSpec(six, forward=Forward.TUNNEL), 0.0)
    by_mark = next(service for service in engine.ns.services if service.fwmark)
    assert [refusal.of_destination(engine.ns, dest) for dest in by_mark.destinations] == [None, None]


# ---- a connection ----------------------------------------------------------------


def connection(**changed: Any) -> Connection:
    ends: dict[str, Any] = {
        "af": Family.INET, "protocol": Proto.TCP, "caddr": packed(CLIENT), "cport": 40000, "vaddr": packed(VIP),
        "vport": 80, "daf": Family.INET, "daddr": SERVERS[0], "dport": 80, "flags": 0,
    }  # fmt: skip
    return Connection(**{**ends, **changed})


@pytest.mark.parametrize("protocol", [Proto.TCP, Proto.UDP])
@pytest.mark.parametrize("flags", [0, int(Forward.TUNNEL), int(ConnFlag.INACTIVE | ConnFlag.HASHED)])
def test_nothing_stands_against_a_plain_connection(engine: Engine, protocol: int, flags: int) -> None:
    assert refusal.of_connection(engine.ns, connection(protocol=protocol, flags=flags)) is None


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"protocol": Proto.SCTP}, refusal.PROTOCOL),
        ({"flags": int(ConnFlag.TEMPLATE)}, refusal.FLAGS),
        ({"flags": int(ConnFlag.ONE_PACKET)}, refusal.FLAGS),
        ({"flags": int(ConnFlag.NO_CPORT)}, refusal.FLAGS),
        ({"flags": int(ConnFlag.NFCT)}, refusal.FLAGS),
        (
            {"daf": Family.INET6, "daddr": packed("2001:db8::9")},
            "its server is of another address family",
        ),
        ({"caddr": packed("10.1.0.1")}, refusal.LOCAL_CLIENT),
    ],
)
def test_what_a_connection_is(engine: Engine, changed: dict[str, Any], why: str) -> None:
    assert refusal.of_connection(engine.ns, connection(**changed)) == why


def template(pe: object = None) -> Connection:
    made = connection(flags=int(ConnFlag.TEMPLATE), cport=0)
    made.pe = cast("Any", pe)
    return made


@pytest.mark.parametrize(
    ("give", "refused"),
    [
        (lambda conn: setattr(conn, "app", object()), refusal.HELPER),
        (lambda conn: setattr(conn, "n_control", 1), refusal.HELPER),
        (lambda conn: setattr(conn, "watch", object()), refusal.WATCHED),
        (lambda conn: setattr(conn, "in_seq", Sequence()), refusal.HELPER),
        (lambda conn: setattr(conn, "control", connection(cport=1)), refusal.HELPER),
        (lambda conn: setattr(conn, "control", template(object())), refusal.HELPER),
        (lambda conn: setattr(conn, "control", template()), None),
    ],
)
def test_what_belongs_to_it(engine: Engine, give: Callable[[Connection], None], refused: str | None) -> None:
    conn = connection()
    give(conn)
    assert refusal.of_connection(engine.ns, conn) == refused


def test_a_family_without_services_is_not_looked_at(engine: Engine) -> None:
    families = engine.ns.services.families
    families.clear()
    assert refusal.of_family(engine.ns, Family.INET) == refusal.NO_FAMILY
    families[Family.INET6] = 1
    assert refusal.of_family(engine.ns, Family.INET) == refusal.NO_FAMILY
    families[Family.INET] = 1
    assert refusal.of_family(engine.ns, Family.INET) is None
    families[Family.INET] = 0
    assert refusal.of_family(engine.ns, Family.INET) == refusal.NO_FAMILY
