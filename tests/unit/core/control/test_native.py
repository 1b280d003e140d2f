"""The verbs that the kernel never had: each takes the time, and says what became of it."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from pyvs.core.control.connections import EVERYTHING
from pyvs.core.control.native import NativeControl
from pyvs.core.control.native_specs import (
    AddDest,
    AddService,
    Change,
    DrainKey,
    DrainView,
    RemoveService,
    SetPolicy,
)
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.control.verbs import Control
from pyvs.core.engine import Engine
from pyvs.core.errors import Errno
from pyvs.core.flags import Family, Hook, Proto, ServiceFlag
from pyvs.core.namespace import Namespace
from pyvs.core.packet.packet import Packet
from pyvs.core.policy.policy import DEFAULT, AtExpiry, Policy
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import udp

Refused = Callable[[Errno], AbstractContextManager[None]]
VIP = bytes((192, 0, 2, 100))
DNS = ServiceKey(Family.INET, Proto.UDP, VIP, 53)
ABSENT = ServiceKey(Family.INET, Proto.TCP, VIP, 81)
SERVERS = [bytes((10, 1, 0, last)) for last in (12, 11, 13)]


def test_a_policy_is_of_one_service(control: Control, ns: Namespace, web: ServiceKey) -> None:
    control.new_service(ServiceSpec(DNS, "rr"), 0.0)
    assert control.get_policy(web) == DEFAULT
    before = control.generation()
    control.set_policy(web, Policy(600.0, AtExpiry.RST), 7.0)
    assert ns.now == 7.0
    assert control.generation() != before
    assert control.get_policy(web) == Policy(600.0, AtExpiry.RST)
    assert control.get_policy(DNS) == DEFAULT


def test_a_policy_that_can_not_be_changes_nothing(
    control: Control, web: ServiceKey, refused: Refused
) -> None:
    control.set_policy(web, Policy(60.0), 0.0)
    before = control.generation()
    for idle in (-1.0, 0.5, 1e9, float("nan")):
        with refused(Errno.EINVAL):
            control.set_policy(web, Policy(idle), 1.0)
    with refused(Errno.ESRCH):
        control.set_policy(ABSENT, Policy(60.0), 1.0)
    with refused(Errno.ESRCH):
        control.get_policy(ABSENT)
    assert control.get_policy(web) == Policy(60.0)
    assert control.generation() == before


def test_rules_can_be_made_anew_from_what_is_told(control: Control, web: ServiceKey, ns: Namespace) -> None:
    for weight, addr in enumerate(SERVERS, 1):
        control.new_dest(web, DestSpec(DestKey(addr, 80), weight=weight), 0.0)
    control.new_service(ServiceSpec(DNS, "sh", ServiceFlag.PERSISTENT, timeout=300), 0.0)
    control.set_policy(DNS, Policy(udp_leaves=True), 0.0)
    control.drain(DrainKey(SERVERS[1]), None, 0.0)
    rules = list(control.each_rule())
    told = {spec.key: (spec, servers, policy) for spec, servers, policy in rules}
    assert [each.key.addr for each in told[web][1]] == SERVERS  # as they were added
    assert [each.weight for each in told[web][1]] == [1, 2, 3]  # draining is no weight
    assert told[DNS][1:] == ([], Policy(udp_leaves=True))
    anew = Control(Namespace(ns.environment))
    for spec, servers, policy in rules:
        anew.new_service(spec, 0.0)
        for server in servers:
            anew.new_dest(spec.key, server, 0.0)
        anew.set_policy(spec.key, policy, 0.0)
    assert list(anew.each_rule()) == rules


def test_a_service_that_goes_while_rules_are_told_is_left_out(control: Control, web: ServiceKey) -> None:
    control.new_service(ServiceSpec(DNS, "rr"), 0.0)
    rules = control.each_rule()
    first = next(rules)[0].key
    control.del_service(DNS if first == web else web, 1.0)
    assert list(rules) == []


def test_draining_by_its_verbs(control: Control, ns: Namespace, web: ServiceKey) -> None:
    control.new_dest(web, DestSpec(DestKey(SERVERS[0], 80), weight=4), 0.0)
    assert control.get_drains(1.0) == []
    control.drain(DrainKey(SERVERS[0]), 30.0, 10.0)
    (view,) = control.get_drains(25.0)
    assert (view.service, view.weight, view.left) == (web, 4, 15.0)
    assert ns.now == 25.0
    assert control.get_dests(web)[0].spec.weight == 0
    assert control.cancel_drain(DrainKey(SERVERS[0]), 35.0) == [
        DrainView(web, view.dest, 4, 0, 0, 0, 0, 5.0, False)
    ]
    assert control.get_dests(web)[0].spec.weight == 4


def test_connections_are_told_as_of_now_and_end() -> None:
    engine = Engine(FixedEnvironment([VIP]))
    engine.control.new_service(ServiceSpec(DNS, "rr"), 0.0)
    engine.control.new_dest(DNS, DestSpec(DestKey(SERVERS[0], 53)), 0.0)
    for port in (1000, 1001):
        packet = Packet(udp("198.51.100.7", "192.0.2.100", port, 53), iif="eth0")
        engine.receive(packet, Hook.LOCAL_IN, 1.0)
    views = [view for view in engine.control.each_connection(EVERYTHING, 4.0) if view is not None]
    assert sorted(view.cport for view in views) == [1000, 1001]
    assert {view.idle for view in views} == {3.0}
    assert engine.ns.now == 4.0
    assert sum(filter(None, engine.control.drop_connections(EVERYTHING, 5.0))) == 2
    assert engine.ns.now == 5.0
    assert engine.ns.connections.count == 0


def test_many_changes_are_made_or_none(control: Control, web: ServiceKey, refused: Refused) -> None:
    before, generation = list(control.each_rule()), control.generation()
    changes: list[Change] = [
        AddService(ServiceSpec(DNS, "rr")),
        AddDest(DNS, DestSpec(DestKey(SERVERS[0], 53))),
        SetPolicy(DNS, Policy(60.0)),
    ]
    with refused(Errno.ESRCH):
        control.apply([*changes, RemoveService(ABSENT)], generation, 1.0)
    assert list(control.each_rule()) == before
    assert control.apply([*changes, RemoveService(web)], control.generation(), 1.0) == 4
    ((spec, (server,), policy),) = control.each_rule()
    assert (spec.key, server.key.addr, policy) == (DNS, SERVERS[0], Policy(60.0))
    with refused(Errno.EBUSY):
        control.apply([RemoveService(DNS)], generation, 2.0)
    assert len(list(control.each_rule())) == 1
    assert control.apply([RemoveService(DNS)], None, 3.0) == 1


def test_the_kernels_verbs_and_these_are_one_control() -> None:
    assert issubclass(Control, NativeControl)
    for name in ("set_policy", "drain", "cancel_drain", "each_rule", "begin_step"):
        assert getattr(Control, name) is getattr(NativeControl, name)


@pytest.mark.parametrize("verb", ["get_policy", "set_policy"])
def test_a_service_is_named_when_it_is_not_there(control: Control, refused: Refused, verb: str) -> None:
    arguments = (ABSENT,) if verb == "get_policy" else (ABSENT, DEFAULT, 0.0)
    with refused(Errno.ESRCH):
        getattr(control, verb)(*arguments)
