import pytest

from pyvs.lab.errors import LabError
from pyvs.lab.lab import Lab, host_lines, wire_lines
from pyvs.lab.topology import Host, Interface, Route, Topology

SERVER = Host(
    "server",
    (Interface("farm", ("192.168.10.1/24", "2001:db8::a0a0/120"), mtu=1400),),
    loopback=("207.175.44.110/32", "2001:db8::80/128"),
    routes=(Route("default", "192.168.10.253"), Route("default", "2001:db8::a0fd")),
    inlets=("lvs0",),
)


def test_wires_are_a_bridge_a_segment_and_a_pair_an_interface() -> None:
    assert list(wire_lines(Topology("one", (SERVER,)), lambda host: f"/ns/{host}")) == [
        "link add farm mtu 9000 type bridge forward_delay 0 mcast_snooping 0",
        "link set farm addrgenmode none up",
        "link add p0.0 mtu 1400 type veth peer name eth0 mtu 1400 netns /ns/server",
        "link set p0.0 master farm addrgenmode none up",
    ]


def test_a_host_gets_its_links_addresses_and_routes() -> None:
    assert list(host_lines(SERVER)) == [
        "link set lo up",
        "link add lvs0 mtu 65535 type veth peer name lvs0-in mtu 65535",
        "link set lvs0 up",
        "link set lvs0-in up",
        "address add 192.168.10.1/24 dev eth0",
        "address add 2001:db8::a0a0/120 dev eth0 nodad",
        "link set eth0 up",
        "address add 207.175.44.110/32 dev lo",
        "address add 2001:db8::80/128 dev lo nodad preferred_lft 0",
        "route add 0.0.0.0/0 via 192.168.10.253",
        "route add ::/0 via 2001:db8::a0fd",
    ]


def test_a_topology_that_contradicts_itself_is_refused_before_anything_is_made() -> None:
    with pytest.raises(LabError, match="Two hosts are named server"):
        Lab(Topology("bad", (SERVER, SERVER)))


def test_a_lab_that_was_never_built_closes_without_harm() -> None:
    lab = Lab(Topology("one", (SERVER,)))
    lab.close()
    lab.close()
    assert lab.namespaces == {}
