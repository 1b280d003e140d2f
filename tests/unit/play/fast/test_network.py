import json
import os
import subprocess
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from random import Random
from typing import Any

import pytest
from tests.unit.play.conftest import SCENARIO

from pyvs.cli.play import ipvsadm
from pyvs.host import iproute
from pyvs.host.host import Host
from pyvs.host.interface import Interface
from pyvs.play.director import Director
from pyvs.play.fast.network import PRESENT, Network, NetworkFault, commands, planned, rules, what_counts
from pyvs.play.scenario import parse


def changes(*lines: str) -> Callable[[Host], None]:
    def change(host: Host) -> None:
        for line in lines:
            iproute.command(host, line.split())

    return change


def learn(host: Host) -> None:
    host.interfaces["eth0"].neighbours[ip_address("192.0.2.7").packed] = bytes(6)


def mtu(host: Host) -> None:
    host.interfaces["eth1"].mtu = 1400


def stop_forwarding(host: Host) -> None:
    host.settings["net.ipv4.ip_forward"] = 0


def path_mtu(host: Host) -> None:
    host.update_pmtu(ip_address("198.51.100.7").packed, 1000)


def test_devices_with_all_that_they_have(director: Director) -> None:
    lines = list(commands(director.host))
    assert lines == [
        "link set lo up",
        "link add eth0 address 02:00:00:00:00:01 mtu 1500 type veth peer name peer1 mtu 1500",
        "link set peer1 up",
        "link set eth0 up",
        "address add 192.0.2.1/24 dev eth0",
        "address add 192.0.2.100/32 dev eth0",
        "address add 2001:db8::1/64 dev eth0 nodad",
        "neighbour replace 192.0.2.254 lladdr 02:00:00:00:00:fe dev eth0 nud permanent",
        "link add eth1 address 02:00:00:00:01:01 mtu 1500 type veth peer name peer2 mtu 1500",
        "link set peer2 up",
        "link set eth1 up",
        "address add 10.1.0.1/24 dev eth1",
        "neighbour replace 10.1.0.11 lladdr 02:00:00:00:02:01 dev eth1 nud permanent",
        "route add unicast 0.0.0.0/0 table 254 via 192.0.2.254 onlink dev eth0",
    ]
    assert list(rules(director.host, 4)) == list(rules(director.host, 16)) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (changes("route add 203.0.113.0/24 via 10.1.0.11 src 10.1.0.1 metric 7 mtu 900"),
         "route add unicast 203.0.113.0/24 table 254 via 10.1.0.11 onlink dev eth1 src 10.1.0.1 metric 7 mtu lock 900"),
        (changes("route add local 203.0.113.0/24 dev lo table 100"), "route add local 203.0.113.0/24 table 100 dev lo"),
        (changes("route add blackhole 203.0.113.0/24"), "route add blackhole 203.0.113.0/24 table 254"),
        (changes("route del 10.1.0.0/24 dev eth1"), "route delete unicast 10.1.0.0/24 table 254 dev eth1 src 10.1.0.1"),
        (path_mtu, "route replace unicast 198.51.100.7/32 table 254 via 192.0.2.254 onlink dev eth0 mtu lock 1000"),
        (learn, "neighbour replace 192.0.2.7 lladdr 00:00:00:00:00:00 dev eth0 nud permanent"),
        (mtu, "link add eth1 address 02:00:00:00:01:01 mtu 1400 type veth peer name peer2 mtu 1400"),
        (changes("rule add fwmark 1/0xff table 100 pref 50 from 10.1.0.0/24"),
         "rule add preference 50 table 100 from 10.1.0.0/24 fwmark 0x1/0xff"),
        (stop_forwarding, ""),
    ],
)  # fmt: skip
def test_what_a_host_changes_is_seen_and_planned(
    change: Callable[[Host], None], found: str, director: Director
) -> None:
    host = director.host
    before, plan = what_counts(host), planned(host)
    assert what_counts(host) == before
    change(host)
    assert what_counts(host) != before
    after = planned(host)
    assert after != plan
    if found:
        assert found in [*after.lines, *after.rules]


def test_a_device_with_a_small_mtu_has_no_ipv6() -> None:
    host = Host(Random(1))
    host.add_interface(Interface("eth0", bytes(6), 1000))
    changes(
        "addr add 10.0.0.1/24 dev eth0",
        "addr add 2001:db8::1/64 dev eth0",
        "route add 2001:db8:1::/64 dev eth0",
    )(host)
    assert not [line for line in commands(host) if "2001" in line]


@pytest.mark.parametrize("name", ["eth0\nlink set lo down", "", "peer1", "a" * 16, "x y"])
def test_names_that_no_device_can_have(name: str) -> None:
    host = Host(Random(1))
    host.add_interface(Interface(name, bytes(6)))
    with pytest.raises(NetworkFault, match="no device can be called"):
        planned(host)


@pytest.fixture
def network() -> Iterator[Network]:
    network = Network()
    yield network
    network.close()


def shown(*words: str) -> Any:
    return json.loads(subprocess.check_output(["ip", "-j", *words]))


@pytest.mark.root
def test_the_kernel_finds_what_the_host_finds(director: Director, network: Network) -> None:
    home = os.readlink(PRESENT)
    assert network.follow(director.host)
    assert os.readlink(PRESENT) != home
    assert not network.follow(director.host)
    assert network.indices.keys() == {"eth0", "eth1"}
    assert shown("route", "get", "198.51.100.7")[0]["gateway"] == "192.0.2.254"
    changes("route replace default via 10.1.0.11", "rule add to 198.51.100.7 table 77")(director.host)
    changes("route add 198.51.100.7 via 192.0.2.254 table 77")(director.host)
    assert network.follow(director.host)
    assert shown("route", "get", "198.51.100.7")[0]["dev"] == "eth0"
    assert shown("route", "get", "198.51.100.8")[0]["gateway"] == "10.1.0.11"
    network.close()
    assert os.readlink(PRESENT) == home


@pytest.mark.root
def test_hosts_that_are_alike_share_a_namespace(director: Director, network: Network) -> None:
    network.follow(director.host)
    there = os.readlink(PRESENT)
    other = Director(parse(SCENARIO), ipvsadm)
    assert network.follow(other.host)
    assert os.readlink(PRESENT) == there
    second = Network()
    changes("route del default")(other.host)
    second.follow(other.host)
    assert os.readlink(PRESENT) != there
    network.enter()
    assert os.readlink(PRESENT) == there
    second.close()


@pytest.mark.root
def test_what_the_kernel_refuses_is_told(director: Director, network: Network) -> None:
    director.host.interfaces["eth0"].mac = b"\xff" * 6
    with pytest.raises(NetworkFault, match="`ip -batch -` failed"):
        network.follow(director.host)
    director.host.interfaces["eth0"].mac = bytes.fromhex("020000000001")
    assert network.follow(director.host)
