"""Services' own limits, and what UDP does when its server goes."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from pyvs.core.command import Transmit
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec, Timeouts
from pyvs.core.engine import Engine
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Family, Hook, Proto
from pyvs.core.packet.packet import Packet
from pyvs.core.policy.policy import DEFAULT, AtExpiry, Policy, check
from pyvs.core.reasons import Reason
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import tcp, udp

VIP, SERVERS, CLIENT = "192.0.2.100", ("10.1.0.11", "10.1.0.12"), "198.51.100.7"
SYN, ACK = 0x02, 0x10


def packed(address: str) -> bytes:
    return ip_address(address).packed


WEB = ServiceKey(Family.INET, Proto.TCP, packed(VIP), 80)
DNS = ServiceKey(Family.INET, Proto.UDP, packed(VIP), 53)


@pytest.fixture
def engine() -> Engine:
    engine = Engine(FixedEnvironment([packed(VIP)], {"eth1": 1500}))
    for key in (WEB, DNS):
        engine.control.new_service(ServiceSpec(key, "rr"), 0.0)
        for server in SERVERS:
            engine.control.new_dest(key, DestSpec(DestKey(packed(server), key.port)), 0.0)
    return engine


def establish(engine: Engine, now: float = 1.0) -> str:
    """The server of a connection from port 40000 that is established."""
    server = ""
    for sender, flags in (("client", SYN), ("server", SYN | ACK), ("client", ACK)):
        if sender == "client":
            engine.receive(Packet(tcp(CLIENT, VIP, 40000, 80, flags), iif="eth0"), Hook.LOCAL_IN, now)
            (sent,) = [each for each in engine.drain() if isinstance(each, Transmit)]
            server = str(ip_address(sent.destination))
        else:
            engine.receive(Packet(tcp(server, CLIENT, 80, 40000, flags), iif="eth1"), Hook.FORWARD, now)
    return server


@pytest.mark.parametrize("express", [True, False])
def test_an_established_connection_has_its_services_limit(engine: Engine, express: bool) -> None:
    engine.ns.use_express = express
    engine.control.set_policy(WEB, Policy(idle=30.0), 0.0)
    server = establish(engine)
    (conn,) = engine.ns.connections
    assert conn.timeout == 30.0
    engine.receive(Packet(tcp(CLIENT, VIP, 40000, 80, ACK), iif="eth0"), Hook.LOCAL_IN, 5.0)
    assert conn.expires == 35.0
    engine.receive(Packet(tcp(server, CLIENT, 80, 40000, ACK), iif="eth1"), Hook.FORWARD, 6.0)
    assert conn.expires == 36.0
    engine.control.set_config(Timeouts(tcp=500, udp=70), 6.0)
    engine.receive(Packet(udp(CLIENT, VIP, 40000, 53), iif="eth0"), Hook.LOCAL_IN, 7.0)
    engine.receive(Packet(tcp(CLIENT, VIP, 40000, 80, ACK), iif="eth0"), Hook.LOCAL_IN, 7.0)
    assert {each.protocol: each.timeout for each in engine.ns.connections} == {6: 30.0, 17: 70.0}
    engine.control.set_policy(WEB, DEFAULT, 8.0)
    engine.receive(Packet(tcp(CLIENT, VIP, 40000, 80, ACK), iif="eth0"), Hook.LOCAL_IN, 8.0)
    assert conn.timeout == 500.0


def test_other_states_keep_the_timeouts_of_all(engine: Engine) -> None:
    engine.control.set_policy(WEB, Policy(idle=30.0), 0.0)
    engine.control.set_config(Timeouts(tcp_fin=44), 0.5)
    server = establish(engine)
    (conn,) = engine.ns.connections
    engine.receive(Packet(tcp(server, CLIENT, 80, 40000, 0x11), iif="eth1"), Hook.FORWARD, 3.0)
    assert conn.timeout == 44.0


def test_a_server_that_is_added_later_has_the_policy_too(engine: Engine) -> None:
    engine.control.set_policy(WEB, Policy(idle=30.0), 0.0)
    engine.control.new_dest(WEB, DestSpec(DestKey(packed("10.1.0.13"), 80)), 0.0)
    assert all(
        dest.terms is not None and dest.terms.timeouts[6][1] == 30.0
        for service in engine.ns.services
        if service.port == 80
        for dest in service.destinations
    )


def test_a_limit_that_can_not_be_is_refused(engine: Engine) -> None:
    for idle in (0.5, -1.0, 1e9, float("nan")):
        with pytest.raises(ControlError, match="idle timeout") as refusal:
            engine.control.set_policy(WEB, Policy(idle=idle), 0.0)
        assert refusal.value.errno == Errno.EINVAL
    assert engine.control.get_policy(WEB) == DEFAULT


def test_udp_leaves_a_removed_server_with_its_next_packet_if_the_service_wants_that(engine: Engine) -> None:
    for leaves in (False, True):
        engine.control.set_policy(DNS, Policy(udp_leaves=leaves), 1.0)
        engine.receive(Packet(udp(CLIENT, VIP, 40001 + leaves, 53), iif="eth0"), Hook.LOCAL_IN, 1.0)
        (sent,) = [each for each in engine.drain() if isinstance(each, Transmit)]
        engine.control.del_dest(DNS, DestKey(sent.destination, 53), 2.0)
        verdict = engine.receive(Packet(udp(CLIENT, VIP, 40001 + leaves, 53), iif="eth0"), Hook.LOCAL_IN, 3.0)
        again = [each.destination for each in engine.drain() if isinstance(each, Transmit)]
        if leaves:
            assert verdict.reason is Reason.FORWARDED
            assert again
            assert again != [sent.destination]
        else:
            assert verdict.reason is Reason.SERVER_GONE
            assert again == []
        engine.control.new_dest(DNS, DestSpec(DestKey(sent.destination, 53)), 4.0)


def test_usual_services_have_no_terms(engine: Engine) -> None:
    engine.control.set_policy(WEB, Policy(at_expiry=AtExpiry.RST), 0.0)
    engine.control.set_policy(WEB, DEFAULT, 0.0)
    assert all(dest.terms is None for service in engine.ns.services for dest in service.destinations)


@pytest.mark.parametrize(
    ("policy", "protocol", "said"),
    [
        (
            Policy(udp_leaves=True),
            Proto.TCP,
            "udp-leaves.*services of UDP or by firewall mark, but .* of TCP",
        ),
        (Policy(udp_leaves=True), Proto.SCTP, "this one is of SCTP"),
        (Policy(at_expiry=AtExpiry.RST), Proto.UDP, "at-expiry rst.*services of TCP or by .* is of UDP"),
        (Policy(at_expiry=AtExpiry.RST), Proto.SCTP, "this one is of SCTP"),
    ],
)
def test_what_would_do_nothing_is_refused(policy: Policy, protocol: Proto, said: str) -> None:
    with pytest.raises(ControlError, match=said):
        check(policy, protocol, 0)
    check(policy, protocol, 5)  # a mark may be set on packets of all protocols
