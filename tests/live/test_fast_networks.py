"""Directors that stand in the network in other ways: one device, an address that is only routed, a virtual router's
device; and connections that end while nobody looks."""

import contextlib
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.live.fast_clients import KeptAlive, prepare_for_xdp, served

from pyvs.lab import course, wait
from pyvs.lab.director import Director
from pyvs.lab.errors import LabError
from pyvs.lab.howto import PLANS, ipvsadm_lines, topology
from pyvs.lab.lab import Lab
from pyvs.netlink.unix import UnixTransport

pytestmark = [pytest.mark.live, pytest.mark.root]

PLAN = PLANS[4]
ROUTED = "198.51.100.5"
SERVERS = ("server1", "server2", "server3")
VIRTUAL_MAC = "00:00:5e:00:01:07"
ECHO = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
    door.bind(("", 7001))
    while True:
        door.sendto(*door.recvfrom(65535))
"""


def _ip(lab: Lab, host: str, *lines: str) -> None:
    for line in lines:
        lab.run(host, ["ip", *line.split()])


def one_device(lab: Lab, family: int) -> str:
    """Clients and servers are behind the same device; servers answer by the director."""
    plan = PLANS[family]
    for server in SERVERS:
        _ip(lab, server, f"address del {plan.virtual}/{plan.host_length} dev lo")
        _ip(lab, server, f"-{family} route replace default via {plan.director_farm}")
    return plan.virtual


def only_routed(lab: Lab, family: int) -> str:
    """The address is on no device: a route makes all of its network local."""
    _ip(lab, "director", f"address del {PLAN.virtual}/32 dev eth0", "route add local 198.51.100.0/24 dev lo")
    _ip(lab, "router", f"route add 198.51.100.0/24 via {PLAN.director_front}")
    return ROUTED


def virtual_router(lab: Lab, family: int) -> str:
    """The address is a virtual router's, on a device that has its link-layer address, as keepalived's use_vmac."""
    try:
        _ip(lab, "director", f"link add vrrp7 link eth0 address {VIRTUAL_MAC} type macvlan mode private")
    except LabError as why:
        pytest.skip(f"no macvlan here: {why}")
    _ip(
        lab,
        "director",
        f"address del {PLAN.virtual}/32 dev eth0",
        "link set vrrp7 up",
        f"address add {PLAN.virtual}/32 dev vrrp7",
    )
    _ip(lab, "router", f"neighbour replace {PLAN.virtual} lladdr {VIRTUAL_MAC} dev eth1 nud permanent")
    return PLAN.virtual


@pytest.mark.parametrize(
    ("base", "prepare", "family", "mode", "new"),
    [
        ("dr", one_device, 4, "tc", "off"),
        ("dr", one_device, 6, "tc", "on"),
        ("dr", one_device, 4, "xdp", "on"),
        ("dr", one_device, 6, "xdp", "off"),
        ("nat", only_routed, 4, "tc", "on"),
        ("nat", virtual_router, 4, "tc", "off"),
        ("nat", virtual_router, 4, "tc", "on"),
    ],
    ids=[
        "one-device",
        "one-device-6",
        "one-device-xdp",
        "one-device-6-xdp",
        "only-routed",
        "virtual-router",
        "virtual-router-new",
    ],
)
def test_nat_is_served(
    bpffs: Path, base: str, prepare: Callable[[Lab, int], str], family: int, mode: str, new: str
) -> None:
    plan = PLANS[family]
    with Lab(topology(base, (family,))) as lab:
        if mode == "xdp":
            prepare_for_xdp(lab)
        course.start_servers(lab, "nat", (family,))
        address = prepare(lab, family)
        with Director(lab, ["--fast", mode, "--fast-new", new]) as director:
            for line in ipvsadm_lines("nat", family):
                director.adm(line.replace(plan.virtual, address))
            with KeptAlive(lab["client1"], address, 80, 6) as alive:
                for _ in range(5):
                    alive.ask_all()
                assert alive.failed == {}
                wait.until(lambda: [row.active for row in director.rows({})] == [2, 2, 2], "not counted")
                # Each request is a packet and so is its answer: neither was served twice, nor by the engine.
                wait.until(lambda: min(_packets(director)) >= 60, "not counted")
                assert max(_packets(director)) < 120
                assert served(director) > 90


def _packets(director: Director) -> tuple[int, int]:
    """In and out, of all servers."""
    rows = [line.split() for line in director.adm("-Ln --stats --exact").splitlines()[-3:]]
    return sum(int(row[3]) for row in rows), sum(int(row[4]) for row in rows)


def test_what_falls_silent_while_nobody_looks_is_gone_afterwards(bpffs: Path, tmp_path: Path) -> None:
    """UDP with a timeout of two seconds, and a director that is killed: the next one has the counters alone."""
    service = f"{PLAN.virtual}:7001"
    rules = tmp_path / "rules"
    lines = ["--set 900 120 2", f"-A -u {service} -s rr", f"-a -u {service} -r {PLAN.servers[0]}:7001 -m"]
    rules.write_text("\n".join(lines) + "\n")
    # Small tables: of large ones, the next sweep may begin ten seconds after the last.
    options = ["--fast", "tc", "--fast-new", "on", "--fast-connections", "1024", "--rules", str(rules)]

    def exchange() -> None:
        for _ in range(5):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
                asking.settimeout(5)
                asking.connect((PLAN.virtual, 7001))
                asking.send(b"hello")
                assert asking.recv(100) == b"hello"

    def listed(director: Director) -> int:
        with contextlib.closing(UnixTransport(director.socket)) as transport:
            return len(transport.proc("ip_vs_conn").splitlines()[1:])

    with Lab(topology("nat", (4,))) as lab:
        lab.start("server1", [sys.executable, "-c", ECHO])
        with Director(lab, options) as director:
            wait.until(lambda: _answers(lab), "the server does not answer")
            lab["client1"].call(exchange)
            assert listed(director) == 5
            director.kill()
            lab["client2"].call(exchange)  # without a director
        with Director(lab, options) as director:
            (row,) = director.rows({})
            assert (row.connections, row.rate) == (10, 0), director.log_file.read_text()
            wait.until(lambda: listed(director) == 0, "they are still listed")
            wait.until(lambda: [row.inactive for row in director.rows({})] == [0], "they still count")
            words = director.adm("-Ln --stats --exact").splitlines()[-1].split()
            assert words[2:5] == ["10", "10", "10"], director.log_file.read_text()


def _answers(lab: Lab) -> bool:
    def ask() -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking, contextlib.suppress(OSError):
            asking.settimeout(0.2)
            asking.connect((PLAN.servers[0], 7001))
            asking.send(b"?")
            return asking.recv(10) == b"?"
        return False

    return lab["director"].call(ask)
