"""Programs of other languages under `pyvs exec`: raw sockets in C, linked statically or not, and Go."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyvs.lab import wait
from pyvs.lab.director import PATIENCE, Director, program
from pyvs.lab.errors import LabError
from pyvs.lab.lab import Lab
from pyvs.lab.topology import Host, Interface, Topology

pytestmark = [pytest.mark.live, pytest.mark.root]

CLIENTS = Path(__file__).parent / "clients"
GO_CODE = Path("/usr/share/gocode")
NETWORK = Topology("one", (Host("director", (Interface("lan", ("10.1.1.1/24",)),)),))
FINE = "all as it should be"


@pytest.fixture
def director() -> Iterator[Director]:
    with Lab(NETWORK) as lab, Director(lab) as director:
        yield director


def compiled(folder: Path, *options: str) -> str:
    """The program of sequences.c."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    target = folder / "sequences"
    command = ["gcc", "-O1", "-D_GNU_SOURCE", *options, "-o", str(target), str(CLIENTS / "sequences.c")]
    subprocess.run(command, check=True, timeout=180)
    return str(target)


def under_exec(director: Director, *words: str) -> str:
    """What a program writes under `pyvs exec`."""
    return director.lab.run(
        "director", [program("pyvs"), "exec", *words], timeout=120, environment=director.environment
    )


def answers(director: Director) -> bool:
    """Whether a director listens."""
    try:
        director.adm("-Ln")
    except LabError:
        return False
    return True


def test_sockets_behave_as_the_kernels_under_the_shim(director: Director, tmp_path: Path) -> None:
    assert FINE in under_exec(director, "--", compiled(tmp_path))
    assert director.adm("-Ln").count("TCP  1.2.3.4:") == 100


@pytest.mark.parametrize("options", [(), ("-static",)], ids=["dynamic", "static"])
def test_sockets_behave_as_the_kernels_under_supervision(
    director: Director, tmp_path: Path, options: tuple[str, ...]
) -> None:
    assert FINE in under_exec(director, "--supervise", "--", compiled(tmp_path, *options))
    assert director.adm("-Ln").count("TCP  1.2.3.4:") == 100


def test_a_director_that_is_started_anew_is_found_again(director: Director, tmp_path: Path) -> None:
    """A program that lives on, as keepalived does, speaks to the next director by the socket that it has."""
    script = (
        "import sys\n"
        "from pyroute2 import IPVS\n"
        "with IPVS() as ipvs:\n"
        "    print(len(list(ipvs.service('dump'))), flush=True)\n"
        "    sys.stdin.readline()\n"
        "    print(len(list(ipvs.service('dump'))), flush=True)\n"
    )
    process = director.lab["director"].popen(
        [program("pyvs"), "exec", "--", str(Path(program("pyvs")).with_name("python")), "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        environment=director.environment,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "0\n"
        assert director.process is not None
        director.lab.stop(director.process)
        director.process = director.lab.start(
            "director",
            [program("pyvs"), "run", "--no-state", "--rules", os.devnull, "--socket", str(director.socket)],
            stderr=subprocess.DEVNULL,
        )
        wait.until(lambda: answers(director), "the director was not there again", PATIENCE)
        director.adm("-A -t 10.1.1.1:80")
        out, _ = process.communicate("\n", timeout=60)
        assert out == "1\n"
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    "words",
    [["sh", "-c", "exit 7"], ["sh", "-c", "kill -TERM $$"], ["no-such-program"]],
    ids=["status", "signal", "missing"],
)
def test_the_exit_status_is_the_programs(director: Director, words: list[str]) -> None:
    expected = {"exit 7": (7,), "kill -TERM $$": (-15, 143)}.get(words[-1], (127,))
    for option in ([], ["--supervise"]):
        process = director.lab["director"].popen(
            [program("pyvs"), "exec", *option, "--", *words],
            stderr=subprocess.DEVNULL,
            environment=director.environment,
        )
        assert process.wait(60) in expected


def test_mobys_library_under_supervision(director: Director, tmp_path: Path) -> None:
    """What Docker's swarm and kube-proxy drive IPVS with, in Go, without a libc."""
    if shutil.which("go") is None or not (GO_CODE / "src/github.com/moby/ipvs").exists():
        pytest.skip("needs golang-go, golang-github-docker-docker-dev and what that imports")
    target = tmp_path / "moby"
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOFLAGS": "",
        "GOPATH": f"{tmp_path}:{GO_CODE}",
        "GOCACHE": str(tmp_path / "cache"),
        "CGO_ENABLED": "0",
    }
    command = ["go", "build", "-o", str(target), str(CLIENTS / "moby.go")]
    subprocess.run(command, check=True, timeout=900, env=environment, cwd=tmp_path)
    for _ in range(3):
        assert FINE in under_exec(director, "--supervise", "--", str(target))
        assert director.adm("-Ln").count("\n") == 3
