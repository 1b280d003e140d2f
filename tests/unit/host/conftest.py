"""A director between two networks: clients behind a router on eth0, servers on eth1."""

from ipaddress import ip_interface
from random import Random

import pytest

from pyvs.host import iproute
from pyvs.host.ethernet import mac
from pyvs.host.host import Host
from pyvs.host.interface import Interface

MACS = {"eth0": "02:00:00:00:00:01", "eth1": "02:00:00:00:01:01"}
ADDRESSES = {
    "eth0": ("192.0.2.1/24", "192.0.2.100/32", "2001:db8::1/64", "2001:db8::100/128"),
    "eth1": ("10.1.0.1/24", "2001:db8:1::1/64"),
}
NEIGHBOURS = {
    "eth0": {"192.0.2.254": "02:00:00:00:00:fe", "2001:db8::fe": "02:00:00:00:00:fe"},
    "eth1": {"10.1.0.11": "02:00:00:00:02:01", "2001:db8:1::11": "02:00:00:00:02:01"},
}


@pytest.fixture
def host() -> Host:
    host = Host(Random(7))
    for name, hardware in MACS.items():
        host.add_interface(Interface(name, mac(hardware)))
        for address in ADDRESSES[name]:
            host.add_address(name, ip_interface(address))
        for neighbour, hardware in NEIGHBOURS[name].items():
            host.interfaces[name].neighbours[ip_interface(neighbour).ip.packed] = mac(hardware)
    for line in ("default via 192.0.2.254", "default via 2001:db8::fe"):
        iproute.command(host, ["route", "add", *line.split()])
    host.settings["net.ipv4.ip_forward"] = host.settings["net.ipv6.conf.all.forwarding"] = 1
    host.settings["net.ipv4.icmp_ratelimit"] = host.settings["net.ipv6.icmp.ratelimit"] = 0
    return host
