"""Debian's ipvsadm under `pyvs exec`: what it said to the kernel's IPVS, it says to ours, word for word."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.live.programs import needs

from pyvs.lab.director import Director, program
from pyvs.lab.errors import LabError
from pyvs.lab.lab import Lab
from pyvs.lab.topology import Host, Interface, Topology

pytestmark = [pytest.mark.live, pytest.mark.root, needs("ipvsadm")]

TESTS = Path(__file__).parents[1]
VECTORS = sorted((TESTS / "vectors" / "ipvsadm").glob("*.json"))
HASHED = re.compile(r"--nosort|/proc/net/ip_vs$")
"""Services come in the order of a hash there."""
NETWORK = Topology(
    "as recorded",
    (
        Host(
            "director",
            (
                Interface("front", ("192.0.2.1/24", "192.0.2.100/32", "2001:db8::1/64", "2001:db8::100/128")),
                Interface("farm", ("10.1.0.1/24", "2001:db8:1::1/64")),
            ),
        ),
    ),
)
"""Two devices and the virtual addresses, as when it was recorded."""


@pytest.fixture
def director() -> Iterator[Director]:
    with Lab(NETWORK) as lab, Director(lab) as director:
        yield director


DRIVER = """
import json, subprocess, sys
rows = json.load(sys.stdin)
for row in rows:
    done = subprocess.run(
        ["sh", "-c", row["cmd"]], input=row.get("stdin", ""), text=True, timeout=120,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    row["rc"], row["output"] = done.returncode, done.stdout
json.dump(rows, sys.stdout)
"""
"""Runs shell commands, so that `pyvs exec` is started once for all of them."""


def told(director: Director, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with the exit status and output that the commands have here."""
    answer = director.lab.run(
        "director",
        [program("pyvs"), "exec", "--", sys.executable, "-c", DRIVER],
        given=json.dumps(rows),
        timeout=600,
        environment=director.environment,
    )
    found: list[dict[str, Any]] = json.loads(answer)
    return found


def differences(rows: list[dict[str, Any]], answers: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Commands whose answer is not the recorded one, with what was said here."""
    wrong = []
    for row, answer in zip(rows, answers, strict=True):
        recorded, here = row["output"], answer["output"]
        if HASHED.search(row["cmd"]):
            recorded, here = sorted(recorded.splitlines()), sorted(here.splitlines())
        if (row["rc"], recorded) != (answer["rc"], here):
            wrong.append((row["cmd"], answer["output"]))
    return wrong


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_every_line_is_answered_as_recorded(director: Director, path: Path) -> None:
    rows = json.loads(path.read_text())["commands"]
    assert differences(rows, told(director, rows)) == []


def test_the_great_recording_is_answered_as_recorded(director: Director) -> None:
    recording = json.loads((TESTS / "recordings" / "ipvsadm.json").read_text())
    rows = [row for row in recording["log"] if row["ev"] == "cmd" and "stats_percpu" not in row["cmd"]]
    assert len(rows) > 90
    assert differences(rows, told(director, rows)) == []


def test_what_is_saved_is_restored(director: Director, tmp_path: Path) -> None:
    saved_file = tmp_path / "saved"
    rules = (
        "".join(
            f"-A -t 192.0.2.100:{port} -s wrr -p 300\n"
            f"-a -t 192.0.2.100:{port} -r 10.1.0.11:{port} -m -w 3 -x 9 -y 2\n"
            f"-a -t 192.0.2.100:{port} -r 10.1.0.12:{port} -i --tun-type gue --tun-port 6080\n"
            for port in range(1000, 1040)
        )
        + "-A -f 9 -6 -s mh -b mh-port\n-a -f 9 -6 -r [2001:db8::11]:0 -g\n"
    )
    first, saved, *_, again = told(
        director,
        [
            {"cmd": "ipvsadm-restore", "stdin": rules},
            {"cmd": "ipvsadm-save -n"},
            {"cmd": f"ipvsadm-save -n > {saved_file} && ipvsadm -C && ipvsadm-restore < {saved_file}"},
            {"cmd": "ipvsadm-save -n"},
        ],
    )
    assert (first["rc"], first["output"]) == (0, "")
    assert saved["output"].count("\n") == 122
    assert again["output"] == saved["output"]
    assert director.adm("-Sn") == saved["output"]


def test_without_a_director_it_says_what_to_do() -> None:
    with Lab(NETWORK) as lab, pytest.raises(LabError, match=r"no director runs in this network namespace"):
        lab.run("director", [program("pyvs"), "exec", "--", "ipvsadm", "-Ln"])
