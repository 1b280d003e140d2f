"""The recipes of docs/cookbook.md, tried in the lab: what stands there is what comes out."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from pyvs.lab import course, wait
from pyvs.lab.director import Director
from pyvs.lab.howto import PLANS, topology
from pyvs.lab.lab import Lab
from pyvs.lab.topology import Host, Interface, Topology

pytestmark = [
    pytest.mark.live,
    pytest.mark.root,
    pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed"),
]

QUIET = (("net/ipv4/conf/all/rp_filter", "0"), ("net/ipv4/conf/default/rp_filter", "0"))
SILENT = (("net/ipv4/conf/all/arp_ignore", "1"), ("net/ipv4/conf/all/arp_announce", "2"))
PAIR = Topology(
    "pair",
    (
        Host("client1", (Interface("lan", ("10.9.0.1/24",)),), sysctls=QUIET),
        Host("director", (Interface("lan", ("10.9.0.2/24", "10.9.0.100/32")),), sysctls=QUIET),
        Host("second", (Interface("lan", ("10.9.0.3/24",)),), sysctls=QUIET),
        *(
            Host(
                f"server{number}",
                (Interface("lan", (f"10.9.0.1{number}/24",)),),
                ("10.9.0.100/32",),
                sysctls=QUIET + SILENT,
            )
            for number in (1, 2)
        ),
    ),
)
"""Two directors on one segment."""

PAGE = Path(__file__).parents[2] / "docs" / "cookbook.md"
FTP_SERVER = Path(__file__).with_name("ftp_server.py")
BLOCK = re.compile(r"^```console lab=(\w+)( ftp)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
STEP = re.compile(r"^(\w+)# (.*)\n", re.MULTILINE)

PAIR_RULES = (
    "-A -t 10.9.0.100:80 -s rr",
    "-a -t 10.9.0.100:80 -r 10.9.0.11:80 -g",
    "-a -t 10.9.0.100:80 -r 10.9.0.12:80 -g",
)
LOOKS = re.compile(r"(sleep \d+; )?(pyvsadm -L\w*|pyvs connections|pyvs fast)\b")
"""Commands that change nothing: what they show may come a moment after what led to it, so they are tried again."""
PATIENCE = 60.0
FILE = re.compile(r"^```text\n# (\S+\.(?:conf|rules))\n(.*?)^```", re.MULTILINE | re.DOTALL)

Step = tuple[str, str, str]
"""Host, command and what it prints."""


def recipes() -> list[tuple[str, str, bool, list[Step]]]:
    """Title, lab, whether it needs FTP servers, and the steps."""
    found = []
    for section in PAGE.read_text().split("\n## ")[1:]:
        title = section.partition("\n")[0]
        for lab, ftp, text in BLOCK.findall(section):
            parts = STEP.split(text)
            assert not parts[0], f"{title}: {parts[0]!r} belongs to no command"
            found.append(
                (title, lab, bool(ftp), list(zip(parts[1::3], parts[2::3], parts[3::3], strict=True)))
            )
    return found


RECIPES = recipes()


def pattern(shown: str) -> str:
    """What is shown, where `...` stands for anything, a line of its own for any lines."""
    parts = (re.escape(part) for part in shown.split("..."))
    return ".*".join(parts)


def test_most_recipes_can_be_tried() -> None:
    assert len(RECIPES) >= 9


@pytest.mark.parametrize(("title", "name", "ftp", "steps"), RECIPES, ids=[recipe[0] for recipe in RECIPES])
def test_a_recipe_works(tmp_path: Path, title: str, name: str, ftp: bool, steps: list[Step]) -> None:
    for needed in ("ipvsadm", "keepalived"):
        called = any(f"pyvs exec -- {needed} " in command for _, command, _ in steps)
        if called and shutil.which(needed, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None:
            pytest.skip(f"{needed} is not installed")
    for file, text in FILE.findall(PAGE.read_text()):
        (tmp_path / file).write_text(text)
    with ExitStack() as stack:
        lab = stack.enter_context(Lab(PAIR if name == "pair" else topology(name)))
        if name == "pair":
            start_pair(lab)
        else:
            course.start_servers(lab, name, (4, 6))
        if ftp:
            start_ftp(lab)
        directors = {}
        for host in ("director", "second") if name == "pair" else ("director",):
            director = directors[host] = stack.enter_context(Director(lab, host=host))
            wait.until(is_ready(director), "The director was not ready", PATIENCE)
            for rule in PAIR_RULES if name == "pair" else ():
                director.adm(rule)
        for host, command, shown in steps:
            environment = directors.get(host, directors["director"]).environment
            path = f"{Path(sys.executable).parent}:{environment['PATH']}:/usr/sbin:/sbin"
            end = time.monotonic() + (PATIENCE if LOOKS.match(command) else 0.0)
            while True:
                status, printed = carry_out(
                    stack, lab, host, command, {**environment, "PATH": path}, tmp_path
                )
                if status == 0 and re.fullmatch(pattern(shown), printed, re.DOTALL):
                    break
                assert time.monotonic() < end, f"{command}\n{printed}status {status}"


def is_ready(director: Director) -> Callable[[], bool]:
    """Whether it has said so."""
    return lambda: "ready:" in director.log_file.read_text()


def carry_out(
    stack: ExitStack, lab: Lab, host: str, command: str, environment: dict[str, str], folder: Path
) -> tuple[int, str]:
    """A command line's status and words, without spaces at the ends of lines: listings fill their last column."""
    process = lab.start(
        host,
        ["sh", "-c", f"cd {folder}\n{command}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        environment=environment,
    )
    stack.callback(end_session, process.pid)
    printed, _ = process.communicate(timeout=180)
    return process.returncode, re.sub(r" +$", "", printed, flags=re.MULTILINE)


def end_session(leader: int) -> None:
    """End what a command left running in the background."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def start_pair(lab: Lab) -> None:
    """Web servers of the lab with two directors."""
    for number in (1, 2):
        server, address = f"server{number}", f"10.9.0.1{number}"
        lab.start(server, [sys.executable, "-m", "pyvs.lab.webserver", server, "80", "4"])
        wait.until(
            lambda address=address: wait.answers(lab["client1"], address, 80),  # type: ignore[misc]
            f"The web server of {server} did not answer",
        )


def start_ftp(lab: Lab) -> None:
    """An FTP server on every real server."""
    for index, address in enumerate(PLANS[4].servers):
        server = f"server{index + 1}"
        lab.start(server, [sys.executable, str(FTP_SERVER), server])
        wait.until(
            lambda address=address: wait.answers(lab["director"], address, 21),  # type: ignore[misc]
            f"The FTP server of {server} did not answer",
        )
