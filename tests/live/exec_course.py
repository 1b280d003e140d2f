"""A director below `ip netns exec` is killed, taken over and taken away from other ones: python exec_course.py.

It runs in a sandbox, whose process 1 is this one: what it sees at /sys/fs/bpf is a file system of its own, and what is
mounted below `ip netns exec` is not seen by it.
"""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from tests.live.fast_clients import KeptAlive, go_to_the_maps

from pyvs.fastpath import pins
from pyvs.lab import course, sandbox, wait
from pyvs.lab.director import HOST, Director, program
from pyvs.lab.errors import LabError
from pyvs.lab.howto import PLANS, ipvsadm_lines, topology
from pyvs.lab.lab import Lab

MANY: Final = 20
PLAN: Final = PLANS[4]


class ExecLab(Lab):
    """A lab whose director's programs each have a mount namespace of their own."""

    def start(self, host: str, arguments: Any, **options: Any) -> subprocess.Popen[str]:
        return super().start(host, _below_exec(host, arguments), **options)

    def run(self, host: str, arguments: Any, **options: Any) -> str:
        return super().run(host, _below_exec(host, arguments), **options)


def _below_exec(host: str, arguments: Any) -> list[str]:
    return ["ip", "netns", "exec", host, *arguments] if host == HOST else list(arguments)


def asked(alive: KeptAlive) -> None:
    """Each connection is answered."""
    answers = alive.answers
    alive.ask_all()
    assert (alive.failed, alive.answers) == ({}, answers + MANY)


def said(lab: Lab, *arguments: str) -> str:
    """What a program says that fails."""
    try:
        return lab.run(HOST, [program("pyvs"), *arguments])
    except LabError as words:
        return str(words)


def work() -> int:
    """All of it."""
    subprocess.run(["mount", "-t", "bpf", "bpf", str(pins.USUAL)], check=True, timeout=10)
    rules = Path("/run/rules")
    rules.write_text("\n".join(ipvsadm_lines("nat", 4)) + "\n")
    with ExecLab(topology("nat", (4,))) as lab, ExitStack() as clients:
        lab.publish()
        course.start_servers(lab, "nat", (4,))
        options = ["--fast", "tc", "--rules", str(rules)]
        assert "there is no fast path here" in said(lab, "detach")
        with Director(lab, options) as director:
            assert pins.LONE not in director.log_file.read_text()
            # iptables names the program by a path too
            director.adm(f"-A -t {PLAN.virtual}:81 -s rr")
            director.adm(f"-a -t {PLAN.virtual}:81 -r {PLAN.virtual}:81 -g")
            pinned = f"--object-pinned {pins.FIRST_ROOT}{pins.USUAL}/pyvs/"
            wait.until(
                lambda: pinned in lab.run(HOST, ["iptables", "-t", "mangle", "-S", "PYVS-OUTPUT"]),
                "the chains do not ask the programs",
            )
            director.adm(f"-D -t {PLAN.virtual}:81")
            alive = clients.enter_context(KeptAlive(lab["client1"], PLAN.virtual, 80, MANY))
            asked(alive)
            go_to_the_maps(director, MANY)
            director.kill()
            asked(alive)
            (left,) = pins.USUAL.glob("pyvs/*")
            words = said(lab, "fast")
            assert f"{pins.FIRST_ROOT}{left}, go on serving its connections" in words, words
        with Director(lab, options) as director:
            log = director.log_file.read_text()
            assert f"{MANY} connections of the director before are taken over" in log, log
            asked(alive)
            go_to_the_maps(director, MANY)
            director.kill()
        words = said(lab, "detach")
        assert "off 2 devices" in words, words
        assert not list(pins.USUAL.glob("pyvs/*"))
        for opened in alive.sockets:
            opened.settimeout(0.2)
        alive.ask_all()
        assert alive.failed.total() == MANY, "nobody serves them any more"
    print("all of it went well")
    return 0


if __name__ == "__main__":
    sys.exit(sandbox.run(work))
