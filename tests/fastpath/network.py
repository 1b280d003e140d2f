"""A network namespace with a device, routes and neighbours, for programs that look next hops up."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from ipaddress import ip_address
from pathlib import Path

from pyvs.datapath.system import CLONE_NEWNET, setns, unshare

MTU = 1400
GATEWAY_MAC = bytes.fromhex("020000000002")
SERVERS = 8
SETUP = f"""
sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv4.conf.all.forwarding=1 net.ipv6.conf.all.forwarding=1
ip link set lo up
ip link add pyvs0 mtu {MTU} type veth peer name pyvs1 mtu {MTU}
ip link set pyvs0 up
ip link set pyvs1 up
ip address add 10.9.0.1/24 dev pyvs0
ip address add 2001:db8:2::1/64 dev pyvs0 nodad
ip route add 198.51.100.0/24 via 10.9.0.2
ip route add 2001:db8:3::/64 via 2001:db8:2::2
ip neighbour add 10.9.0.2 lladdr 02:00:00:00:00:02 dev pyvs0
ip neighbour add 2001:db8:2::2 lladdr 02:00:00:00:00:02 dev pyvs0
"""


class Network:
    """A namespace for the calling thread until `close`."""

    def __init__(self) -> None:
        self._before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        unshare(CLONE_NEWNET)
        script = SETUP
        for number in range(1, SERVERS + 1):
            for address in (f"10.9.0.1{number}", f"2001:db8:2::1{number}"):
                mac = self.mac_of(ip_address(address).packed).hex(":")
                script += f"ip neighbour add {address} lladdr {mac} dev pyvs0\n"
        subprocess.run(["sh", "-ec", script], check=True)
        self.ifindex = socket.if_nametoindex("pyvs0")
        link = json.loads(subprocess.check_output(["ip", "-j", "link", "show", "pyvs0"]))[0]
        self.mac = bytes.fromhex(link["address"].replace(":", ""))

    @staticmethod
    def mac_of(address: bytes) -> bytes:
        """Of a server by its address, or of the gateway to the clients."""
        if address == b"client":
            return GATEWAY_MAC
        return b"\2\0\0\0\x01" + address[-1:]

    def close(self) -> None:
        setns(self._before, CLONE_NEWNET)
        os.close(self._before)


def may_load() -> bool:
    """Whether this process may load programs."""
    return os.geteuid() == 0 and Path("/sys/fs/bpf").exists()
