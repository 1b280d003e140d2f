"""Templates: whom they are for, what they say, when they no longer count."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from pyvs.core.connections.connection import Connection
from pyvs.core.connections.table import NOWHERE
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Forward, Hook, Proto, ServiceFlag
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.scheduling.persist import check_template, mark_address, masked
from pyvs.core.services.service import Service
from pyvs.core.verdict import Verdict
from pyvs.testing.wire import tcp, udp

VIP, REALS = "192.0.2.100", ("10.1.0.11", "10.1.0.12")
PERSISTENT = int(ServiceFlag.PERSISTENT)


def packed(address: str) -> bytes:
    return ip_address(address).packed


def key(port: int = 80, protocol: int = Proto.TCP) -> ServiceKey:
    return ServiceKey(Family.INET, protocol, packed(VIP), port)


def add(
    engine: Engine, which: ServiceKey, dport: int = 8080, *, netmask: int = 0xFFFFFFFF, pe: str = ""
) -> None:
    engine.control.new_service(
        ServiceSpec(which, "rr", flags=PERSISTENT, timeout=300, netmask=netmask, pe=pe), 0.0
    )
    for real in REALS:
        engine.control.new_dest(which, DestSpec(DestKey(packed(real), dport), Forward.MASQ), 0.0)


def come(
    engine: Engine, client: str = "198.51.100.7", dport: int = 80, *, mark: int = 0, now: float = 1.0
) -> str:
    """The server that a new client of TCP gets."""
    come.port += 1  # type: ignore[attr-defined]
    data = tcp(client, VIP, come.port, dport, 2)  # type: ignore[attr-defined]
    verdict = engine.receive(Packet(data, mark=mark, iif="eth0"), Hook.LOCAL_IN, now)
    assert verdict.reason is Reason.FORWARDED
    (command,) = engine.drain()
    return str(ip_address(command.destination))  # type: ignore[union-attr]


come.port = 1023  # type: ignore[attr-defined]


def templates(engine: Engine) -> list[Connection]:
    return [conn for conn in engine.ns.connections if conn.template]


@pytest.mark.parametrize(
    ("netmask", "address", "left"),
    [
        (0xFFFFFFFF, "198.51.100.7", "198.51.100.7"),
        (0xFFFFFF00, "198.51.100.7", "198.51.100.0"),
        (0xFF, "198.51.100.7", "0.0.0.7"),
        (0, "198.51.100.7", "0.0.0.0"),
    ],
)
def test_masks(netmask: int, address: str, left: str) -> None:
    service = Service(Family.INET, Proto.TCP, packed(VIP), 80, 0)
    service.netmask = netmask
    assert masked(service, packed(address)) == packed(left)


@pytest.mark.parametrize(
    ("prefix", "left"), [(128, "2001:db8:a:b::7"), (64, "2001:db8:a:b::"), (33, "2001:db8::"), (1, "::")]
)
def test_prefixes(prefix: int, left: str) -> None:
    service = Service(Family.INET6, Proto.TCP, bytes(16), 80, 0)
    service.netmask = prefix
    assert masked(service, packed("2001:db8:a:b::7")) == packed(left)


def test_a_mark_in_an_addresss_place() -> None:
    assert mark_address(0x01020304, Family.INET) == bytes((1, 2, 3, 4))
    assert mark_address(7, Family.INET6) == bytes((0, 0, 0, 7)) + bytes(12)


def test_a_client_gets_the_same_server_and_others_others(engine: Engine) -> None:
    add(engine, key())
    first = come(engine)
    assert [come(engine) for _ in range(3)] == [first] * 3
    assert come(engine, "198.51.100.8") != first
    assert len(templates(engine)) == 2


def test_the_template_has_no_client_port_and_its_own_time(engine: Engine) -> None:
    add(engine, key())
    come(engine)
    (template,) = templates(engine)
    assert (template.cport, template.vport, template.dport, template.protocol) == (0, 80, 8080, Proto.TCP)
    assert (template.timeout, template.expires, template.n_control) == (300.0, 301.0, 1)
    come(engine, now=100.0)
    assert (template.expires, template.n_control) == (400.0, 2)


def test_a_whole_network_goes_together(engine: Engine) -> None:
    add(engine, key(), netmask=0xFFFFFF00)
    assert come(engine, "198.51.100.8") == come(engine, "198.51.100.200")
    assert come(engine, "198.51.101.8") != come(engine, "198.51.100.8")
    assert {template.caddr for template in templates(engine)} == {
        packed("198.51.100.0"),
        packed("198.51.101.0"),
    }


def test_all_ports_together(engine: Engine) -> None:
    add(engine, key(0), 0)
    assert come(engine, dport=80) == come(engine, dport=443)
    (template,) = templates(engine)
    assert (template.vport, template.dport) == (0, 0)
    assert {conn.dport for conn in engine.ns.connections if not conn.template} == {80, 443}


def test_ftp_takes_its_data_ports_along(engine: Engine) -> None:
    add(engine, key(21), 21)
    first = come(engine, dport=21)
    assert come(engine, dport=5000) == first
    (template,) = templates(engine)
    assert (template.vport, template.dport) == (0, 0)


def test_a_mark_takes_all_addresses_and_ports_along(engine: Engine) -> None:
    which = ServiceKey(Family.INET, fwmark=7)
    add(engine, which, 0)
    first = come(engine, dport=80, mark=7)
    assert come(engine, dport=443, mark=7) == first
    (template,) = templates(engine)
    assert (template.protocol, template.vaddr, template.vport) == (Proto.IP, bytes((0, 0, 0, 7)), 0)


def test_nobody_left_makes_no_template(engine: Engine) -> None:
    add(engine, key())
    for real in REALS:
        spec = DestSpec(DestKey(packed(real), 8080), Forward.MASQ, weight=0)
        engine.control.set_dest(key(), spec, 0.0)
    data = tcp("198.51.100.7", VIP, 40000, 80, 2)
    assert engine.receive(Packet(data, iif="eth0"), Hook.LOCAL_IN, 1.0).reason is Reason.NO_DESTINATION
    assert engine.ns.connections.count == 0


def test_a_template_whose_server_is_gone_is_put_where_nobody_looks(engine: Engine) -> None:
    add(engine, key())
    first = come(engine)
    engine.control.del_dest(key(), DestKey(packed(first), 8080), 1.0)
    assert come(engine) != first
    assert sorted(template.vport for template in templates(engine)) == [80, NOWHERE]
    gone = next(template for template in templates(engine) if template.vport == NOWHERE)
    assert (gone.dport, gone.cport) == (NOWHERE, 0)


@pytest.mark.parametrize(
    ("weight", "knob", "good"), [(1, 0, True), (0, 0, True), (1, 1, True), (0, 1, False)]
)
def test_quiescent_servers_templates(engine: Engine, weight: int, knob: int, good: bool) -> None:
    add(engine, key())
    come(engine)
    (template,) = templates(engine)
    assert template.dest is not None
    template.dest.weight = weight
    engine.ns.sysctl.expire_quiescent_template = knob
    assert check_template(engine.ns, template) == good
    assert (template.vport == NOWHERE) != good


def test_a_template_of_another_server_does_not_count_for_this(engine: Engine) -> None:
    add(engine, key())
    come(engine)
    (template,) = templates(engine)
    dest = template.dest
    assert dest is not None
    other = next(d for s in engine.ns.services for d in s.destinations if d is not dest)
    assert check_template(engine.ns, template, dest)
    assert not check_template(engine.ns, template, other)


def test_a_packet_without_the_name_that_the_engine_wants_is_dropped(engine: Engine) -> None:
    add(engine, key(5060, Proto.UDP), 5060, pe="sip")
    data = udp("198.51.100.7", VIP, 40000, 5060, b"not a call")
    verdict = engine.receive(Packet(data, iif="eth0"), Hook.LOCAL_IN, 1.0)
    assert isinstance(verdict, Verdict)
    assert verdict.reason is Reason.PERSISTENCE_ENGINE
    assert engine.ns.connections.count == 0
