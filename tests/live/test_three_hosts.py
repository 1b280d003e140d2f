"""The kernel's own check of IPVS, in our words: three hosts in a ring, 32 bytes that must arrive as they were sent.

    client 10.0.0.2 ---+--- 10.0.0.1 director 172.16.0.1 ---+
      |                |                                    |
      +--- outside     +--- 10.0.0.3 server 172.16.0.2 -----+ inside

The client knows 207.175.44.110 behind the director alone. By direct routing and by tunnel the server answers on its own
leg outside; by NAT it has none, and answers by way of the director.
"""

import os
import shutil
import socket
from collections.abc import Iterator
from threading import Thread

import pytest

from pyvs.lab import course
from pyvs.lab.director import Director, program
from pyvs.lab.howto import INLET
from pyvs.lab.lab import Lab
from pyvs.lab.topology import Host, Interface, Route, Topology

pytestmark = [pytest.mark.live, pytest.mark.root]

VIRTUAL, PORT = "207.175.44.110", 8080
SERVER = "172.16.0.2"
QUIET = (("net/ipv4/conf/all/rp_filter", "0"), ("net/ipv4/conf/default/rp_filter", "0"))
SILENT = (("net/ipv4/conf/all/arp_ignore", "1"), ("net/ipv4/conf/all/arp_announce", "2"))
CLIENT = Host(
    "client", (Interface("outside", ("10.0.0.2/24",)),), routes=(Route(f"{VIRTUAL}/32", "10.0.0.1"),)
)
DIRECTOR = Host(
    "director",
    (Interface("outside", ("10.0.0.1/24",)), Interface("inside", ("172.16.0.1/24",))),
    loopback=(f"{VIRTUAL}/32",),
    sysctls=(("net/ipv4/ip_forward", "1"),),
)
INSIDE, OUTSIDE = Interface("inside", (f"{SERVER}/24",)), Interface("outside", ("10.0.0.3/24",))
SERVERS = {
    "nat": Host("server", (INSIDE,), routes=(Route("default", "172.16.0.1"),)),
    "dr": Host("server", (INSIDE, OUTSIDE), loopback=(f"{VIRTUAL}/32",), sysctls=QUIET + SILENT),
    "tun": Host(
        "server", (INSIDE, OUTSIDE), loopback=(f"{VIRTUAL}/32",), sysctls=QUIET + SILENT, inlets=(INLET,)
    ),
}
OPTIONS = {"nat": "-m", "dr": "-g", "tun": "-i"}
ROUNDS = 3
"""The first packet of each connection is the engine's, those that follow may be the fast path's."""


@pytest.fixture(params=["nat", "dr", "tun"])
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def lab(method: str) -> Iterator[Lab]:
    with Lab(Topology("ring", (CLIENT, DIRECTOR, SERVERS[method]))) as lab:
        if method == "tun":
            course.end_tunnels(lab, "server", (4,))
        yield lab


class Listener(Thread):
    """The server: it takes one connection, notes what comes until its end, and says so."""

    def __init__(self, lab: Lab) -> None:
        super().__init__()
        self.door = lab["server"].call(lambda: socket.create_server(("", PORT)))
        self.door.settimeout(60)
        self.data, self.client = b"", ""

    def run(self) -> None:
        with self.door:
            connection, (self.client, _) = self.door.accept()
            with connection:
                connection.settimeout(60)
                while part := connection.recv(4096):
                    self.data += part
                connection.sendall(self.data[::-1])


def sent(data: bytes) -> bytes:
    """What comes back from the virtual service."""
    with socket.create_connection((VIRTUAL, PORT), timeout=30) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(4096):
            answer += part
        return answer


@pytest.mark.parametrize("fast", ["off", "auto"])
def test_what_is_sent_arrives(lab: Lab, method: str, fast: str) -> None:
    with Director(lab, ["--fast", fast]) as director:
        if shutil.which("ipvsadm", path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None:
            pytest.skip("needs ipvsadm")
        for line in (
            f"-A -t {VIRTUAL}:{PORT} -s rr",
            f"-a -t {VIRTUAL}:{PORT} -r {SERVER}:{PORT} {OPTIONS[method]}",
        ):
            words = [program("pyvs"), "exec", "--", "/usr/sbin/ipvsadm", *line.split()]
            lab.run("director", words, environment=director.environment)
        for _ in range(ROUNDS):
            data = os.urandom(32)
            listener = Listener(lab)
            listener.start()
            answer = lab["client"].call(lambda data=data: sent(data))  # type: ignore[misc]
            listener.join(60)
            assert not listener.is_alive()
            assert (listener.data, answer) == (data, data[::-1])
            assert listener.client == "10.0.0.2"
        assert len(director.client.proc("ip_vs_conn").splitlines()) == 1 + ROUNDS
        if fast == "off":
            assert "the fast path is on" not in director.log_file.read_text()
        assert "the virtual address" not in director.last_words()
