"""The live director's packets: large ones, pieces, marks, ICMP errors, clients and servers on the director itself."""

import contextlib
import hashlib
import http.client
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pyvs.lab import course, wait
from pyvs.lab.director import Director
from pyvs.lab.howto import PLANS, topology
from pyvs.lab.lab import Lab
from pyvs.lab.namespace import Namespace

pytestmark = [pytest.mark.live, pytest.mark.root]

FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


@contextmanager
def running(lab: Lab, tmp_path: Path, text: str, *options: str) -> Iterator[Director]:
    """A director with these rules, whose packets all pass through the queues."""
    file = tmp_path / "rules"
    file.write_text(text)
    with Director(lab, ("--fast", "off", "--rules", str(file), *options)) as director:
        wait.until(lambda: "ready:" in director.log_file.read_text(), "The director was not ready", 60)
        yield director


@contextmanager
def serving(
    where: Namespace, family: int, kind: int, port: int, serve: Callable[[socket.socket], None]
) -> Iterator[None]:
    """A server on a host, in a thread of ours."""
    listener = where.call(lambda: socket.socket(FAMILIES[family], kind))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("", port))
    listener.settimeout(60)
    thread = threading.Thread(target=serve, args=(listener,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


@pytest.fixture
def nat() -> Iterator[Lab]:
    with Lab(topology("nat")) as lab:
        yield lab


def read_all(connection: socket.socket, length: int) -> bytes:
    parts = []
    while length:
        part = connection.recv(min(length, 1 << 18))
        if not part:
            break
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


@pytest.mark.parametrize("family", [4, 6])
def test_large_transfers_with_segmentation_offload(family: int, nat: Lab, tmp_path: Path) -> None:
    """Both ways, with packets of up to 64 KiB whose checksums are not finished."""
    plan = PLANS[family]
    features = nat.run("server1", ["ethtool", "-k", "eth0"])
    assert "tcp-segmentation-offload: on" in features
    assert "generic-receive-offload" in features
    up, down = 3_000_000, 20_000_000
    data = bytes(range(251)) * (down // 251 + 1)
    received: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        listener.listen(1)
        connection, _ = listener.accept()
        connection.settimeout(60)
        received.append(hashlib.sha256(read_all(connection, up)).digest())
        connection.sendall(data[:down])
        connection.close()

    def transfer() -> bytes:
        with socket.create_connection((plan.virtual, 9000), 15) as connection:
            connection.settimeout(60)
            connection.sendall(data[:up])
            return hashlib.sha256(read_all(connection, down)).digest()

    virtual = bracketed(plan.virtual)
    text = f"-A -t {virtual}:9000 -s rr\n-a -t {virtual}:9000 -r {bracketed(plan.servers[0])}:9000 -m\n"
    with (
        serving(nat["server1"], family, socket.SOCK_STREAM, 9000, serve),
        running(nat, tmp_path, text) as director,
    ):
        assert nat["client1"].call(transfer) == hashlib.sha256(data[:down]).digest()
        assert received == [hashlib.sha256(data[:up]).digest()]
        service = director.client.get_services()[0]
    # Replies came in large pieces: far fewer packets than segments.
    assert service.totals.outpkts < down // 1448


@pytest.mark.parametrize("family", [4, 6])
def test_datagrams_in_fragments(family: int, nat: Lab, tmp_path: Path) -> None:
    plan = PLANS[family]

    def serve(listener: socket.socket) -> None:
        try:
            while True:
                data, peer = listener.recvfrom(65535)
                listener.sendto(data[::-1], peer)
        except OSError:
            return

    def exchange() -> None:
        with socket.socket(FAMILIES[family], socket.SOCK_DGRAM) as client:
            client.settimeout(15)
            if family == 4:
                client.setsockopt(socket.IPPROTO_IP, 10, 0)  # IP_MTU_DISCOVER: no DF
            client.connect((plan.virtual, 5353))
            for size in (10, 1400, 1473, 4000, 9000):
                data = bytes(i * 7 & 0xFF for i in range(size))
                client.send(data)
                assert client.recv(65535) == data[::-1]

    virtual = bracketed(plan.virtual)
    text = f"-A -u {virtual}:5353 -s rr\n-a -u {virtual}:5353 -r {bracketed(plan.servers[0])}:5353 -m\n"
    with serving(nat["server1"], family, socket.SOCK_DGRAM, 5353, serve), running(nat, tmp_path, text):
        nat["client1"].call(exchange)


def get(address: str, port: int = 80, timeout: float = 15) -> tuple[str, str]:
    """The server that answered, and the client that it saw."""
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        connection.request("GET", "/")
        text = connection.getresponse().read().decode()
    finally:
        connection.close()
    return text.partition("<title>")[2].partition("</title>")[0], text.partition("from ")[2].partition(
        ".</p>"
    )[0]


@pytest.mark.parametrize("family", [4, 6])
def test_a_service_by_firewall_mark(family: int, nat: Lab, tmp_path: Path) -> None:
    plan = PLANS[family]
    course.start_servers(nat, "nat", (family,))
    tool = "iptables" if family == 4 else "ip6tables"
    mark = [
        "-t",
        "mangle",
        "-A",
        "PREROUTING",
        "-d",
        plan.virtual,
        "-p",
        "tcp",
        "--dport",
        "80",
        "-j",
        "MARK",
    ]
    nat["director"].run([tool, *mark, "--set-mark", "7"])
    six = " -6" if family == 6 else ""
    text = f"-A -f 7{six} -s rr\n" + "".join(
        f"-a -f 7{six} -r {bracketed(server)}:0 -m\n" for server in plan.servers
    )
    with running(nat, tmp_path, text):
        answers = nat["client1"].call(lambda: [get(plan.virtual) for _ in range(6)])
    assert sorted({name for name, _ in answers}) == ["server1", "server2", "server3"]
    assert {seen for _, seen in answers} == {plan.clients[0]}


@pytest.mark.parametrize("family", [4, 6])
def test_a_client_on_the_director(family: int, nat: Lab, tmp_path: Path) -> None:
    plan = PLANS[family]
    course.start_servers(nat, "nat", (family,))
    virtual = bracketed(plan.virtual)
    text = f"-A -t {virtual}:80 -s rr\n" + "".join(
        f"-a -t {virtual}:80 -r {bracketed(server)}:80 -m\n" for server in plan.servers
    )
    with running(nat, tmp_path, text):
        answers = nat["director"].call(lambda: [get(plan.virtual)[0] for _ in range(6)])
    assert sorted(answers) == ["server1", "server1", "server2", "server2", "server3", "server3"]


@pytest.mark.parametrize("family", [4, 6])
def test_a_server_on_the_director(family: int, nat: Lab, tmp_path: Path) -> None:
    """NAT to another port of the director itself, beside a real server."""
    plan = PLANS[family]
    course.start_servers(nat, "nat", (family,))
    command = [sys.executable, "-m", "pyvs.lab.webserver", "director", "8081", str(family)]
    nat.start("director", command)
    wait.until(
        lambda: wait.answers(nat["director"], plan.director_farm, 8081), "no web server on the director"
    )
    virtual = bracketed(plan.virtual)
    text = (
        f"-A -t {virtual}:80 -s rr\n"
        f"-a -t {virtual}:80 -r {bracketed(plan.director_farm)}:8081 -m\n"
        f"-a -t {virtual}:80 -r {bracketed(plan.servers[0])}:80 -m\n"
    )
    with running(nat, tmp_path, text):
        answers = nat["client1"].call(lambda: [get(plan.virtual)[0] for _ in range(6)])
    assert sorted(answers) == ["director"] * 3 + ["server1"] * 3


def test_icmp_errors_are_limited_as_the_hosts_are(nat: Lab, tmp_path: Path) -> None:
    """A service without servers: six port unreachable at once, then one a second."""
    plan, many = PLANS[4], 40

    def send() -> tuple[socket.socket, float]:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        begin = time.monotonic()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(many):
                sender.sendto(b"?", (plan.virtual, 5353))
        return raw, begin

    def all_judged() -> bool:
        lines = nat.run("director", ["cat", "/proc/net/netfilter/nfnetlink_queue"]).splitlines()
        seen, waiting = (sum(int(line.split()[column]) for line in lines) for column in (7, 2))
        return seen >= many and not waiting

    with running(nat, tmp_path, f"-A -u {plan.virtual}:5353 -s rr\n"):
        raw, begin = nat["client1"].call(send)
        with raw:
            wait.until(all_judged, "The packets were not dealt with")
            took = time.monotonic() - begin
            heard = 0
            with contextlib.suppress(TimeoutError):
                while True:
                    raw.settimeout(0.5 if heard >= 6 else 15)
                    heard += raw.recv(2000)[20:22] == b"\x03\x03"
    assert 6 <= heard <= 7 + took


def test_our_packets_carry_our_mark_and_are_not_tracked(nat: Lab, tmp_path: Path) -> None:
    """Seen by the host's own rules in OUTPUT and POSTROUTING; tracked once sysctl conntrack is 1."""
    plan = PLANS[4]
    course.start_servers(nat, "nat", (4,))
    ours = ["-m", "mark", "--mark", "0x40000000/0x40000000", "-p", "tcp", "-d", plan.servers[0]]
    state = ["-m", "conntrack", "--ctstate"]
    for chain in ("OUTPUT", "POSTROUTING"):
        nat["director"].run(["iptables", "-t", "mangle", "-A", chain, *ours, *state, "UNTRACKED"])
        nat["director"].run(["iptables", "-t", "mangle", "-A", chain, *ours, *state, "NEW"])

    def counters() -> dict[tuple[str, str], int]:
        found = {}
        for line in nat.run("director", ["iptables-save", "-c", "-t", "mangle"]).splitlines():
            if "--ctstate" in line:
                chain = "POSTROUTING" if "POSTROUTING" in line else "OUTPUT"
                found[chain, line.rpartition(" ")[2]] = int(line[1:].partition(":")[0])
        return found

    def settled() -> dict[tuple[str, str], int]:
        """The counters once they stand still: the client's last acknowledgement comes after its page."""
        seen: list[dict[tuple[str, str], int]] = []

        def still() -> bool:
            seen.append(counters())
            return len(seen) >= 10 and all(one == seen[-1] for one in seen[-10:])

        wait.until(still, "The connection's last packet did not pass")
        return seen[-1]

    text = f"-A -t {plan.virtual}:80 -s rr\n-a -t {plan.virtual}:80 -r {plan.servers[0]}:80 -m\n"
    with running(nat, tmp_path, text) as director:
        assert nat["client1"].call(lambda: get(plan.virtual)) == ("server1", plan.clients[0])
        first = settled()
        director.client.sysctl_write("conntrack", "1")
        assert nat["client1"].call(lambda: get(plan.virtual)) == ("server1", plan.clients[0])
        second = counters()
    assert first["OUTPUT", "UNTRACKED"] > 3
    assert first["POSTROUTING", "UNTRACKED"] == first["OUTPUT", "UNTRACKED"]
    assert first["OUTPUT", "NEW"] == 0
    assert second["OUTPUT", "UNTRACKED"] == first["OUTPUT", "UNTRACKED"]
    assert second["POSTROUTING", "NEW"] > 0


@pytest.mark.parametrize("reroute", [True, False])
def test_replies_take_the_way_of_their_new_source(reroute: bool, nat: Lab, tmp_path: Path) -> None:
    """`ip rule from VIP` sends them by another table; without snat_reroute they go as the server's own would."""
    plan = PLANS[4]
    course.start_servers(nat, "nat", (4,))
    director = nat["director"]
    # The main table no longer knows the way to the clients; only the table for the virtual address does.
    director.run(["ip", "route", "add", "default", "via", plan.router_front, "table", "77"])
    director.run(["ip", "rule", "add", "from", plan.virtual, "lookup", "77", "pref", "100"])
    director.run(["ip", "rule", "add", "from", plan.farm, "lookup", "79", "pref", "101"])
    director.run(["ip", "route", "add", plan.clients_network, "via", plan.servers[1], "table", "79"])
    text = f"-A -t {plan.virtual}:80 -s rr\n-a -t {plan.virtual}:80 -r {plan.servers[0]}:80 -m\n"
    text += f"net.ipv4.vs.snat_reroute = {int(reroute)}\n"
    with running(nat, tmp_path, text):
        if reroute:
            assert nat["client1"].call(lambda: get(plan.virtual)) == ("server1", plan.clients[0])
        else:
            with pytest.raises(TimeoutError):
                nat["client1"].call(lambda: get(plan.virtual, timeout=1))


def test_direct_routing_asks_the_neighbour(tmp_path: Path) -> None:
    """The first packet waits until the server's hardware address is known, and is not lost."""
    plan = PLANS[4]
    opener = ["-p", "tcp", "--syn", "-d", plan.virtual]

    def openers(host: str, chain: str) -> int:
        """How many the rule has seen: what is sent again, since the machine is busy, is no loss."""
        listed = lab.run(host, ["iptables", "-w", "-t", "mangle", "-nvxL", chain])
        return int(listed.splitlines()[2].split()[0])

    with Lab(topology("dr")) as lab:
        course.start_servers(lab, "dr", (4,))
        text = f"-A -t {plan.virtual}:80 -s rr\n-a -t {plan.virtual}:80 -r {plan.servers[0]}:80 -g\n"
        with running(lab, tmp_path, text):
            for host, chain in (("client1", "OUTPUT"), ("server1", "PREROUTING")):
                lab.run(host, ["iptables", "-w", "-t", "mangle", "-A", chain, *opener])
            lab.run("director", ["ip", "neigh", "flush", "dev", "eth0"])
            assert lab["client1"].call(lambda: get(plan.virtual)) == ("server1", plan.clients[0])
            wait.until(
                lambda: openers("server1", "PREROUTING") == openers("client1", "OUTPUT"),
                "The first packet was lost",
                10,
            )
        neighbours = lab.run("director", ["ip", "neigh"])
        assert plan.servers[0] in neighbours
