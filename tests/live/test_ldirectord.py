"""Debian's ldirectord under `pyvs exec`: it calls ipvsadm, which inherits the shim; an HTTP check decides."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from pyvs.lab import wait
from pyvs.lab.director import Director, program
from pyvs.lab.howto import PLANS, topology
from pyvs.lab.lab import Lab

pytestmark = [pytest.mark.live, pytest.mark.root, pytest.mark.slow]

PLAN = PLANS[4]
ONE, TWO, _ = PLAN.servers
CONFIG = f"""
checktimeout=10
checkinterval=1
autoreload=no
quiescent=no
logfile="/dev/null"
virtual={PLAN.virtual}:80
        real={ONE}:80 masq 3
        real={TWO}:80 masq 5
        service=http
        request="/"
        receive="This is server"
        scheduler=wrr
        protocol=tcp
        checktype=negotiate
"""


@pytest.fixture
def lab() -> Iterator[Lab]:
    if shutil.which("ldirectord") is None:
        pytest.skip("needs ldirectord")
    with Lab(topology("nat", (4,))) as lab:
        yield lab


def web(lab: Lab, host: str) -> subprocess.Popen[str]:
    return lab.start(host, [sys.executable, "-m", "pyvs.lab.webserver", host, "80", "4"])


def weights(director: Director) -> dict[str, int]:
    """Server -> weight of the one service."""
    found = {}
    for view in director.client.get_services():
        assert view.spec.scheduler == "wrr"
        for dest in director.client.get_dests(view.spec.key):
            found[str(ip_address(dest.spec.key.addr))] = dest.spec.weight
    return found


def test_servers_come_and_go_by_an_http_check(lab: Lab, tmp_path: Path) -> None:
    config = tmp_path / "ldirectord.cf"
    config.write_text(CONFIG)
    one = web(lab, "server1")
    web(lab, "server2")
    with Director(lab) as director, (tmp_path / "log").open("w") as log:
        process = lab.start(
            "director",
            [program("pyvs"), "exec", "--", "ldirectord", "-d", str(config), "start"],
            stdout=log,
            stderr=log,
            environment=director.environment,
        )

        def has(expected: dict[str, int]) -> None:
            wait.until(lambda: weights(director) == expected, f"the servers were not {expected}", 60)

        has({ONE: 3, TWO: 5})
        lab.stop(one)
        has({TWO: 5})
        web(lab, "server1")
        has({ONE: 3, TWO: 5})
        lab.stop(process)
        wait.until(lambda: director.client.get_services() == [], "ldirectord did not take its service away")
