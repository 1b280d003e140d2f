"""Two directors with the fast path on: a download goes on when the one that served it is gone."""

import hashlib
import http.client
import random
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.live.fast_clients import PATIENCE, fast_account, go_to_the_maps, served

from pyvs.lab import wait
from pyvs.lab.director import Director
from pyvs.lab.lab import Lab
from pyvs.lab.topology import Host, Interface, Route, Topology
from pyvs.netlink.unix import UnixTransport

pytestmark = [pytest.mark.live, pytest.mark.root]

VIRTUAL, GATEWAY = "10.8.0.100", "10.9.0.254"
SIZE = 24_000_000
DIRECTOR = (("net/ipv4/ip_forward", "1"), ("net/ipv4/conf/all/rp_filter", "0"))
NETWORK = Topology(
    "two directors between two networks",
    (
        Host("client1", (Interface("front", ("10.8.0.1/24",)),)),
        Host(
            "first",
            (Interface("front", ("10.8.0.2/24",)), Interface("back", ("10.9.0.2/24",))),
            sysctls=DIRECTOR,
        ),
        Host(
            "second",
            (Interface("front", ("10.8.0.3/24",)), Interface("back", ("10.9.0.3/24",))),
            sysctls=DIRECTOR,
        ),
        Host("server1", (Interface("back", ("10.9.0.11/24",)),), routes=(Route("default", GATEWAY),)),
    ),
)
RULES = (
    f"-A -t {VIRTUAL}:80 -s rr",
    f"-a -t {VIRTUAL}:80 -r 10.9.0.11:80 -m",
)


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    """What the server has to give."""
    data = random.Random(7).randbytes(SIZE)
    (tmp_path / "large").write_bytes(data)
    return data


@pytest.fixture
def lab(tmp_path: Path, content: bytes) -> Iterator[Lab]:
    with Lab(NETWORK) as lab:
        serve = [sys.executable, "-m", "http.server", "80", "--directory", str(tmp_path)]
        lab.start("server1", [*serve, "--protocol", "HTTP/1.1"])
        wait.until(lambda: wait.answers(lab["second"], "10.9.0.11", 80), "the server did not answer")
        yield lab


def owns(lab: Lab, host: str) -> None:
    """Let a director have the addresses that move."""
    lab.run(host, ["ip", "address", "add", f"{VIRTUAL}/32", "dev", "eth0"])
    lab.run(host, ["ip", "address", "add", f"{GATEWAY}/24", "dev", "eth1"])
    for end in ("client1", "server1"):
        lab.run(end, ["ip", "neighbour", "flush", "all"])


def synced(director: Director) -> list[list[str]]:
    """Connections that came from the other director."""
    with closing(UnixTransport(director.socket)) as transport:
        lines = transport.proc("ip_vs_conn_sync")
    return [line.split() for line in lines.splitlines() if "SYNC" in line.split()]


@pytest.mark.parametrize("new", ["off", "on"])
def test_a_download_goes_on_at_the_backup(lab: Lab, bpffs: Path, content: bytes, new: str) -> None:
    options = ["--fast", "tc", "--fast-new", new]
    with Director(lab, options, host="first") as first, Director(lab, options, host="second") as second:
        for director, role in ((first, "master"), (second, "backup")):
            for rule in RULES:
                director.adm(rule)
            director.adm(f"--start-daemon {role} --mcast-interface eth1 --syncid 7")
            assert fast_account(director)["state"] == "serving"
        owns(lab, "first")
        with closing(lab["client1"].call(lambda: opened(VIRTUAL))) as connection:
            connection.request("GET", "/large")
            answer = connection.getresponse()
            assert answer.status == 200
            read = [answer.read(SIZE // 3)]
            go_to_the_maps(first, 1)
            wait.until(lambda: len(synced(second)) == 1, "the connection did not reach the backup")
            go_to_the_maps(second, 1)
            assert synced(second)[0][7] == "ESTABLISHED"
            account = fast_account(first)["reported to the synchronisation master"].replace(",", "").split()
            assert int(account[0]) >= 1
            assert account[1:] == ["lost:", "0"]
            for device in ("eth0", "eth1"):
                lab.run("first", ["ip", "link", "set", device, "down"])
            owns(lab, "second")
            read.append(answer.read())
            assert hashlib.sha256(b"".join(read)).digest() == hashlib.sha256(content).digest()
            wait.until(lambda: served(second) > 100, "it was not served")
            go_to_the_maps(second, 1)
            (row,) = synced(second)
            assert row[7] == "ESTABLISHED"
        wait.until(lambda: synced(second)[0][7] == "TIME_WAIT", "the end was not seen")


def opened(address: str) -> http.client.HTTPConnection:
    """A connection whose window is small, so that the server has to wait for its reader."""
    connection = http.client.HTTPConnection(address, 80, timeout=PATIENCE)
    connection.sock = socket.socket()
    connection.sock.settimeout(PATIENCE)
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 17)
    connection.sock.connect((address, 80))
    return connection
