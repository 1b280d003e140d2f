"""Neighbours of the fast path: the host asks again for those that packets go to, as if they went by the host."""

import contextlib
import socket
import time
from itertools import count
from pathlib import Path

import pytest
from tests.live.fast_clients import prepare_for_xdp

from pyvs.lab import wait
from pyvs.lab.director import Director
from pyvs.lab.howto import PLANS, topology
from pyvs.lab.lab import Lab, write_sysctl

pytestmark = [pytest.mark.live, pytest.mark.root]

PORT = 7001
TIMES = {"base_reachable_time_ms": 1000, "delay_first_probe_time": 1, "retrans_time_ms": 200}
QUIET = 3.0
"""Seconds after which the host itself would ask no more for a neighbour that it does not use."""


def forget_soon(family: int) -> None:
    """Neighbours are asked again after a second or two."""
    for device in ("eth0", "eth1"):
        for name, value in TIMES.items():
            write_sysctl("director", f"net/ipv{family}/neigh/{device}/{name}", str(value))


@pytest.mark.parametrize(("mode", "family"), [("tc", 4), ("tc", 6), ("xdp", 4)])
def test_a_server_with_another_link_layer_address_is_found_though_it_is_silent(
    bpffs: Path, mode: str, family: int
) -> None:
    plan = PLANS[family]
    kind = socket.AF_INET6 if family == 6 else socket.AF_INET
    service, server = (
        f"[{a}]:{PORT}" if family == 6 else f"{a}:{PORT}" for a in (plan.virtual, plan.servers[0])
    )
    with Lab(topology("nat", (family,))) as lab:
        if mode == "xdp":
            prepare_for_xdp(lab)
        lab["director"].call(lambda: forget_soon(family))
        asking, door = (
            lab[host].call(lambda: socket.socket(kind, socket.SOCK_DGRAM)) for host in ("client1", "server1")
        )
        with Director(lab, ["--fast", mode, "--fast-new", "on"]) as director, asking, door:
            door.settimeout(0.1)
            door.bind(("", PORT))
            director.adm(f"-A -u {service} -s rr")
            director.adm(f"-a -u {service} -r {server} -m")
            asking.connect((plan.virtual, PORT))

            numbers = count()

            def arrives() -> bool:
                sent = next(numbers)
                asking.send(sent.to_bytes(4, "big"))
                with contextlib.suppress(TimeoutError):
                    while int.from_bytes(door.recv(4), "big") != sent:
                        pass  # one that was late
                    return True
                return False

            wait.until(arrives, "nothing arrives")
            quiet = time.monotonic() + QUIET
            wait.until(lambda: arrives() and time.monotonic() > quiet, "nothing arrives any more")
            # The server says nothing of it, and never answers. Its device takes no frame for the old address.
            lab.run("server1", ["ip", "link", "set", "eth0", "address", "02:11:22:33:44:01"])
            wait.until(arrives, "the server was not found again")
