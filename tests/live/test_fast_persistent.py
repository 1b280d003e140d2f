"""A persistent service by the fast path: clients stay with their servers, also while directors are killed and begun."""

import socket
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.live.fast_clients import PATIENCE, REQUEST, KeptAlive, fast_account

from pyvs.lab import wait
from pyvs.lab.director import Director
from pyvs.lab.howto import PLANS
from pyvs.lab.lab import Lab

pytestmark = [pytest.mark.live, pytest.mark.root]

PLAN = PLANS[4]
SERVERS = ("server1", "server2", "server3")
TIMES = 5


def rules(folder: Path, port: int) -> Path:
    service = f"{PLAN.virtual}:{port}"
    lines = [
        f"-A -t {service} -s rr -p 300",
        *(f"-a -t {service} -r {each}:{port} -m" for each in PLAN.servers),
    ]
    file = folder / "rules"
    file.write_text("\n".join(lines) + "\n")
    return file


def ask(lab: Lab, client: str) -> str:
    """The server that answers a new connection of a client."""

    def once() -> bytes:
        with socket.create_connection((PLAN.virtual, 80), timeout=PATIENCE) as opened:
            opened.sendall(REQUEST)
            return KeptAlive._read(opened)

    answer: bytes = lab[client].call(once)
    return next(server for server in SERVERS if server.encode() in answer)


def templates(director: Director) -> list[list[str]]:
    """Of the list of connections: those whose client has no port."""
    lines = (line.split() for line in director.adm("-Lnc").splitlines()[2:])
    return [fields for fields in lines if fields[3].endswith(":0")]


def persistent(director: Director) -> int:
    """The sum of the column of `-L --persistent-conn`."""
    rows = director.adm("-Ln --persistent-conn").splitlines()[4:]
    return sum(int(line.split()[3]) for line in rows)


def go_to_the_maps(director: Director) -> None:
    """Wait until both templates are there."""
    wait.until(lambda: fast_account(director)["templates in the maps"] == "2", "they are not in the maps")


@pytest.mark.parametrize("port", [80, 0])
@pytest.mark.parametrize("new", ["off", "on"])
def test_a_client_stays_with_its_server_while_directors_come_and_go(
    lab: Lab, tmp_path: Path, new: str, port: int
) -> None:
    options = ["--fast", "tc", "--fast-new", new, "--rules", str(rules(tmp_path, port))]
    with ExitStack() as directors:
        director = directors.enter_context(Director(lab, options))
        homes = {client: ask(lab, client) for client in ("client1", "client2")}
        assert len(set(homes.values())) == 2, "rr gives the second client another server"
        for client, home in homes.items():
            assert [ask(lab, client) for _ in range(TIMES)] == [home] * TIMES
        assert {(fields[2], fields[4]) for fields in templates(director)} == {
            ("ASSURED", f"{PLAN.virtual}:{port}"),
        }
        assert len(templates(director)) == persistent(director) == 2
        go_to_the_maps(director)
        for _ in range(3):
            director.kill()
            if new == "on":  # nobody is there, and new connections go on to where they belong
                assert {client: ask(lab, client) for client in homes} == homes
            director.stop()
            director = directors.enter_context(Director(lab, options))
            assert {client: ask(lab, client) for client in homes} == homes
            assert len(templates(director)) == persistent(director) == 2
        go_to_the_maps(director)


def test_without_a_director_a_client_gets_its_first_server(lab: Lab, tmp_path: Path) -> None:
    options = ["--fast", "tc", "--fast-new", "on", "--rules", str(rules(tmp_path, 80))]
    with Director(lab, options) as director:
        assert ask(lab, "client1") in SERVERS  # next hops are known from now on
        director.kill()
        home = ask(lab, "client2")
    with Director(lab, options) as director:
        assert [ask(lab, "client2") for _ in range(TIMES)] == [home] * TIMES
        assert len(templates(director)) == persistent(director) == 2
