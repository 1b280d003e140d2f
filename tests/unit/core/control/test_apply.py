"""Many changes in one step, or none."""

from __future__ import annotations

import pytest

from pyvs.core.control.native_specs import (
    AddDest,
    AddService,
    Change,
    ChangeMasquerade,
    DrainKey,
    RemoveDest,
    RemoveService,
    SetDest,
    SetKnob,
    SetPolicy,
    SetService,
    SetTimeouts,
)
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec, Timeouts
from pyvs.core.engine import Engine
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Family, Proto
from pyvs.core.masquerade.portfw import Command, Rule
from pyvs.core.masquerade.requests import AgentRequest, ForwardingRequest, NetworkRequest
from pyvs.core.policy.policy import DEFAULT, Policy
from pyvs.testing.environment import FixedEnvironment

VIP = bytes((192, 0, 2, 100))


MACHINE, OTHER = bytes((10, 1, 0, 1)), bytes((10, 1, 0, 2))
NETWORK = NetworkRequest(True, bytes((10, 1, 0, 0)), 24)


def key(port: int) -> ServiceKey:
    return ServiceKey(Family.INET, Proto.TCP, VIP, port)


def dest(last: int, weight: int = 1) -> DestSpec:
    return DestSpec(DestKey(bytes((10, 1, 0, last)), 80, Family.INET), weight=weight)


def everything(engine: Engine) -> object:
    control = engine.control
    return (
        [
            (spec, sorted(servers, key=lambda each: each.key.addr), policy)
            for spec, servers, policy in control.each_rule()
        ],
        control.get_config(),
        control.sysctl_read("conn_reuse_mode"),
        control.get_masquerade(),
        control.proc("ip_portfw"),
    )


@pytest.fixture
def engine() -> Engine:
    engine = Engine(FixedEnvironment([VIP]))
    for port in (80, 81):
        engine.control.new_service(ServiceSpec(key(port), "rr"), 0.0)
        for last in (1, 2):
            engine.control.new_dest(key(port), dest(last), 0.0)
    for request in (
        NETWORK,
        ForwardingRequest(Command.ADD, Rule(Proto.TCP, VIP, 81, MACHINE, 80, 3)),
        ForwardingRequest(Command.ADD, Rule(Proto.UDP, VIP, 53, MACHINE, 53)),
        AgentRequest(True, MACHINE, 9999),
        AgentRequest(True, OTHER, 9999),
    ):
        engine.control.masquerade(request, 0.0)
    return engine


CHANGES: list[Change] = [
    RemoveService(key(81)),
    AddService(ServiceSpec(key(82), "wlc")),
    AddDest(key(82), dest(9)),
    SetService(ServiceSpec(key(80), "sh")),
    RemoveDest(key(80), dest(1).key),
    SetDest(key(80), dest(2, 7)),
    SetPolicy(key(80), Policy(idle=60.0)),
    SetTimeouts(Timeouts(tcp=800)),
    SetKnob("conn_reuse_mode", "0"),
    ChangeMasquerade(NetworkRequest(False, NETWORK.network, 24)),
    ChangeMasquerade(NetworkRequest(True, NETWORK.network, 24, VIP)),
    ChangeMasquerade(ForwardingRequest(Command.ADD, Rule(Proto.TCP, VIP, 90, MACHINE, 80, 5))),
    ChangeMasquerade(ForwardingRequest(Command.EDIT, Rule(Proto.TCP, VIP, 81, MACHINE, 80, 7))),
    ChangeMasquerade(ForwardingRequest(Command.DELETE, Rule(Proto.UDP, VIP, 53, MACHINE, 53))),
    ChangeMasquerade(AgentRequest(True, MACHINE, 9998)),
    ChangeMasquerade(AgentRequest(False, OTHER)),
    ChangeMasquerade(AgentRequest(True, VIP, 9999)),
]


def test_all_are_made(engine: Engine) -> None:
    generation = engine.control.generation()
    assert engine.control.apply(CHANGES, generation, 1.0) == len(CHANGES)
    assert engine.control.generation() != generation
    rules = {spec.key: (spec.scheduler, [each.weight for each in servers], policy) for spec, servers, policy in
             engine.control.each_rule()}  # fmt: skip
    assert rules == {key(80): ("sh", [7], Policy(idle=60.0)), key(82): ("wlc", [1], DEFAULT)}
    assert engine.control.get_config().tcp == 800
    assert engine.control.sysctl_read("conn_reuse_mode") == "0"
    assert engine.control.get_masquerade() == [
        NetworkRequest(True, NETWORK.network, 24, VIP),
        ForwardingRequest(Command.ADD, Rule(Proto.TCP, VIP, 81, MACHINE, 80, 7)),
        ForwardingRequest(Command.ADD, Rule(Proto.TCP, VIP, 90, MACHINE, 80, 5)),
        AgentRequest(True, MACHINE, 9998),
        AgentRequest(True, VIP, 9999),
    ]


@pytest.mark.parametrize(
    ("bad", "errno"),
    [
        (AddService(ServiceSpec(key(80), "rr")), Errno.EEXIST),
        (AddService(ServiceSpec(key(99), "nosuch")), Errno.ENOENT),
        (AddDest(key(80), dest(2)), Errno.EEXIST),
        (AddDest(key(7), dest(2)), Errno.ESRCH),
        (SetDest(key(80), dest(77)), Errno.ENOENT),
        (SetService(ServiceSpec(key(7), "rr")), Errno.ESRCH),
        (RemoveService(key(7)), Errno.ESRCH),
        (RemoveDest(key(80), dest(77).key), Errno.ENOENT),
        (SetPolicy(key(80), Policy(idle=0.1)), Errno.EINVAL),
        (SetKnob("conn_reuse_mode", "many"), Errno.EINVAL),
        (SetKnob("nosuch", "1"), Errno.ENOENT),
        (SetTimeouts(Timeouts(tcp=-1)), Errno.EINVAL),
        (ChangeMasquerade(NetworkRequest(True, NETWORK.network, 24)), Errno.EEXIST),
        (ChangeMasquerade(NetworkRequest(True, bytes(4), 0, OTHER)), Errno.EADDRNOTAVAIL),
        (ChangeMasquerade(NetworkRequest(False, bytes(4), 0)), Errno.ESRCH),
        (ChangeMasquerade(AgentRequest(False, OTHER)), Errno.ESRCH),
        (ChangeMasquerade(ForwardingRequest(Command.FLUSH)), Errno.EINVAL),
        (
            ChangeMasquerade(ForwardingRequest(Command.DELETE, Rule(Proto.TCP, VIP, 81, bytes(4), 80))),
            Errno.EINVAL,
        ),
    ],
)
def test_one_that_is_refused_takes_all_back(engine: Engine, bad: Change, errno: Errno) -> None:
    engine.control.set_policy(key(81), Policy(idle=5.0), 0.0)
    before = everything(engine)
    with pytest.raises(ControlError) as refusal:
        engine.control.apply([*CHANGES, bad], None, 1.0)
    assert (refusal.value.errno, refusal.value.change) == (errno, len(CHANGES))
    assert everything(engine) == before


def test_rules_that_someone_else_changed_are_not_overwritten(engine: Engine) -> None:
    for change in (
        lambda: engine.control.new_service(ServiceSpec(key(90), "rr"), 0.0),
        lambda: engine.control.set_service(ServiceSpec(key(90), "wrr"), 0.0),
        lambda: engine.control.new_dest(key(90), dest(1), 0.0),
        lambda: engine.control.set_dest(key(90), dest(1, 5), 0.0),
        lambda: engine.control.set_policy(key(90), Policy(idle=5.0), 0.0),
        lambda: engine.control.drain(DrainKey(dest(1).key.addr), None, 0.0),
        lambda: engine.control.cancel_drain(DrainKey(dest(1).key.addr), 0.0),
        lambda: engine.control.del_dest(key(90), dest(1).key, 0.0),
        lambda: engine.control.del_service(key(90), 0.0),
        lambda: engine.control.masquerade(NetworkRequest(False, NETWORK.network, 24), 0.0),
    ):
        generation = engine.control.generation()
        change()
        with pytest.raises(ControlError, match="changed by someone else") as refusal:
            engine.control.apply(CHANGES, generation, 1.0)
        assert refusal.value.errno == Errno.EBUSY


def test_a_change_of_a_server_that_drains_can_be_taken_back(engine: Engine) -> None:
    engine.control.set_dest(key(80), dest(1, 5), 0.0)
    engine.control.drain(DrainKey(dest(1).key.addr, 80, key(80)), None, 0.0)
    with pytest.raises(ControlError):
        engine.control.apply([SetDest(key(80), dest(1, 8)), AddService(ServiceSpec(key(80)))], None, 1.0)
    (view,) = engine.control.get_drains(1.0)
    assert view.weight == 5
