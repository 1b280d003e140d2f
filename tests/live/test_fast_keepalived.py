"""keepalived drives the fast path: its address by VRRP, servers as its checks find them, while connections go on."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.live.fast_clients import KeptAlive, prepare_for_xdp, served
from tests.live.keepalived_pieces import HTTP_GET, VRRP
from tests.live.programs import needs

from pyvs.lab import wait
from pyvs.lab.director import Director, program
from pyvs.lab.howto import PLANS, topology
from pyvs.lab.lab import Lab

pytestmark = [pytest.mark.live, pytest.mark.root, pytest.mark.slow, needs("keepalived")]

PLAN = PLANS[4]
FLOATING = "207.175.44.120"
PATIENCE = 60.0
SERVER = (
    """
    real_server {address} 80 {{
        weight 1
"""
    + HTTP_GET
    + """    }}
"""
)
CONFIG = (
    VRRP
    + """virtual_server {floating} 80 {{
    delay_loop 1
    lvs_sched rr
    lvs_method NAT
    protocol TCP
{servers}
}}
"""
)


@pytest.mark.parametrize("mode", ["tc", "xdp"])
def test_servers_and_the_address_come_and_go(bpffs: Path, tmp_path: Path, mode: str) -> None:
    config, log = tmp_path / "keepalived.conf", tmp_path / "log"
    servers = "".join(SERVER.format(address=address) for address in PLAN.servers[:2])
    config.write_text(CONFIG.format(floating=FLOATING, servers=servers))
    names = ("-p", "keepalived.pid", "-r", "vrrp.pid", "-c", "checkers.pid")
    files = [name if name.startswith("-") else str(tmp_path / name) for name in names]
    with Lab(topology("nat", (4,))) as lab, log.open("w") as words:
        if mode == "xdp":
            prepare_for_xdp(lab)

        def start(host: str) -> subprocess.Popen[str]:
            return lab.start(host, [sys.executable, "-m", "pyvs.lab.webserver", host, "80", "4"])

        first, _ = start("server1"), start("server2")
        for address in PLAN.servers[:2]:
            wait.until(lambda address=address: wait.answers(lab["director"], address, 80), "no server")  # type: ignore[misc]
        with Director(lab, ["--fast", mode, "--fast-new", "on"]) as director:
            keepalived = lab.start(
                "director",
                [program("pyvs"), "exec", "--", "keepalived", "-n", "-l", "-D", "-f", str(config), *files],
                stdout=words,
                stderr=words,
                environment=director.environment,
            )

            def has(*addresses: str) -> None:
                """Wait until these servers and no others are there."""
                wait.until(
                    lambda: {row.address for row in director.rows({})} == set(addresses),
                    f"keepalived did not bring {addresses}",
                    PATIENCE,
                )

            has(*PLAN.servers[:2])
            wait.until(
                lambda: FLOATING in lab.run("director", ["ip", "address", "show", "dev", "eth0"]),
                "VRRP did not take its address",
                PATIENCE,
            )
            wait.until(lambda: wait.answers(lab["client1"], FLOATING, 80), "nobody answers", PATIENCE)
            with KeptAlive(lab["client1"], FLOATING, 80, 6) as alive, alive.asking():
                before = served(director)
                answers = alive.answers
                wait.until(lambda: alive.answers > answers + 100, "clients are not answered", PATIENCE)
                assert served(director) > before + 150
                assert [row.active for row in director.rows({})] == [3, 3]

                def with_others() -> dict[str, int]:
                    """What servers have while four more clients are there, which are answered."""
                    with KeptAlive(lab["client2"], FLOATING, 80, 4) as others:
                        others.ask_all()
                        assert (others.answers, others.failed) == (4, {})
                        return {row.address: row.active for row in director.rows({})}

                lab.stop(first)
                has(PLAN.servers[1])
                # Those of the server that is gone hear of it, maybe only after keepalived did.
                wait.until(lambda: bool(alive.failed), "no client of the server that is gone has noticed")
                assert "timed out" not in alive.failed
                with_others()
                start("server1")
                has(*PLAN.servers[:2])
                assert with_others()[PLAN.servers[0]] == 2
                answers = alive.answers
                wait.until(lambda: alive.answers > answers + 50, "those of the other server broke", PATIENCE)
            lab.stop(keepalived)
            assert director.rows({}) == []
