"""Servers on the director itself: the programs count and follow their connections, and nothing of them is queued."""

import http.client
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.live.fast_clients import PATIENCE, fast_account, go_to_the_maps

from pyvs.lab import wait
from pyvs.lab.director import Director
from pyvs.lab.lab import Lab
from pyvs.lab.topology import Host, Interface, Topology

pytestmark = [pytest.mark.live, pytest.mark.root]

OWN, SIX = "10.9.0.2", "fd09::2"
NETWORK = Topology(
    "a director that serves",
    (
        Host("client1", (Interface("lan", ("10.9.0.1/24", "fd09::1/64")),)),
        Host("director", (Interface("lan", (f"{OWN}/24", f"{SIX}/64")),)),
    ),
)
ROUNDS = 20
OVER = (["TIME_WAIT"], ["CLOSE"], ["FIN_WAIT"])
"""States of the only connection."""


@pytest.fixture
def lab(bpffs: Path) -> Iterator[Lab]:
    with Lab(NETWORK) as lab:
        lab.start("director", [sys.executable, "-m", "pyvs.lab.webserver", "here", "80", "4", "6"])
        for address in (OWN, SIX):
            wait.until(
                lambda address=address: wait.answers(lab["client1"], address, 80),  # type: ignore[misc]
                "the server did not answer",
            )
        yield lab


def asked(address: str, times: int) -> list[str]:
    """Titles of pages, by one connection."""
    with closing(http.client.HTTPConnection(address, 80, timeout=PATIENCE)) as connection:
        titles = []
        for _ in range(times):
            connection.request("GET", "/")
            page = connection.getresponse().read().decode()
            titles.append(page.partition("<title>")[2].partition("</title>")[0])
        return titles


@pytest.mark.parametrize("new", ["off", "on"])
@pytest.mark.parametrize("address", [OWN, SIX])
def test_a_server_on_this_host(lab: Lab, address: str, new: str) -> None:
    bracketed = f"[{address}]" if ":" in address else address
    with Director(lab, ["--fast", "tc", "--fast-new", new]) as director:
        director.adm(f"-A -t {bracketed}:80 -s rr")
        director.adm(f"-a -t {bracketed}:80 -r {bracketed}:80 -g")
        tables = "ip6tables" if ":" in address else "iptables"
        wait.until(
            lambda: "--object-pinned" in lab.run("director", [tables, "-t", "mangle", "-S", "PYVS-OUTPUT"]),
            "the chains do not ask the programs",
        )
        assert lab["client1"].call(lambda: asked(address, ROUNDS)) == ["here"] * ROUNDS
        account = fast_account(director)
        assert int(account["served"].split()[0]) > 2 * ROUNDS
        # Only what was under way when the connection went to the maps: more of that on a busy machine.
        assert int(account["came back to the engine"]) < ROUNDS / 2
        wait.until(lambda: states(director) in OVER, "its end was not seen")
        wait.until(
            lambda: counted(director)[0] == 1 and min(counted(director)[1:]) >= ROUNDS,
            "the connection and its packets are not counted",
        )
    assert "PYVS" not in lab.run("director", [f"{tables}-save"])


def test_it_goes_on_without_its_director(lab: Lab) -> None:
    director = Director(lab, ["--fast", "tc"])
    with director:
        director.adm(f"-A -t {OWN}:80 -s rr")
        director.adm(f"-a -t {OWN}:80 -r {OWN}:80 -g")
        with closing(lab["client1"].call(opened)) as connection:
            for _ in range(3):
                page(connection)
            go_to_the_maps(director, 1)
            director.kill()
            for _ in range(3):
                page(connection)


def states(director: Director) -> list[str]:
    """Of all connections."""
    return [line.split()[2] for line in director.adm("-Lnc").splitlines()[2:]]


def counted(director: Director) -> list[int]:
    """Connections, packets in and packets out of the server."""
    return [int(word) for word in director.adm("-Ln --stats --exact").splitlines()[-1].split()[2:5]]


def opened() -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection(OWN, 80, timeout=PATIENCE)
    connection.connect()
    return connection


def page(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/")
    assert b"This is here" in connection.getresponse().read()
