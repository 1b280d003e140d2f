"""The demo as a user starts it: it serves all, and nothing of it stays behind, however it ends."""

import os
import re
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyvs.lab import wait
from pyvs.lab.director import program

pytestmark = [pytest.mark.live, pytest.mark.root, pytest.mark.slow]

TOKEN = "PYVS_TEST_TOKEN"
OURS = re.compile(r"pyvs|NFQUEUE|lvs0|\bp\d+\.\d+\b|server\d|client\d", re.IGNORECASE)
"""Words of what the lab makes, as the machine's tools show it."""
WITHOUT_ROOT = ("setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin", "--")
"""Root without the privilege to make namespaces has to take the way of a user without root."""


class Demo:
    """A demo that runs, and the processes it has, found by a word in their environment."""

    def __init__(self, *options: str, before: tuple[str, ...] = ()) -> None:
        self.token = f"{TOKEN}={uuid.uuid4()}"
        name, _, value = self.token.partition("=")
        self.process = subprocess.Popen(
            [*before, program("pyvs"), "lab", "demo", "--plain", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, name: value, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )

    def line_with(self, words: str) -> str:
        """Read on until a line holds the words."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if words in line:
                return line
        raise AssertionError(f"no line with {words!r}: {self.process.communicate()}")

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=300)
        return self.process.returncode, out, err

    def left(self) -> list[str]:
        """Processes that are still there."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and folder.name != str(os.getpid()):
                try:
                    if self.token in (folder / "environ").read_text(errors="replace"):
                        found.append((folder / "cmdline").read_text().replace("\0", " "))
                except OSError:
                    continue
        return found

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@pytest.fixture(autouse=True)
def _nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = traces()
    yield
    assert traces() == before
    assert list(tmp_path.iterdir()) == []


def traces() -> dict[str, set[str]]:
    """What a lab could leave on the machine itself."""
    commands = ("iptables-save", "ip6tables-save", "ip -o link", "ip rule", "ip netns")
    lines = {
        command: subprocess.run(
            command.split(), capture_output=True, text=True, check=True
        ).stdout.splitlines()
        for command in commands
    }
    return {
        **{command: {line for line in text if OURS.search(line)} for command, text in lines.items()},
        "/run": {path.name for path in Path("/run").glob("pyvs*")},
    }


def gone(demo: Demo) -> bool:
    """Whether all processes have ended; the kernel may take a moment for those it kills."""
    wait.until(lambda: demo.left() == [], "Processes of the demo did not end", 60)
    return True


@pytest.mark.parametrize("family", ["4", "6"])
@pytest.mark.parametrize("method", ["nat", "dr", "tun"])
def test_all_requests_are_served(method: str, family: str) -> None:
    demo = Demo("--method", method, "--family", family, "--requests", "60", "--rate", "60")
    status, out, err = demo.end()
    assert (status, err) == (0, "")
    assert "60 requests, 0 failures; server1 20 (33.3 %), server2 20 (33.3 %), server3 20 (33.3 %)" in out
    assert gone(demo)


@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv is not installed")
@pytest.mark.parametrize("method", ["nat", "dr", "tun"])
def test_it_needs_no_root(method: str) -> None:
    demo = Demo("--method", method, "--requests", "30", "--rate", "100", before=WITHOUT_ROOT)
    status, out, err = demo.end()
    assert (status, err) == (0, "")
    assert "60 requests, 0 failures" in out
    assert gone(demo)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_all_that_is_its_own(number: signal.Signals) -> None:
    demo = Demo("--method", "nat", "--requests", "1000", "--rate", "20")
    demo.line_with("of 1000 requests")
    demo.process.send_signal(number)
    status, _, err = demo.end()
    assert (status, err) == (128 + number, f"pyvs lab: ended by {number.name}; the lab is taken down.\n")
    assert gone(demo)


def test_ctrl_c_reaches_all_its_foreground_processes_and_is_still_clean() -> None:
    demo = Demo("--method", "dr", "--requests", "1000", "--rate", "20")
    demo.line_with("of 1000 requests")
    os.killpg(demo.process.pid, signal.SIGINT)
    status, _, err = demo.end()
    assert (status, err) == (128 + signal.SIGINT, "pyvs lab: ended by SIGINT; the lab is taken down.\n")
    assert gone(demo)


def test_even_kill_9_leaves_nothing() -> None:
    demo = Demo("--method", "nat", "--requests", "1000", "--rate", "20")
    demo.line_with("of 1000 requests")
    demo.kill()
    assert gone(demo)


def test_what_the_director_refuses_ends_it_with_its_words() -> None:
    demo = Demo("--method", "nat", "--family", "4", "--scheduler", "nosuch")
    status, out, err = demo.end()
    assert status == 1
    assert "-A -t 207.175.44.110:80 -s nosuch on director failed" in err
    assert "0 failures" not in out
    assert gone(demo)


def test_a_director_that_dies_is_told_and_cleaned_up() -> None:
    demo = Demo("--method", "nat", "--family", "4", "--requests", "1000", "--rate", "20")
    demo.line_with("of 1000 requests")
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if b"run" in words[:4] and demo.token in (folder / "environ").read_text(errors="replace"):
                os.kill(int(folder.name), signal.SIGKILL)
        except OSError:
            continue
    status, _, err = demo.end()
    assert status == 1
    assert "The director doesn't answer any more" in err
    assert gone(demo)


def test_this_python_has_its_programs() -> None:
    assert Path(program("pyvsadm")).parent == Path(sys.executable).parent


@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv is not installed")
def test_a_system_without_user_namespaces_is_named_with_its_remedy() -> None:
    limit = "echo 0 >/proc/sys/user/max_user_namespaces && exec"
    demo = Demo(before=("unshare", "-Ur", "sh", "-c", f'{limit} {" ".join(WITHOUT_ROOT)} "$@"', "sh"))
    status, out, err = demo.end()
    assert (status, out) == (1, "")
    assert err == (
        "pyvs lab: This system allows no user namespaces. "
        "Allow them with `sudo sysctl user.max_user_namespaces=10000`, or run this as root.\n"
    )
