import importlib
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyvs.cli.ipvsadm.grammar import SWITCHES, VERSION
from pyvs.cli.ipvsadm.main import main, run
from pyvs.cli.ipvsadm.names import WELL_KNOWN
from pyvs.core.engine import Engine
from pyvs.core.errors import ControlError, Errno
from pyvs.netlink.client import Client
from pyvs.netlink.server import Server
from pyvs.netlink.transport import DirectTransport
from pyvs.testing.environment import FixedEnvironment

WORDS = st.sampled_from(
    [f"--{switch.long}" for switch in SWITCHES]
    + [f"-{switch.short}" for switch in SWITCHES if switch.short]
    + [
        "192.0.2.100:80",
        "[::1]:80",
        "10.1.0.11",
        "rr",
        "sip",
        "5",
        "-1",
        "gue",
        "master",
        "eth0",
        "--",
        "",
        "-",
        "x=y",
    ]
)


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(WORDS | st.text(max_size=6), max_size=9), st.text(max_size=60))
def test_any_line_ends_with_a_status(client: Client, argv: list[str], stdin: str) -> None:
    out, said = StringIO(), StringIO()
    status = run(argv, client, StringIO(stdin), out, said, names=WELL_KNOWN)
    assert status in (0, 1, 2, 255)
    assert status == 0 or said.getvalue()


def test_messages_go_to_stderr_and_listings_to_stdout(client: Client) -> None:
    out, said = StringIO(), StringIO()
    assert run(["-L"], client, StringIO(), out, said) == 0
    assert out.getvalue().startswith("IP Virtual Server")
    assert run(["-q"], client, StringIO(), out, said, prog="pyvsadm") == 255
    assert said.getvalue() == "Try `pyvsadm -h' or 'pyvsadm --help' for more information.\n"


def test_the_program_s_name_stands_in_the_usage(client: Client) -> None:
    out = StringIO()
    assert run(["-h"], client, StringIO(), out, out, prog="pyvsadm") == 0
    assert out.getvalue().startswith(f"{VERSION}\nUsage:\n  pyvsadm -A|E virtual-service")


def test_a_director_that_is_lost_is_named(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost() -> tuple[int, int]:
        raise ControlError(Errno.EINTR, "lost the director")

    monkeypatch.setattr(client, "get_info", lost)
    said = StringIO()
    assert run([], client, StringIO(), said, said) == 1
    assert said.getvalue() == "lost the director\n"


@pytest.mark.parametrize(("argv", "status"), [(["-L"], 2), (["-h"], 0), (["--version"], 0), ([], 2)])
def test_without_a_director_only_help_is_given(
    argv: list[str],
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PYVS_SOCKET", str(tmp_path / "nothing"))
    monkeypatch.setattr(sys, "argv", ["/usr/sbin/pyvsadm", *argv])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == status
    captured = capsys.readouterr()
    assert ("pyvs run" in captured.err) == (status == 2)


class Door(DirectTransport):
    """A director of some version, or one that refuses."""

    refuses = False

    def connect(self) -> None:
        if self.refuses:
            raise ControlError(Errno.EPERM, "this needs the right to administer the network")


@pytest.mark.parametrize(
    ("version", "refuses", "said", "status"),
    [
        (0x010201, False, "", 0),
        (0x010103, False, "Warning: IPVS version mismatch: \n  Kernel compiled with IPVS version 1.1.3\n", 0),
        (0x010201, True, "Can't initialize ipvs: Permission denied (you must be root)\n", 2),
    ],
)
def test_what_is_said_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    version: int,
    refuses: bool,
    said: str,
    status: int,
) -> None:
    control = Engine(FixedEnvironment([])).control
    monkeypatch.setattr(control, "get_info", lambda: (version, 4096))
    door = Door(Server(control), lambda: 1.0)
    door.refuses = refuses
    monkeypatch.setattr(importlib.import_module("pyvs.cli.ipvsadm.main"), "UnixTransport", lambda path: door)
    monkeypatch.setattr(sys, "argv", ["/usr/sbin/pyvsadm", "-C"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == status
    captured = capsys.readouterr()
    assert captured.err.startswith(said)
    assert bool(captured.err) == bool(said)


def test_a_reader_that_goes_away_is_not_a_fault(tmp_path: Path) -> None:
    code = "import sys; sys.argv[0] = 'pyvsadm'; from pyvs.cli.ipvsadm.main import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "-h"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=30) == 141
    assert said == ""


def test_it_starts_without_the_engine() -> None:
    """A script calls it for each change: it must not wait until all of the virtual server is there."""
    code = "import sys, pyvs.cli.ipvsadm.main; print(*(name for name in sys.modules if name.startswith('pyvs.core.')))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    brought = set(done.stdout.split())
    assert "pyvs.core.control.specs" in brought
    assert brought.isdisjoint({"pyvs.core.engine", "pyvs.core.namespace", "pyvs.core.masquerade.requests"})
