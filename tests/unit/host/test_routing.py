from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.environment import Environment
from pyvs.host import iproute
from pyvs.host.host import Host
from pyvs.host.routing import Entry, Kind, RouteError, Table, masked


def a(text: str) -> bytes:
    return ip_address(text).packed


def run(host: Host, line: str) -> None:
    iproute.command(host, line.split())


@pytest.mark.parametrize(
    ("destination", "device", "gateway", "source"),
    [
        ("198.51.100.7", "eth0", "192.0.2.254", "192.0.2.1"),
        ("192.0.2.77", "eth0", None, "192.0.2.1"),
        ("10.1.0.11", "eth1", None, "10.1.0.1"),
        ("2001:db8:c::7", "eth0", "2001:db8::fe", "2001:db8::100"),
        ("2001:db8:1::11", "eth1", None, "2001:db8:1::1"),
    ],
)
def test_routes(host: Host, destination: str, device: str, gateway: str | None, source: str) -> None:
    route = host.route(a(destination))
    assert route is not None
    assert (route.local, route.device, route.unicast, route.mtu) == (False, device, True, 1500)
    assert route.gateway == (gateway and a(gateway))
    assert route.source == a(source)


@pytest.mark.parametrize("address", ["192.0.2.100", "10.1.0.1", "127.0.0.1", "2001:db8::100", "::1"])
def test_own_addresses_are_local(host: Host, address: str) -> None:
    route = host.route(a(address))
    assert route is not None
    assert (route.local, route.device, route.source, route.mtu) == (True, "lo", a(address), 65536)
    assert host.is_local(a(address))


def test_broadcast_is_no_unicast(host: Host) -> None:
    route = host.route(a("10.1.0.255"))
    assert route is not None
    assert not route.unicast
    assert not host.is_local(a("10.1.0.255"))


def test_marks_choose_tables(host: Host) -> None:
    run(host, "route add local 203.0.113.0/24 dev lo table 99")
    run(host, "rule add fwmark 3 lookup 99 pref 10")
    marked, plain = host.route(a("203.0.113.9"), mark=3), host.route(a("203.0.113.9"))
    assert marked is not None
    assert plain is not None
    assert marked.local
    assert plain.gateway == a("192.0.2.254")
    assert not host.is_local(a("203.0.113.9")), "only table local says so"
    run(host, "rule del fwmark 3 lookup 99")
    again = host.route(a("203.0.113.9"), mark=3)
    assert again is not None
    assert not again.local


def test_path_mtu_is_learnt(host: Host) -> None:
    generation = host.generation
    host.update_pmtu(a("10.1.0.11"), 1300)
    host.update_pmtu(a("10.1.0.12"), 100)
    host.update_pmtu(a("2001:db8:1::11"), 100)
    mtus = {address: route.mtu for address in ("10.1.0.11", "10.1.0.12", "10.1.0.13", "2001:db8:1::11")
            if (route := host.route(a(address)))}  # fmt: skip
    assert mtus == {"10.1.0.11": 1300, "10.1.0.12": 552, "10.1.0.13": 1500, "2001:db8:1::11": 1280}
    assert host.generation > generation
    host.update_pmtu(a("10.1.0.11"), 1400)
    route = host.route(a("10.1.0.11"))
    assert route is not None
    assert route.mtu == 1300, "a bigger one is not believed"


def test_a_path_mtu_that_is_the_links_is_noted_by_ipv4(host: Host) -> None:
    for address, noted in (("10.1.0.11", True), ("2001:db8:1::11", False)):
        generation = host.generation
        for _ in range(2):
            host.update_pmtu(a(address), 1500)
            route = host.route(a(address))
            assert route is not None
            assert (route.mtu, route.learnt) == (1500, noted)
            assert (host.generation > generation) == noted
        later = host.generation
        host.update_pmtu(a(address), 1500)
        assert host.generation == later, "nothing new"
        host.update_pmtu(a(address), 1501)
        assert host.generation == later, "more than the link takes"


def numbers(host: Host, address: str) -> tuple[int, int]:
    route = host.route(a(address))
    assert route is not None
    return route.tables, route.exceptions


def test_a_path_mtu_is_no_change_of_tables(host: Host) -> None:
    tables, exceptions = numbers(host, "10.1.0.12")
    host.update_pmtu(a("10.1.0.11"), 1300)
    assert numbers(host, "10.1.0.12") == (tables, exceptions + 1)
    host.update_pmtu(a("10.1.0.11"), 1200)
    assert numbers(host, "10.1.0.12") == (tables, exceptions + 1), "not the first"
    host.update_pmtu(a("198.51.100.7"), 1300)
    assert numbers(host, "10.1.0.12") == (tables, exceptions + 1), "by way of another next hop"
    assert numbers(host, "198.51.100.8") == (tables, 1)


@pytest.mark.parametrize(
    ("line", "four", "six"),
    [
        ("route add 10.9.0.0/24 via 10.1.0.254", True, False),
        ("route del default", True, False),
        ("-6 route add 2001:db8:9::/64 via 2001:db8:1::fe", False, True),
        ("addr add 10.77.0.1/32 dev eth1", True, False),
        ("addr add 2001:db8:77::1/128 dev eth1 nodad", False, True),
        ("rule add fwmark 3 lookup 99", True, False),
        ("link set eth1 mtu 1490", True, True),
        ("neigh add 10.1.0.99 lladdr 02:00:00:00:00:99 dev eth1", False, False),
    ],
)
def test_the_tables_of_which_family_change(host: Host, line: str, four: bool, six: bool) -> None:
    before = [numbers(host, address)[0] for address in ("10.1.0.11", "2001:db8:1::11")]
    run(host, line)
    after = [numbers(host, address)[0] for address in ("10.1.0.11", "2001:db8:1::11")]
    assert [x != y for x, y in zip(before, after, strict=True)] == [four, six]


def test_no_route(host: Host) -> None:
    run(host, "route del default")
    assert host.route(a("198.51.100.7")) is None
    run(host, "route add unreachable 10.9.0.0/16")
    assert host.route(a("10.9.0.1")) is None


def test_same_route_twice_is_refused(host: Host) -> None:
    with pytest.raises(RouteError, match="File exists"):
        run(host, "route add default via 192.0.2.254")
    with pytest.raises(RouteError, match="File exists"):
        run(host, "addr add 192.0.2.100/32 dev eth0")


def test_address_comes_and_goes_with_its_routes(host: Host) -> None:
    run(host, "addr add 172.16.0.1/24 dev eth1")
    route = host.route(a("172.16.0.9"))
    assert route is not None
    assert (route.device, route.source) == ("eth1", a("172.16.0.1"))
    run(host, "addr del 172.16.0.1/24 dev eth1")
    assert not host.is_local(a("172.16.0.1"))
    route = host.route(a("172.16.0.9"))
    assert route is not None
    assert route.device == "eth0"


@given(
    st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)), max_size=20), st.integers(0, 2**32 - 1)
)
def test_longest_prefix_wins(nets: list[tuple[int, int]], address: int) -> None:
    table, packed = Table(), address.to_bytes(4, "big")
    prefixes = {(masked(number.to_bytes(4, "big"), length), length) for number, length in nets}
    for prefix, length in prefixes:
        table.add(Entry(prefix, length, Kind.UNICAST, "eth0"))
    expected = max(
        (n.prefixlen for p, length in prefixes if ip_address(packed) in (n := ip_network((p, length)))),
        default=None,
    )
    found = table.find(packed)
    assert (found.length if found else None) == expected


def test_is_an_environment(host: Host) -> None:
    environment: Environment = host
    assert environment.device_mtu("eth1") == 1500
    assert environment.device_mtu("nosuch0") is None
    assert {environment.random(3) for _ in range(100)} == {0, 1, 2}
    assert environment.available_pages() > 0
