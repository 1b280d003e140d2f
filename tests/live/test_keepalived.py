"""Debian's keepalived under `pyvs exec`: what it decides is what the director's table holds, and clients are served."""

import http.client
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from tests.live.keepalived_pieces import HTTP_GET, VRRP
from tests.live.programs import needs

from pyvs.core.flags import SyncState
from pyvs.lab import wait
from pyvs.lab.director import Director, program
from pyvs.lab.howto import PLANS, topology
from pyvs.lab.lab import Lab

pytestmark = [pytest.mark.live, pytest.mark.root, pytest.mark.slow, needs("keepalived")]

PLAN = PLANS[4]
VIP = PLAN.virtual
FLOATING = "207.175.44.120"
ONE, TWO, THREE = PLAN.servers
PATIENCE = 60.0

CONFIG = (
    """
global_defs {{
    router_id lab
    script_user root
    lvs_sync_daemon eth0 LAB id 5 maxlen 1000 port 8850 ttl 2 group 224.0.0.90
}}
"""
    + VRRP
    + """virtual_server {vip} 80 {{
    delay_loop 1
    lvs_sched rr
    lvs_method NAT
    protocol TCP
    quorum {quorum}
    quorum_up "/bin/touch {folder}/up"
    quorum_down "/bin/touch {folder}/down"
    sorry_server {three} 8080
    real_server {one} 80 {{
        weight {weight}
"""
    + HTTP_GET
    + """    }}
    real_server {two} 80 {{
        weight 2
        TCP_CHECK {{
            connect_timeout 10
            retry 0
        }}
    }}
    real_server {three} 80 {{
        weight 3
        inhibit_on_failure
        MISC_CHECK {{
            misc_path "/usr/bin/test -e {folder}/fine"
            misc_timeout 10
        }}
    }}
}}
virtual_server_group FARM {{
    {floating} 8000
    {floating} 8001
    fwmark 7
}}
virtual_server group FARM {{
    delay_loop 1
    lvs_sched wlc
    lvs_method DR
    persistence_timeout 120
    protocol TCP
    real_server {two} 0 {{
        weight 4
        TCP_CHECK {{
            connect_port 80
            connect_timeout 10
            retry 0
        }}
    }}
}}
"""
)

Table = dict[str, dict[str, int]]
FARM = {f"TCP {FLOATING}:8000", f"TCP {FLOATING}:8001", "FWM 7"}


class Keepalived:
    """keepalived on the lab's director."""

    def __init__(self, director: Director, folder: Path) -> None:
        self.director = director
        self.folder = folder
        self.config = folder / "keepalived.conf"
        self.log = (folder / "keepalived.log").open("w")
        self.write()
        self.process: subprocess.Popen[str] | None = None

    def write(self, weight: int = 1, quorum: int = 1) -> None:
        self.config.write_text(
            CONFIG.format(
                vip=VIP, floating=FLOATING, one=ONE, two=TWO, three=THREE,
                folder=self.folder, weight=weight, quorum=quorum,
            )
        )  # fmt: skip

    def start(self) -> None:
        names = ("-p", "keepalived.pid", "-r", "vrrp.pid", "-c", "checkers.pid")
        files = [name if name.startswith("-") else str(self.folder / name) for name in names]
        self.process = self.director.lab.start(
            "director",
            [program("pyvs"), "exec", "--", "keepalived", "-n", "-l", "-D", "-f", str(self.config), *files],
            stdout=self.log,
            stderr=self.log,
            environment=self.director.environment,
        )

    def reload(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGHUP)

    def stop(self) -> None:
        if self.process is not None:
            self.director.lab.stop(self.process)
        self.log.close()

    @property
    def table(self) -> Table:
        """Service -> server -> weight, as the director has them."""
        client = self.director.client
        return {
            str(view.spec.key): {
                f"{ip_address(dest.spec.key.addr)}:{dest.spec.key.port}": dest.spec.weight
                for dest in client.get_dests(view.spec.key)
            }
            for view in client.get_services()
        }

    def has(self, *servers: tuple[str, int]) -> None:
        """Wait until the web service has these servers with these weights."""
        expected = dict(servers)
        try:
            wait.until(lambda: self.table.get(f"TCP {VIP}:80") == expected, "", PATIENCE)
        except Exception:
            raise AssertionError(
                f"{self.table} and not {expected}:\n{(self.folder / 'keepalived.log').read_text()[-3000:]}"
            ) from None


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(topology("nat", (4,))) as lab:
        yield lab


@pytest.fixture
def web(lab: Lab) -> Callable[[str, int], subprocess.Popen[str]]:
    """Starts a web server on a host; returns when it answers."""

    def start(host: str, port: int = 80) -> subprocess.Popen[str]:
        name = host if port == 80 else "sorry"
        process = lab.start(host, [sys.executable, "-m", "pyvs.lab.webserver", name, str(port), "4"])
        address = PLAN.servers[int(host[-1]) - 1]
        wait.until(lambda: wait.answers(lab["director"], address, port), f"{host} did not answer")
        return process

    return start


@pytest.fixture
def keepalived(lab: Lab, tmp_path: Path) -> Iterator[Keepalived]:
    with Director(lab) as director:
        keepalived = Keepalived(director, tmp_path)
        yield keepalived
        keepalived.stop()


def ask(address: str, port: int = 80) -> str:
    """The name of the server that answers."""
    connection = http.client.HTTPConnection(address, port, timeout=15)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode().partition("<title>")[2].partition("</title>")[0]
    finally:
        connection.close()


def served(lab: Lab, *expected: str) -> None:
    """Twelve requests are answered by these servers, by all of them and no others."""
    found = lab["client1"].call(lambda: Counter(ask(VIP) for _ in range(12)))
    assert set(found) == set(expected), found


Web = Callable[..., subprocess.Popen[str]]


def test_servers_come_and_go_as_keepalived_decides(lab: Lab, web: Web, keepalived: Keepalived) -> None:
    fine = keepalived.folder / "fine"
    fine.touch()
    web("server3", 8080)
    one, two = web("server1"), web("server2")
    web("server3")
    keepalived.start()
    keepalived.has((f"{ONE}:80", 1), (f"{TWO}:80", 2), (f"{THREE}:80", 3))
    served(lab, "server1", "server2", "server3")

    lab.stop(one)  # HTTP_GET
    keepalived.has((f"{TWO}:80", 2), (f"{THREE}:80", 3))
    served(lab, "server2", "server3")

    fine.unlink()  # MISC_CHECK, inhibit_on_failure: the server stays with weight 0
    keepalived.has((f"{TWO}:80", 2), (f"{THREE}:80", 0))
    served(lab, "server2")

    lab.stop(two)  # TCP_CHECK, and with it the quorum: the sorry server stands in
    keepalived.has((f"{THREE}:8080", 1), (f"{THREE}:80", 0))
    served(lab, "sorry")
    wait.until((keepalived.folder / "down").exists, "quorum_down was not called", PATIENCE)

    web("server1")
    keepalived.has((f"{ONE}:80", 1), (f"{THREE}:80", 0))
    served(lab, "server1")
    fine.touch()
    web("server2")
    keepalived.has((f"{ONE}:80", 1), (f"{TWO}:80", 2), (f"{THREE}:80", 3))
    served(lab, "server1", "server2", "server3")

    keepalived.stop()
    assert keepalived.table == {}


def test_groups_marks_synchronisation_vrrp_and_reload(lab: Lab, web: Web, keepalived: Keepalived) -> None:
    (keepalived.folder / "fine").touch()
    for host in ("server1", "server2", "server3"):
        web(host)
    keepalived.start()
    keepalived.has((f"{ONE}:80", 1), (f"{TWO}:80", 2), (f"{THREE}:80", 3))

    def farm_is_there() -> bool:
        """With its server, which keepalived adds after the services."""
        table = keepalived.table
        return all(list(table.get(service, {}).values()) == [4] for service in FARM)

    wait.until(farm_is_there, "the group did not come", PATIENCE)
    farm = next(view for view in keepalived.director.client.get_services() if str(view.spec.key) == "FWM 7")
    assert (farm.spec.scheduler, farm.spec.timeout) == ("wlc", 120)

    wait.until(
        lambda: f"inet {FLOATING}/24" in lab.run("director", ["ip", "address", "show", "dev", "eth0"]),
        "VRRP did not take its address",
        PATIENCE,
    )
    wait.until(
        lambda: [d.state for d in keepalived.director.client.get_daemons()] == [SyncState.MASTER],
        "the synchronisation daemon was not started",
        PATIENCE,
    )
    (daemon,) = keepalived.director.client.get_daemons()
    assert (daemon.ifn, daemon.syncid, daemon.maxlen, daemon.port, daemon.ttl) == ("eth0", 5, 1000, 8850, 2)
    assert daemon.group == bytes((224, 0, 0, 90))

    keepalived.write(weight=5, quorum=2)
    keepalived.reload()
    keepalived.has((f"{ONE}:80", 5), (f"{TWO}:80", 2), (f"{THREE}:80", 3))
    served(lab, "server1", "server2", "server3")

    keepalived.stop()
    assert keepalived.table == {}
    assert keepalived.director.client.get_daemons() == []
