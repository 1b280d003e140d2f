"""What an administrator does acts on connections of the fast path at once; frames that are not ours stay untouched."""

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from tests.live.fast_clients import NEVER, KeptAlive, fast_account, go_to_the_maps, in_maps, served

from pyvs.lab import wait
from pyvs.lab.director import Director, program
from pyvs.lab.howto import PLANS, ipvsadm_lines
from pyvs.lab.lab import Lab
from pyvs.lab.namespace import Namespace
from pyvs.netlink.unix import UnixTransport

pytestmark = [pytest.mark.live, pytest.mark.root]

PLAN = PLANS[4]
VIRTUAL = f"{PLAN.virtual}:80"
MANY = 12
FOREIGN, OWN = 11, 12
"""Sequence numbers of segments by which they are known again."""
ETH_P_IP = socket.htons(0x0800)
ROOM = 2048


@pytest.fixture(params=["off", "on"])
def director(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Director]:
    with Director(lab, ["--fast", "tc", "--fast-new", request.param]) as director:
        for line in ipvsadm_lines("nat", 4):
            director.adm(line)
        yield director


@pytest.fixture
def alive(lab: Lab, director: Director) -> Iterator[KeptAlive]:
    with KeptAlive(lab["client1"], PLAN.virtual, 80, MANY) as made:
        made.ask_all()
        go_to_the_maps(director, MANY)
        assert len(made.of("server1")) == MANY / 3
        yield made


def never_answers(opened: list[socket.socket]) -> None:
    """Do not wait long for what must not come."""
    for each in opened:
        each.settimeout(NEVER)


def _counts(director: Director) -> dict[str, tuple[int, int]]:
    return {row.address: (row.weight, row.active) for row in director.rows({})}


def test_an_administrators_changes_act_at_once(lab: Lab, director: Director, alive: KeptAlive) -> None:
    first, second, third = PLAN.servers
    assert _counts(director) == {first: (1, 4), second: (1, 4), third: (1, 4)}

    with ExitStack() as clients:

        def asked(many: int) -> KeptAlive:
            made = clients.enter_context(KeptAlive(lab["client2"], PLAN.virtual, 80, many))
            made.ask_all()
            assert made.failed == {}
            return made

        # Quiescent: what is there goes on, what is new goes elsewhere.
        director.adm(f"-e -t {VIRTUAL} -r {first}:80 -m -w 0")
        alive.ask_all()
        assert alive.failed == {}
        asked(4)
        assert _counts(director) == {first: (0, 4), second: (1, 6), third: (1, 6)}

        # An upper threshold: a server that has reached it gets no more, until it has few enough again.
        director.adm(f"-e -t {VIRTUAL} -r {second}:80 -m -w 1 -x 6")
        others = asked(3)
        assert _counts(director) == {first: (0, 4), second: (1, 7), third: (1, 8)}

        # Another scheduler.
        director.adm(f"-E -t {VIRTUAL} -s wlc")
        director.adm(f"-e -t {VIRTUAL} -r {first}:80 -m -w 5")
        asked(3)
        assert _counts(director)[first] == (5, 7)

        # Removed: its connections get no answer, the others go on.
        director.adm(f"-d -t {VIRTUAL} -r {first}:80")
        never_answers(alive.of("server1"))
        alive.ask_all()
        assert alive.failed.total() == 4
        # Added again: they are its connections still.
        director.adm(f"-a -t {VIRTUAL} -r {first}:80 -m")
        assert _counts(director)[first] == (1, 7)

        # Everything removed.
        director.adm("-C")
        never_answers(others.sockets)
        others.ask_all()
        assert others.failed.total() == 3


def test_connections_of_a_removed_server_end_with_expire_nodest_conn(
    director: Director, alive: KeptAlive
) -> None:
    director.client.sysctl_write("expire_nodest_conn", "1")
    director.adm(f"-d -t {VIRTUAL} -r {PLAN.servers[0]}:80")
    go_to_the_maps(director, MANY - 4)
    assert len(director.adm("-Lnc").splitlines()[2:]) == MANY - 4
    alive.ask_all()
    assert alive.failed.total() == 4
    assert "timed out" not in alive.failed, "the host's stack answers by RST"


def test_a_local_client_is_served(lab: Lab, director: Director, alive: KeptAlive) -> None:
    with KeptAlive(lab["director"], PLAN.virtual, 80, 3) as own:
        own.ask_all()
        assert own.failed == {}
        assert len(director.adm("-Lnc").splitlines()[2:]) == MANY + 3
        assert in_maps(director) == MANY


def test_a_drain_takes_its_connections_to_the_engine(director: Director, alive: KeptAlive) -> None:
    drain = [
        program("pyvs"),
        "drain",
        f"{PLAN.servers[0]}:80",
        "-t",
        VIRTUAL,
        "--deadline",
        "60s",
        "--no-wait",
    ]
    director.lab.run(director.host, drain, environment=director.environment)
    go_to_the_maps(director, MANY - 4)
    alive.ask_all()
    assert alive.failed == {}


def test_sysctl_conntrack_lets_the_fast_path_rest(director: Director, alive: KeptAlive) -> None:
    director.client.sysctl_write("conntrack", "1")
    assert fast_account(director)["state"].startswith("resting")
    go_to_the_maps(director, 0)
    assert len(director.adm("-Lnc").splitlines()[2:]) == MANY
    director.client.sysctl_write("conntrack", "0")
    assert fast_account(director)["state"] == "serving"


@pytest.mark.parametrize("foreign", ["02:11:22:33:44:55", "00:00:5e:00:01:07"], ids=["foreign", "VRRP"])
def test_a_frame_for_another_host_is_not_touched(
    lab: Lab, director: Director, alive: KeptAlive, foreign: str
) -> None:
    """The second director of a pair hears its partner's frames: were it to send them on, servers got them twice."""
    opened = alive.of("server1")[0]
    source, port = opened.getsockname()

    def send(sequence: int, target: str) -> None:
        segment = IP(src=source, dst=PLAN.virtual) / TCP(sport=port, dport=80, flags="A", seq=sequence, ack=1)
        _send(lab["router"], bytes(Ether(src="02:00:00:00:00:09", dst=target) / segment))

    with lab["server1"].call(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, ETH_P_IP)) as door:
        door.setblocking(False)
        heard, before = _for_others(director), served(director)
        send(FOREIGN, foreign)
        wait.until(lambda: _for_others(director) > heard, "the frame did not come")
        send(OWN, _address(lab["director"]))
        came: set[int] = set()

        def arrives() -> bool:
            came.update(_sequences(door, port))
            return OWN in came

        wait.until(arrives, "a frame for this host was not served")
        assert FOREIGN not in came
        assert served(director) > before


def _sequences(door: socket.socket, port: int) -> set[int]:
    """Of the segments from a port that have come."""
    found = set()
    with contextlib.suppress(BlockingIOError):
        while True:
            frame = Ether(door.recv(ROOM))
            if TCP in frame and frame[TCP].sport == port:
                found.add(frame[TCP].seq)
    return found


def _for_others(director: Director) -> int:
    with contextlib.closing(UnixTransport(director.socket)) as transport:
        lines = transport.proc("pyvs_fast").splitlines()
    return sum(int(line.split()[0]) for line in lines if "not for this host" in line)


def _address(host: Namespace) -> str:
    def read() -> str:
        out = subprocess.run(["ip", "-o", "link", "show", "eth0"], capture_output=True, text=True, check=True)
        return out.stdout.split("link/ether ")[1].split()[0]

    return host.call(read)


def _send(host: Namespace, frame: bytes) -> None:
    """Out of the device that leads to the director."""

    def send() -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
            raw.bind(("eth1", 0))
            raw.send(frame)

    host.call(send)
