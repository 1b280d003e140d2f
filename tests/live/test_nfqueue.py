"""The live director by NFQUEUE: who is served, behind which filter, and what is left when it has gone."""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest

from pyvs.datapath.nfqueue.queue import Queue
from pyvs.lab import course, wait
from pyvs.lab.director import Director, program
from pyvs.lab.howto import OPTIONS, PLANS, topology
from pyvs.lab.lab import Lab
from pyvs.lab.namespace import Namespace

pytestmark = [pytest.mark.live, pytest.mark.root]

SERVERS = ("server1", "server2", "server3")


def rules(method: str, port: int = 80) -> str:
    """Services of both families with three servers each."""
    lines = []
    for family, plan in PLANS.items():
        virtual, servers = (
            (plan.virtual, plan.servers)
            if family == 4
            else (f"[{plan.virtual}]", tuple(f"[{server}]" for server in plan.servers))
        )
        lines.append(f"-A -t {virtual}:{port} -s rr")
        lines += [f"-a -t {virtual}:{port} -r {server}:{port} {OPTIONS[method]}" for server in servers]
    return "\n".join(lines) + "\n"


def ask(address: str, port: int = 80, timeout: float = 15.0) -> str:
    """The name of the server that answers."""
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        connection.request("GET", "/")
        text = connection.getresponse().read().decode()
    finally:
        connection.close()
    return text.partition("<title>")[2].partition("</title>")[0]


def asked(lab: Lab, address: str, times: int = 30) -> Counter[str]:
    """Who answered a client."""
    return lab["client1"].call(lambda: Counter(ask(address) for _ in range(times)))


def iptables_rules(lab: Lab) -> list[str]:
    """All rules and chains of all variants and families, without counters."""
    found = []
    for name in ("iptables-nft", "iptables-legacy", "ip6tables-nft", "ip6tables-legacy"):
        for line in lab.run("director", [f"{name}-save"]).splitlines():
            if line.startswith("-A") or (line.startswith(":") and " - " in line):
                found.append(f"{name} {line.partition('[')[0]}")
    return found


@contextmanager
def running(lab: Lab, tmp_path: Path, text: str, *options: str) -> Iterator[Director]:
    """A director with these rules, whose packets all pass through the queues."""
    file = tmp_path / "rules"
    file.write_text(text)
    with Director(lab, ("--fast", "off", "--rules", str(file), *options)) as director:
        wait.until(lambda: "ready:" in director.log_file.read_text(), "The director was not ready", 60)
        yield director


@pytest.fixture
def nat() -> Iterator[Lab]:
    """The lab of network address translation, web servers running."""
    with Lab(topology("nat")) as lab:
        course.start_servers(lab, "nat", (4, 6))
        yield lab


@pytest.mark.parametrize("method", ["nat", "dr", "tun"])
def test_all_servers_take_their_turn(method: str, tmp_path: Path) -> None:
    with Lab(topology(method)) as lab:
        course.start_servers(lab, method, (4, 6))
        with running(lab, tmp_path, rules(method)):
            for plan in PLANS.values():
                assert asked(lab, plan.virtual) == Counter(dict.fromkeys(SERVERS, 10))


@pytest.mark.parametrize("last", ["ACCEPT", "DROP"])
def test_it_stands_behind_the_hosts_filter(last: str, nat: Lab, tmp_path: Path) -> None:
    """What the filter accepts is balanced, also by a final ACCEPT; what it drops never comes to us."""
    closed = PLANS[4].clients[1]
    lines = [
        "*filter",
        f"-A INPUT -s {closed} -j DROP",
        f"-A INPUT -d {PLANS[4].virtual} -p tcp --dport 80 -j ACCEPT",
        f"-A FORWARD -s {PLANS[4].farm} -p tcp --sport 80 -j ACCEPT",
        *(f"-A {chain} -j {last}" for chain in ("INPUT", "FORWARD")),
        "COMMIT",
    ]
    nat["director"].run(["iptables-restore", "--noflush"], given="\n".join(lines) + "\n")
    with running(nat, tmp_path, rules("nat")) as director:
        assert asked(nat, PLANS[4].virtual) == Counter(dict.fromkeys(SERVERS, 10))
        with pytest.raises(TimeoutError):
            nat["client2"].call(lambda: ask(PLANS[4].virtual, timeout=0.5))
        listed = director.client.proc("ip_vs_conn")
        assert [ip_address(client).packed.hex().upper() in listed for client in PLANS[4].clients[:2]] == [
            True,
            False,
        ]
        assert asked(nat, PLANS[4].virtual, 1).total() == 1
        wait.until(
            lambda: director.client.get_services()[0].totals.conns >= 31, "The estimator did not count"
        )
        assert director.client.get_services()[0].totals.conns == 31


def test_nothing_stays_behind_after_sigterm(nat: Lab, tmp_path: Path) -> None:
    nat["director"].run(["iptables", "-A", "FORWARD", "-p", "tcp", "-j", "ACCEPT"])
    nat["director"].run(["iptables-legacy", "-t", "mangle", "-A", "OUTPUT", "-p", "udp", "-j", "ACCEPT"])
    before = iptables_rules(nat)
    with running(nat, tmp_path, rules("nat")) as director:
        assert [rule for rule in iptables_rules(nat) if "NFQUEUE" in rule]
        socket_file = director.socket
        assert socket_file.exists()
    assert iptables_rules(nat) == before
    assert not socket_file.exists()
    assert nat.run("director", ["cat", "/proc/net/netfilter/nfnetlink_queue"]) == ""


def test_a_start_after_kill_9_replaces_its_own_chains(nat: Lab, tmp_path: Path) -> None:
    virtual = PLANS[4].virtual
    before = iptables_rules(nat)
    with running(nat, tmp_path, rules("nat")) as director:
        while_running = iptables_rules(nat)
        assert director.process is not None
        director.process.send_signal(signal.SIGKILL)
        director.process.wait(10)
        assert iptables_rules(nat) == while_running
        # Nobody answers, and above all not the director's own stack by a reset.
        with pytest.raises(TimeoutError):
            nat["client1"].call(lambda: ask(virtual, timeout=0.5))
    with running(nat, tmp_path, rules("nat")) as director:
        assert "did not end cleanly" in director.log_file.read_text()
        assert iptables_rules(nat) == while_running
        assert asked(nat, virtual) == Counter(dict.fromkeys(SERVERS, 10))
    assert iptables_rules(nat) == before


def test_with_bypass_the_hosts_stack_answers_while_the_director_is_away(nat: Lab, tmp_path: Path) -> None:
    virtual = PLANS[4].virtual
    with running(nat, tmp_path, rules("nat"), "--bypass") as director:
        assert asked(nat, virtual) == Counter(dict.fromkeys(SERVERS, 10))
        assert director.process is not None
        director.process.send_signal(signal.SIGKILL)
        director.process.wait(10)
        with pytest.raises(ConnectionRefusedError):
            nat["client1"].call(lambda: ask(virtual))


def test_a_connection_survives_while_the_director_is_frozen(nat: Lab, tmp_path: Path) -> None:
    """Packets wait in the queue, or are sent again: nothing resets the connection."""
    with running(nat, tmp_path, rules("nat")) as director:
        assert director.process is not None
        process = director.process

        def talk() -> str:
            connection = http.client.HTTPConnection(PLANS[4].virtual, 80, timeout=30)
            connection.request("GET", "/")
            first = connection.getresponse().read()
            process.send_signal(signal.SIGSTOP)
            connection.request("GET", "/")
            time.sleep(0.5)
            process.send_signal(signal.SIGCONT)
            second = connection.getresponse().read()
            connection.close()
            return "same" if first == second else "another"

        assert nat["client1"].call(talk) == "same"


def test_commands_take_effect_at_once(nat: Lab, tmp_path: Path) -> None:
    virtual, servers = PLANS[4].virtual, PLANS[4].servers
    with running(nat, tmp_path, "") as director:
        with pytest.raises(ConnectionRefusedError):
            nat["client1"].call(lambda: ask(virtual))
        director.adm(f"-A -t {virtual}:80 -s rr")
        director.adm(f"-a -t {virtual}:80 -r {servers[0]}:80 -m")
        assert asked(nat, virtual, 6) == Counter(server1=6)
        director.adm(f"-a -t {virtual}:80 -r {servers[1]}:80 -m")
        assert asked(nat, virtual, 6) == Counter(server1=3, server2=3)
        director.adm(f"-d -t {virtual}:80 -r {servers[0]}:80")
        assert asked(nat, virtual, 6) == Counter(server2=6)
        director.adm("-C")
        with pytest.raises(ConnectionRefusedError):
            nat["client1"].call(lambda: ask(virtual))
        log = director.log_file.read_text()
        assert f"service TCP {virtual}:80: server {servers[1]}:80 added, NAT, weight 1" in log


def test_only_what_concerns_services_is_queued(nat: Lab, tmp_path: Path) -> None:
    def queued() -> int:
        text = nat.run("director", ["cat", "/proc/net/netfilter/nfnetlink_queue"])
        return sum(int(line.split()[7]) for line in text.splitlines())

    def dial(address: str, port: int) -> None:
        with pytest.raises(ConnectionRefusedError), socket.create_connection((address, port), 15):
            pass

    def ping(address: str) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
            raw.settimeout(15)
            raw.sendto(bytes.fromhex("0800f7ff00000000"), (address, 0))
            assert raw.recv(100)[20] == 0

    nat.run("router", ["ip", "route", "add", PLANS[4].farm, "via", PLANS[4].director_front])
    # The director has looked whether web servers answer: their last words belong to the service by their port.
    open_states = ["state", "established", "state", "fin-wait-1", "state", "fin-wait-2"]
    wait.until(lambda: nat.run("director", ["ss", "-Htn", *open_states]) == "", "Web servers did not hang up")
    with running(nat, tmp_path, rules("nat")):
        start = queued()
        nat["client1"].call(lambda: dial(PLANS[4].virtual, 81))
        nat["client1"].call(lambda: dial(PLANS[4].director_front, 80))
        nat["server1"].call(lambda: dial(PLANS[4].clients[0], 80))
        nat["client1"].call(lambda: ping(PLANS[4].virtual))
        assert queued() == start
        asked(nat, PLANS[4].virtual, 1)
        assert queued() > start


def test_a_second_director_is_refused(nat: Lab, tmp_path: Path) -> None:
    with running(nat, tmp_path, rules("nat")):
        process = nat["director"].popen(
            [program("pyvs"), "run", "--socket", str(tmp_path / "other")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        _, err = process.communicate(timeout=60)
        assert process.returncode == 2
        assert err.count("\n") == 1
        assert "another director runs in this network namespace: end it first" in err
        assert asked(nat, PLANS[4].virtual, 3) == Counter(dict.fromkeys(SERVERS, 1))


def test_a_queue_in_use_is_named(nat: Lab, tmp_path: Path) -> None:
    queue = nat["director"].call(lambda: Queue(4711))
    process = nat["director"].popen(
        [program("pyvs"), "run", "--socket", str(tmp_path / "door"), "--queue", "4710"],
        stderr=subprocess.PIPE,
    )
    _, err = process.communicate(timeout=60)
    queue.close()
    assert process.returncode == 2
    assert "queue 4711 is taken by another program" in err


def test_a_mistake_in_the_rules_changes_nothing(nat: Lab, tmp_path: Path) -> None:
    file = tmp_path / "rules"
    file.write_text(rules("nat") + "-a -t 192.0.2.1:80 -r 10.0.0.1:99999 -m\n")
    before = iptables_rules(nat)
    process = nat["director"].popen(
        [program("pyvs"), "run", "--socket", str(tmp_path / "door"), "--rules", str(file)],
        stderr=subprocess.PIPE,
    )
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert f"{file}:9: " in err
    assert "expected" in err
    assert iptables_rules(nat) == before


def test_without_privilege_it_says_so(tmp_path: Path) -> None:
    another = ["setpriv", "--reuid", "65534", "--clear-groups"]
    if (
        not os.access("/root", os.X_OK)
        or subprocess.run([*another, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no other user here")
    with Namespace("alone") as alone:  # where nobody else's director can be in the way
        process = alone.popen(
            [*another, program("pyvs"), "run", "--socket", str(tmp_path / "door")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err.count("\n") == 1
    assert "run it as root" in err


def test_the_log_begins_with_what_hinders(nat: Lab, tmp_path: Path) -> None:
    nat["director"].run(["sysctl", "-qw", "net.ipv4.ip_forward=0"])
    nat["director"].run(
        ["iptables", "-A", "FORWARD", "-m", "conntrack", "--ctstate", "INVALID", "-j", "DROP"]
    )
    text = rules("nat") + "-A -t 198.51.100.7:80\n-a -t 198.51.100.7:80 -r 203.0.113.9:80 -g\n"
    with running(nat, tmp_path, text) as director:
        lines = director.log_file.read_text().partition("ready:")[0]
        # Of the firewall it hears later where iptables takes long to answer.
        wait.until(
            lambda: "packets in state INVALID" in director.log_file.read_text(), "The firewall was not asked"
        )
    assert "the virtual address 198.51.100.7 is not an address of this host" in lines
    assert "net.ipv4.ip_forward is 0" in lines
    assert "the server 203.0.113.9 is behind the gateway" in lines
