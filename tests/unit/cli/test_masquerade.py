"""The command lines of `pyvs masquerade` and `pyvs portfw`: what they ask, and what they refuse."""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner, Result

from pyvs.cli.main import main
from pyvs.cli.portfw import HEADING, listing
from pyvs.core.engine import Engine
from pyvs.netlink.control_socket import ControlSocket
from pyvs.netlink.server import Server
from pyvs.netlink.unix import VARIABLE
from pyvs.testing.environment import FixedEnvironment


@contextmanager
def serving(path: Path) -> Iterator[None]:
    """A director's control socket, without a director."""
    engine = Engine(FixedEnvironment([bytes((192, 0, 2, 1))]))
    door = ControlSocket(path, Server(engine.control), lambda: 1.0)
    going = True

    def serve() -> None:
        while going:
            if select.select([door], [], [], 0.05)[0]:
                door.on_readable()

    thread = Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        going = False
        thread.join()
        door.close()


@pytest.fixture
def director(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "control"))
    with serving(tmp_path / "control"):
        yield


def run(line: str) -> Result:
    return CliRunner().invoke(main, line.split())


def good(line: str) -> str:
    result = run(line)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.usefixtures("director")
def test_networks() -> None:
    good("masquerade add 10.1.0.0/24 --address 192.0.2.1")
    good("masquerade add 10.2.0.0/16")
    assert good("masquerade list") == (
        "network 10.1.0.0/24 address 192.0.2.1\nnetwork 10.2.0.0/16 address device\n"
    )
    assert "(free=40960,40960,40960)" in good("masquerade list --connections")
    good("masquerade delete 10.1.0.0/24")
    refused = run("masquerade delete 10.1.0.0/24")
    assert (refused.exit_code, refused.output) == (1, "pyvs masquerade: 10.1.0.0/24 is not masqueraded\n")


@pytest.mark.usefixtures("director")
def test_rules() -> None:
    for server, pref in (("10.1.0.11", ""), ("10.1.0.12", " -p 3")):
        good(f"portfw -a -P tcp -L 192.0.2.1 80 -R {server} 8080{pref}")
    good("portfw -a -P udp -L 192.0.2.1 domain -R 10.1.0.11 53")
    assert [line.split() for line in good("portfw -l -n").splitlines()[1:]] == [
        ["UDP", "192.0.2.1", "10.1.0.11", "53", "53", "10", "10"],
        ["TCP", "192.0.2.1", "10.1.0.12", "80", "8080", "3", "3"],
        ["TCP", "192.0.2.1", "10.1.0.11", "80", "8080", "10", "10"],
    ]
    good("portfw -e -P tcp -L 192.0.2.1 80 -p 7")
    good("portfw -d -P tcp -L 192.0.2.1 80 -R 10.1.0.12 8080")
    assert [line.split()[2:] for line in good("portfw -l -n").splitlines()[2:]] == [
        ["10.1.0.11", "80", "8080", "7", "7"]
    ]
    good("portfw -f")
    assert good("portfw -l") == HEADING + "\n"


@pytest.mark.usefixtures("director")
def test_agents() -> None:
    good("masquerade agent 10.1.0.11 9999")
    assert good("masquerade list") == "agent 10.1.0.11:9999 100%\n"
    good("masquerade forget-agent 10.1.0.11")
    assert good("masquerade list") == ""
    assert run("masquerade forget-agent 10.1.0.11").exit_code == 1


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("masquerade add 10.1.0.1/24", "has host bits set; write an IPv4 network like 10.1.0.0/24"),
        ("masquerade add 2001:db8::/64", "write an IPv4 network like 10.1.0.0/24"),
        ("masquerade add 10.1.0.0/24 --address x", "'x' is no IPv4 address; write one like 192.0.2.1"),
        ("portfw", "one of -a, -e, -d, -f, -l is needed"),
        ("portfw -a -d -P tcp -L 192.0.2.1 80 -R 10.1.0.11 80", "-a and -d can't be given together"),
        ("portfw -l -f", "-l and -f can't be given together"),
        ("portfw -a -P tcp", "with -a, -P PROTO and -L LADDR LPORT are needed"),
        ("portfw -a -P tcp -L 192.0.2.1 80", "with -a, -R RADDR RPORT is needed"),
        ("portfw -e -P tcp -L 192.0.2.1 80", "with -e, -p PREF is needed"),
        ("portfw -a -P icmp -L 192.0.2.1 80 -R 10.1.0.1 80", "'icmp' is not one of 'tcp', 'udp'"),
        ("portfw -a -P tcp -L 192.0.2.1 0 -R 10.1.0.1 80", "0 is no port; take 1 to 65535"),
        ("portfw -a -P tcp -L 192.0.2.1 nosuch -R 10.1.0.1 80", "neither a port nor a service"),
        ("portfw -a -P tcp -L 192.0.2.1 80 -R 10.1.0.1 80 -p 0", "0 is not in the range x>=1"),
    ],
)
def test_lines_that_are_refused(line: str, sentence: str) -> None:
    result = run(line)
    assert result.exit_code == 2
    assert sentence in " ".join(result.output.split())


def test_without_a_director(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere"))
    result = run("portfw -l")
    assert result.exit_code == 1
    assert "start one with `pyvs run --socket " in result.output


def test_names_of_ports() -> None:
    text = "heading\nTCP  C0000201    80 > 0A01000B 65000     2     3\n"
    assert listing(text, numeric=False).splitlines()[1].split() == [
        "TCP",
        "192.0.2.1",
        "10.1.0.11",
        "http",
        "65000",
        "2",
        "3",
    ]
