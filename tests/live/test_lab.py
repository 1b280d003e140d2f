"""The lab without a director: plain routing reaches the web servers, tunnels end, nothing stays behind."""

import os
import socket
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6

from pyvs.lab import course, wait
from pyvs.lab.errors import LabError
from pyvs.lab.howto import PLANS, topology
from pyvs.lab.lab import Lab
from pyvs.lab.load import Load, Target
from pyvs.lab.topology import Topology

pytestmark = [pytest.mark.live, pytest.mark.root]

IP_IN_IP = {4: (socket.AF_INET, socket.IPPROTO_IPIP), 6: (socket.AF_INET6, socket.IPPROTO_IPV6)}


@pytest.mark.parametrize("method", ["nat", "dr", "tun"])
def test_clients_reach_a_server_by_plain_routing(method: str) -> None:
    with Lab(topology(method)) as lab:
        course.start_servers(lab, method, (4, 6))
        for family, plan in PLANS.items():
            if method == "nat":
                lab.run("router", ["ip", f"-{family}", "route", "add", plan.farm, "via", plan.director_front])
            clients = [lab["client1"], lab["client2"]]
            sources = {"client1": plan.clients[0], "client2": plan.clients[1]}
            load = Load(clients, sources, Target(plan.servers[1], 80, ("server2",)), requests=20, rate=1000)
            load.start()
            load.wait(60)
            assert load.tally.failed == Counter()
            assert load.tally.answered == Counter(server2=20)


@pytest.mark.parametrize("family", [4, 6])
def test_a_server_takes_packets_out_of_a_tunnel_and_answers_by_itself(family: int) -> None:
    """A datagram for the virtual address, in a tunnel from the director; the answer comes straight to the client."""
    plan = PLANS[family]
    kind, protocol = IP_IN_IP[family]
    with Lab(topology("tun", (family,))) as lab:
        course.start_servers(lab, "tun", (family,))
        echo = (
            "import socket\n"
            f"s = socket.socket(socket.AF_INET{'6' if family == 6 else ''}, socket.SOCK_DGRAM)\n"
            f"s.bind(('{plan.virtual}', 7000))\n"
            "print('bound', flush=True)\n"
            "data, peer = s.recvfrom(100)\n"
            "s.sendto(data.upper(), peer)\n"
        )
        ready, write = os.pipe()
        lab.start("server2", [sys.executable, "-c", echo], stdout=write)
        os.close(write)
        with os.fdopen(ready) as lines:
            assert lines.readline() == "bound\n"
        client = lab["client1"].call(lambda: socket.socket(kind, socket.SOCK_DGRAM))
        tunnel = lab["director"].call(lambda: socket.socket(kind, socket.SOCK_RAW, protocol))
        with client, tunnel:
            client.bind((plan.clients[0], 9000))
            client.settimeout(0.2)
            packet = datagram(plan.clients[0], 9000, plan.virtual, 7000, b"hello")
            got: list[tuple[bytes, str, int]] = []

            def answered() -> bool:
                tunnel.sendto(packet, (plan.servers[1], 0))
                try:
                    data, peer = client.recvfrom(100)
                except TimeoutError:
                    return False
                got.append((data, peer[0], peer[1]))
                return True

            wait.until(answered, "No answer came")
        assert got == [(b"HELLO", plan.virtual, 7000)]


def datagram(source: str, sport: int, destination: str, dport: int, data: bytes) -> bytes:
    """A UDP packet as the judge of the tests makes it."""
    network = IPv6 if ":" in source else IP
    return bytes(network(src=source, dst=destination) / UDP(sport=sport, dport=dport) / data)


def test_a_lab_leaves_no_process_and_no_namespace() -> None:
    before = namespaces()
    with Lab(topology("dr")) as lab:
        course.start_servers(lab, "dr", (4, 6))
        pids = [process.pid for process in lab.processes]
        assert len(namespaces() - before) >= 1
    assert namespaces() <= before
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []


def test_a_lab_that_cannot_be_built_leaves_nothing_either() -> None:
    hosts = topology("nat", (4,)).hosts
    broken = Topology("broken", tuple(replace(host, sysctls=(("net/no/such", "1"),)) for host in hosts))
    before = namespaces()
    with pytest.raises(LabError, match=r"sysctl net/no/such = 1 on client1 was refused"), Lab(broken):
        pass
    assert namespaces() <= before


def namespaces() -> set[int]:
    """Network namespaces that this process holds."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            if os.readlink(link).startswith("net:"):
                found.add(os.stat(link).st_ino)
        except FileNotFoundError:
            continue
    return found


def test_the_sandbox_hands_back_the_status() -> None:
    assert in_a_child("sys.exit(sandbox.run(lambda: 7))").returncode == 7


def test_the_sandbox_has_a_run_of_its_own() -> None:
    done = in_a_child("sys.exit(sandbox.run(lambda: print(os.getpid(), sorted(os.listdir('/run'))) or 0))")
    assert done.stdout == "1 ['netns']\n"


def test_an_exception_in_the_sandbox_is_shown_and_is_a_failure() -> None:
    done = in_a_child("sys.exit(sandbox.run(lambda: 1 // 0))")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr


def in_a_child(code: str) -> subprocess.CompletedProcess[str]:
    """`sandbox.run` moves its process for good, so it runs in one of its own."""
    return subprocess.run(
        [sys.executable, "-c", f"import os, sys\nfrom pyvs.lab import sandbox\n{code}"],
        capture_output=True,
        text=True,
        timeout=90,
    )
