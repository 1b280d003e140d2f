"""What is to be queued for which services."""

import itertools
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Forward, Proto
from pyvs.datapath.chains.networks import FEW
from pyvs.datapath.chains.watch import ALL_PORTS, Endpoint, merged, watch
from pyvs.testing.environment import FixedEnvironment

VIP, RIP = ip_address("192.0.2.100").packed, ip_address("10.1.0.11").packed
VIP6, RIP6 = ip_address("2001:db8::64").packed, ip_address("2001:db8:1::b").packed


def engine() -> Engine:
    return Engine(FixedEnvironment())


def offer(
    target: Engine, protocol: int, vport: int, dport: int, forward: int = Forward.MASQ, fwmark: int = 0,
    family: Family = Family.INET, flags: int = 0,
) -> ServiceKey:  # fmt: skip
    six = family == Family.INET6
    key = ServiceKey(family, protocol, VIP6 if six else VIP, vport)
    if fwmark:
        key = ServiceKey(family, fwmark=fwmark)
    target.control.new_service(
        ServiceSpec(key, "rr", flags=flags, timeout=60 if flags else 0, netmask=128 if six else 0xFFFFFFFF),
        0.0,
    )
    target.control.new_dest(key, DestSpec(DestKey(RIP6 if six else RIP, dport), forward=forward), 0.0)
    return key


def test_nothing_without_services() -> None:
    assert not watch(engine().ns, Family.INET)


def test_a_service_by_nat() -> None:
    target = engine()
    offer(target, Proto.TCP, 80, 8080)
    found = watch(target.ns, Family.INET)
    assert found.virtual == (Endpoint(VIP, Proto.TCP, ((80, 80),)),)
    assert found.servers == (Endpoint(RIP, Proto.TCP, ((8080, 8080),)),)
    assert not watch(target.ns, Family.INET6)


def test_only_nat_has_replies() -> None:
    for forward in (Forward.DROUTE, Forward.TUNNEL):
        target = engine()
        offer(target, Proto.UDP, 53, 53, forward)
        assert watch(target.ns, Family.INET).servers == ()


def test_ports_of_an_address_are_gathered() -> None:
    target = engine()
    for port in (443, 80, 81):
        offer(target, Proto.TCP, port, port)
    assert watch(target.ns, Family.INET).virtual == (Endpoint(VIP, Proto.TCP, ((80, 81), (443, 443))),)


def test_ftp_opens_ports_of_its_own() -> None:
    target = engine()
    offer(target, Proto.TCP, 21, 21)
    found = watch(target.ns, Family.INET)
    assert found.virtual == (Endpoint(VIP, Proto.TCP, ((20, 21), (1024, 65535))),)
    assert found.servers == (Endpoint(RIP, Proto.TCP, ALL_PORTS),)


def test_a_service_of_all_ports() -> None:
    target = engine()
    offer(target, Proto.TCP, 0, 0, flags=1)
    found = watch(target.ns, Family.INET)
    assert found.virtual == (Endpoint(VIP, Proto.TCP, ALL_PORTS),)
    assert found.servers == (Endpoint(RIP, Proto.TCP, ALL_PORTS),)


def test_a_service_by_mark_takes_all_protocols() -> None:
    target = engine()
    offer(target, 0, 0, 0, fwmark=7, family=Family.INET6)
    found = watch(target.ns, Family.INET6)
    assert (found.virtual, found.marks) == ((), (7,))
    assert found.servers == (Endpoint(RIP6, 0, ALL_PORTS),)
    assert found


def test_ipsec_follows_its_key_exchange() -> None:
    target = engine()
    offer(target, Proto.UDP, 500, 500)
    found = watch(target.ns, Family.INET)
    assert [endpoint.protocol for endpoint in found.virtual] == [Proto.UDP, Proto.ESP, Proto.AH]
    assert [endpoint.protocol for endpoint in found.servers] == [Proto.UDP, Proto.ESP, Proto.AH]


def test_a_removed_server_is_watched_as_long_as_it_lies_in_the_trash() -> None:
    target = engine()
    key = offer(target, Proto.TCP, 80, 8080)
    before = watch(target.ns, Family.INET)
    target.control.del_dest(key, DestKey(RIP, 8080), 1.0)
    target.control.del_service(key, 1.0)
    assert watch(target.ns, Family.INET) == before
    now = 1.0
    for _ in range(20):
        now += 30.0
        target.handle_timeouts(now)
    assert not watch(target.ns, Family.INET)


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 40)).map(lambda r: (r[0], r[0] + r[1]))))
def test_ranges_hold_the_same_ports_after_merging(ranges: list[tuple[int, int]]) -> None:
    joined = merged(ranges)
    assert {p for low, high in joined for p in range(low, high + 1)} == {
        p for low, high in ranges for p in range(low, high + 1)
    }
    assert all(one[1] + 1 < other[0] for one, other in itertools.pairwise(joined))


@pytest.mark.parametrize("count", [FEW, FEW + 1])
def test_many_addresses_are_watched_as_networks(count: int) -> None:
    """Virtual addresses and NAT servers, also a removed one, lie in what is watched; servers by other methods don't."""
    target = engine()
    control = target.control
    virtual, servers = set(), {RIP}
    for number in range(count):
        key = ServiceKey(Family.INET, Proto.TCP, (0xC6120000 + number).to_bytes(4, "big"), 80)
        control.new_service(ServiceSpec(key, "rr"), 0.0)
        virtual.add(key.addr)
        nat, direct = ((base + number).to_bytes(4, "big") for base in (0x0A020000, 0x0A030000))
        control.new_dest(key, DestSpec(DestKey(direct, 80), Forward.DROUTE), 0.0)
        if number:
            control.new_dest(key, DestSpec(DestKey(nat, 80)), 0.0)
            servers.add(nat)
        else:
            control.new_dest(key, DestSpec(DestKey(RIP, 80)), 0.0)
            control.del_dest(key, DestKey(RIP, 80), 0.0)
    found = watch(target.ns, Family.INET)
    for addresses, endpoints in ((virtual, found.virtual), (servers, found.servers)):
        assert (count > FEW) == any(endpoint.length is not None for endpoint in endpoints)
        held = [
            ip_network((endpoint.address, 32 if endpoint.length is None else endpoint.length))
            for endpoint in endpoints
        ]
        assert {address.packed for network in held for address in network} == addresses
