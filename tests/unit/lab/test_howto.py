from ipaddress import ip_interface

import pytest

from pyvs.lab.howto import OPTIONS, PLANS, TOPOLOGIES, ipvsadm_lines, topology

EVERY = [(method, families) for method in TOPOLOGIES for families in ((4,), (6,), (4, 6))]


@pytest.mark.parametrize(("method", "families"), EVERY)
def test_every_network_is_sound(method: str, families: tuple[int, ...]) -> None:
    assert list(topology(method, families).mistakes()) == []


@pytest.mark.parametrize(("method", "families"), EVERY)
def test_addresses_are_of_the_families_that_were_asked_for(method: str, families: tuple[int, ...]) -> None:
    network = topology(method, families)
    texts = [text for host in network.hosts for plug in host.interfaces for text in plug.addresses]
    texts += [text for host in network.hosts for text in host.loopback]
    assert {ip_interface(text).version for text in texts} == set(families)


@pytest.mark.parametrize("method", TOPOLOGIES)
@pytest.mark.parametrize("family", PLANS)
def test_the_director_has_the_virtual_address(method: str, family: int) -> None:
    assert PLANS[family].virtual in topology(method).host("director").addresses(family)


def test_servers_behind_nat_answer_by_the_director_and_others_by_the_router() -> None:
    for family, plan in PLANS.items():
        for method, gateway in (
            ("nat", plan.director_farm),
            ("dr", plan.router_farm),
            ("tun", plan.router_farm),
        ):
            network = topology(method, (family,))
            assert [route.via for route in network.host("server1").routes] == [gateway]


@pytest.mark.parametrize("method", ["dr", "tun"])
def test_servers_that_have_the_virtual_address_keep_silent_about_it(method: str) -> None:
    server = topology(method).host("server3")
    assert server.loopback == ("207.175.44.110/32", "2001:db8::80/128")
    assert ("net/ipv4/conf/all/arp_ignore", "1") in server.sysctls


def test_lines_are_those_of_the_howto() -> None:
    assert ipvsadm_lines("nat", 4) == (
        "-A -t 207.175.44.110:80 -s rr",
        "-a -t 207.175.44.110:80 -r 192.168.10.1:80 -m",
        "-a -t 207.175.44.110:80 -r 192.168.10.2:80 -m",
        "-a -t 207.175.44.110:80 -r 192.168.10.3:80 -m",
    )


def test_lines_of_ipv6_have_brackets() -> None:
    first, second, *_ = ipvsadm_lines("tun", 6, "wlc", 8080)
    assert first == "-A -t [2001:db8::80]:8080 -s wlc"
    assert second == "-a -t [2001:db8::80]:8080 -r [2001:db8::a0a0]:8080 -i"


def test_each_method_has_its_own_option() -> None:
    assert len(set(OPTIONS.values())) == len(OPTIONS) == len(TOPOLOGIES)
