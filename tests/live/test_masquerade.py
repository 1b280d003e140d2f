"""Masquerading and port forwarding with real packets: servers go out, clients come in, agents choose."""

import http.client
import socket
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from pyvs.core.packet.checksum import checksum
from pyvs.lab import course, wait
from pyvs.lab.director import Director, program
from pyvs.lab.errors import LabError
from pyvs.lab.howto import PLANS, topology
from pyvs.lab.lab import Lab

pytestmark = [pytest.mark.live, pytest.mark.root]

PLAN = PLANS[4]
AGENT_PORT = 9999
AGENT = """
import pathlib, socket, sys
door = socket.create_server(("", int(sys.argv[2])))
while True:
    asker, _ = door.accept()
    asker.sendall(pathlib.Path(sys.argv[1]).read_bytes())
    asker.close()
"""


def ask(address: str, timeout: float = 15.0) -> tuple[str, str]:
    """The name of the server that answers, and the client's address that it saw."""
    connection = http.client.HTTPConnection(address, 80, timeout=timeout)
    try:
        connection.request("GET", "/")
        text = connection.getresponse().read().decode()
    finally:
        connection.close()
    return (
        text.partition("<title>")[2].partition("</title>")[0],
        text.partition("came from ")[2].partition(".</p>")[0],
    )


def ping(address: str) -> bytes:
    """What comes back for an ICMP echo request: type, identifier, number, data."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        raw.settimeout(15)
        request = b"\x08\x00\x00\x00\x12\x34\x00\x01echo"
        request = request[:2] + checksum(request).to_bytes(2, "big") + request[4:]
        raw.sendto(request, (address, 0))
        answer = raw.recv(1500)
    return answer[20:21] + answer[24:]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """The lab of network address translation; clients have web servers too, to be asked from inside."""
    with Lab(topology("nat", (4,))) as lab:
        course.start_servers(lab, "nat", (4,))
        lab.start("client1", [sys.executable, "-m", "pyvs.lab.webserver", "outside", "80", "4"])
        wait.until(lambda: wait.answers(lab["client1"], PLAN.clients[0], 80), "The outside did not answer")
        yield lab


@pytest.fixture
def director(lab: Lab) -> Iterator[Director]:
    with Director(lab) as director:
        yield director


@pytest.fixture
def pyvs(lab: Lab, director: Director) -> Callable[[str], str]:
    """Runs `pyvs ...` on the director."""

    def run(arguments: str) -> str:
        return lab.run("director", [program("pyvs"), *arguments.split()], environment=director.environment)

    return run


def test_servers_reach_the_outside_under_the_director_s_address(lab: Lab, pyvs: Callable[[str], str]) -> None:
    pyvs(f"masquerade add {PLAN.farm}")
    for server in ("server1", "server2"):
        seen = {lab[server].call(lambda: ask(PLAN.clients[0])) for _ in range(5)}
        assert seen == {("outside", PLAN.director_front)}
    entries = pyvs("masquerade list --connections").splitlines()[1:]
    assert len(entries) == 10
    assert {int(entry.split()[3], 16) for entry in entries} == set(range(61000, 61010))
    assert lab["server3"].call(lambda: ping(PLAN.clients[0])) == b"\x00\x12\x34\x00\x01echo"
    pyvs(f"masquerade delete {PLAN.farm}")
    assert pyvs("masquerade list") == ""


def test_under_an_address_of_one_s_choice(lab: Lab, pyvs: Callable[[str], str]) -> None:
    pyvs(f"masquerade add {PLAN.farm} --address {PLAN.virtual}")
    assert lab["server1"].call(lambda: ask(PLAN.clients[0])) == ("outside", PLAN.virtual)
    with pytest.raises(LabError, match="is masqueraded already"):
        pyvs(f"masquerade add {PLAN.farm}")
    with pytest.raises(LabError, match="not an address of this host"):
        pyvs("masquerade add 10.9.0.0/16 --address 10.9.9.9")


def test_large_answers_and_long_transfers(lab: Lab, pyvs: Callable[[str], str]) -> None:
    """More than a segment at a time, both ways."""
    pyvs(f"masquerade add {PLAN.farm}")
    much = bytes(range(256)) * 8000
    door = lab["client1"].call(lambda: socket.create_server((PLAN.clients[0], 7000)))
    call = lab["server1"].call(lambda: socket.create_connection((PLAN.clients[0], 7000), 15))
    peer, address = door.accept()
    with door, call, peer:
        assert address[0] == PLAN.director_front
        for sender, receiver in ((call, peer), (peer, call)):
            sender.settimeout(30)
            receiver.settimeout(30)
            sending = Thread(target=sender.sendall, args=(much,))
            sending.start()
            got = bytearray()
            while len(got) < len(much):
                some = receiver.recv(65536)
                assert some
                got += some
            sending.join()
            assert got == much


def test_port_forwarding_shares_by_preference(lab: Lab, pyvs: Callable[[str], str]) -> None:
    for server, pref in zip(PLAN.servers, (1, 2, 3), strict=True):
        pyvs(f"portfw -a -P tcp -L {PLAN.virtual} 80 -R {server} 80 -p {pref}")
    answers = lab["client1"].call(lambda: Counter(ask(PLAN.virtual) for _ in range(12)))
    client = PLAN.clients[0]
    assert answers == {("server1", client): 2, ("server2", client): 4, ("server3", client): 6}
    lines = pyvs("portfw -l -n").splitlines()
    assert lines[0].split() == ["prot", "localaddr", "rediraddr", "lport", "rport", "pcnt", "pref"]
    assert {tuple(line.split()[2:5:2]) for line in lines[1:]} == {(server, "80") for server in PLAN.servers}
    pyvs(f"portfw -e -P tcp -L {PLAN.virtual} 80 -p 5")
    assert {line.split()[6] for line in pyvs("portfw -l").splitlines()[1:]} == {"5"}
    pyvs(f"portfw -d -P tcp -L {PLAN.virtual} www -R {PLAN.servers[0]} 80")
    assert len(pyvs("portfw -l").splitlines()) == 3
    pyvs("portfw -f")
    with pytest.raises(OSError, match="refused"):
        lab["client1"].call(lambda: ask(PLAN.virtual))


def test_a_port_in_use_is_refused(lab: Lab, pyvs: Callable[[str], str]) -> None:
    with lab["director"].call(lambda: socket.create_server(("", 8080))):
        with pytest.raises(LabError, match="tcp port 8080 is in use: a program of this host listens at it"):
            pyvs(f"portfw -a -P tcp -L {PLAN.virtual} 8080 -R {PLAN.servers[0]} 80")
        assert len(pyvs("portfw -l").splitlines()) == 1
    pyvs(f"portfw -a -P tcp -L {PLAN.virtual} 8080 -R {PLAN.servers[0]} 80")


def test_under_agents_the_least_loaded_server_gets_all_new_requests(
    lab: Lab, director: Director, pyvs: Callable[[str], str], tmp_path: Path
) -> None:
    files = [tmp_path / f"load{number}" for number in range(3)]
    agents = []
    for number, (server, file) in enumerate(zip(PLAN.servers, files, strict=True), 1):
        file.write_text("50%\n")
        command = [sys.executable, "-c", AGENT, str(file), str(AGENT_PORT)]
        agents.append(lab.start(f"server{number}", command))
        pyvs(f"portfw -a -P tcp -L {PLAN.virtual} 80 -R {server} 80")
    director.adm(f"-A -t {PLAN.virtual}:81 -s wrr")
    for server in PLAN.servers:
        director.adm(f"-a -t {PLAN.virtual}:81 -r {server}:80 -m -w 10")
        pyvs(f"masquerade agent {server} {AGENT_PORT}")

    def load(*lines: str) -> None:
        for file, line in zip(files, lines, strict=True):
            file.write_text(line + "\n")

    def served_by(name: str) -> bool:
        return lab["client1"].call(lambda: {ask(PLAN.virtual)[0] for _ in range(5)}) == {name}

    def weights() -> list[int]:
        return [row.weight for row in director.rows({})]

    load("10%", "90%", "30%")
    wait.until(lambda: served_by("server2"), "The least loaded was not chosen", 60)
    wait.until(lambda: weights() == [1, 9, 3], "The weights did not follow", 60)
    load("80%", "20%", "30%")
    wait.until(lambda: served_by("server1"), "The next least loaded was not chosen", 60)
    load("down", "20%", "30%")
    wait.until(lambda: served_by("server3"), "One that is down was not left out", 60)
    assert "the least loaded is" in director.log_file.read_text()
    for server in PLAN.servers:
        pyvs(f"masquerade forget-agent {server}")
    assert len(pyvs("portfw -l").splitlines()) == 4
    wait.until(lambda: weights() == [10, 10, 10], "The weights were not given back", 60)
    lab.stop(*agents)
