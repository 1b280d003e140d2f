import pytest

from pyvs.lab.errors import LabError
from pyvs.lab.topology import Host, Interface, Route, Topology


def host(name: str, address: str, *routes: Route) -> Host:
    return Host(name, (Interface("wire", (address,)),), routes=routes)


def test_a_host_is_found_by_its_name() -> None:
    network = Topology("two", (host("left", "10.0.0.1/24"), host("right", "10.0.0.2/24")))
    assert network.host("right").addresses(4) == ("10.0.0.2",)


def test_an_unknown_host_is_named_with_those_that_are_there() -> None:
    network = Topology("two", (host("left", "10.0.0.1/24"), host("right", "10.0.0.2/24")))
    with pytest.raises(LabError, match=r"no host named middle; it has left, right\."):
        network.host("middle")


def test_addresses_are_told_apart_by_family() -> None:
    both = Host("both", (Interface("wire", ("10.0.0.1/24", "2001:db8::1/64")),))
    assert both.addresses(4) == ("10.0.0.1",)
    assert both.addresses(6) == ("2001:db8::1",)


def test_segments_come_in_the_order_of_the_hosts_and_once() -> None:
    router = Host("router", (Interface("left"), Interface("right")))
    network = Topology("three", (router, Host("a", (Interface("right"),)), Host("b", (Interface("far"),))))
    assert network.segments == ("left", "right", "far")


@pytest.mark.parametrize(
    ("to", "via", "network"),
    [
        ("default", "10.0.0.1", "0.0.0.0/0"),
        ("default", "2001:db8::1", "::/0"),
        ("192.0.2.0/24", "10.0.0.1", "192.0.2.0/24"),
    ],
)
def test_default_is_spelled_out(to: str, via: str, network: str) -> None:
    assert Route(to, via).network == network


def test_a_sound_topology_has_no_mistakes() -> None:
    network = Topology(
        "two", (host("left", "10.0.0.1/24", Route("default", "10.0.0.2")), host("right", "10.0.0.2/24"))
    )
    assert list(network.mistakes()) == []


@pytest.mark.parametrize(
    ("hosts", "mistake"),
    [
        ((host("a", "10.0.0.1/24"), host("a", "10.0.0.2/24")), "Two hosts are named a."),
        ((host("a", "10.0.0.1/24"), host("b", "10.0.0.1/24")), "b and a both have 10.0.0.1 on wire."),
        (
            (host("a", "10.0.0.1/24", Route("default", "10.0.1.1")),),
            "a has a route by 10.0.1.1, which none of its interfaces reaches.",
        ),
        (
            (host("a", "10.0.0.1/24", Route("2001:db8::/32", "10.0.0.2")),),
            "a has a route to 2001:db8::/32 by 10.0.0.2: two families.",
        ),
    ],
)
def test_contradictions_are_named(hosts: tuple[Host, ...], mistake: str) -> None:
    assert list(Topology("bad", hosts).mistakes()) == [mistake]
