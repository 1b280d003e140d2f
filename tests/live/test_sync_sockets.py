"""Two directors that synchronise: connections appear on the backup, and go on there when the master has gone."""

import http.client
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from pyvs.core.control.specs import DaemonSpec
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import SyncState
from pyvs.lab import wait
from pyvs.lab.director import Director
from pyvs.lab.lab import Lab
from pyvs.lab.topology import Host, Interface, Topology
from pyvs.netlink.unix import UnixTransport

pytestmark = [pytest.mark.live, pytest.mark.root]

VIRTUAL = "10.9.0.100"
QUIET = (("net/ipv4/conf/all/rp_filter", "0"), ("net/ipv4/conf/default/rp_filter", "0"))
SILENT = (("net/ipv4/conf/all/arp_ignore", "1"), ("net/ipv4/conf/all/arp_announce", "2"))
NETWORK = Topology(
    "two directors",
    (
        Host("client1", (Interface("lan", ("10.9.0.1/24", "fd09::1/64")),), sysctls=QUIET),
        Host("first", (Interface("lan", ("10.9.0.2/24", "fd09::2/64")),), sysctls=QUIET),
        Host("second", (Interface("lan", ("10.9.0.3/24", "fd09::3/64")),), sysctls=QUIET),
        Host("server1", (Interface("lan", ("10.9.0.11/24",)),), (f"{VIRTUAL}/32",), sysctls=QUIET + SILENT),
        Host("server2", (Interface("lan", ("10.9.0.12/24",)),), (f"{VIRTUAL}/32",), sysctls=QUIET + SILENT),
    ),
)
RULES = (
    f"-A -t {VIRTUAL}:80 -s rr",
    f"-a -t {VIRTUAL}:80 -r 10.9.0.11:80 -g",
    f"-a -t {VIRTUAL}:80 -r 10.9.0.12:80 -g",
)


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(NETWORK) as lab:
        for name, address in (("server1", "10.9.0.11"), ("server2", "10.9.0.12")):
            lab.start(name, [sys.executable, "-m", "pyvs.lab.webserver", name, "80", "4"])
            wait.until(
                lambda address=address: wait.answers(lab["client1"], address, 80),  # type: ignore[misc]
                f"{name} did not answer",
            )
        yield lab


def synced(director: Director) -> list[list[str]]:
    """Connections that came from the other director."""
    with closing(UnixTransport(director.socket)) as transport:
        lines = transport.proc("ip_vs_conn_sync")
    return [line.split() for line in lines.splitlines() if "SYNC" in line.split()]


@pytest.mark.parametrize(
    ("options", "ports"),
    [("", 1), ("--mcast-group ff02::81 --mcast-port 9001 --mcast-ttl 2 --sync-maxlen 1400", 4)],
    ids=["usual", "IPv6 with settings"],
)
def test_a_connection_outlives_its_director(lab: Lab, options: str, ports: int) -> None:
    with Director(lab, host="first") as first, Director(lab, host="second") as second:
        for director in (first, second):
            for rule in RULES:
                director.adm(rule)
            director.client.sysctl_write("sync_ports", str(ports))
            director.client.sysctl_write("sync_sock_size", "300000")
        first.adm(f"--start-daemon master --mcast-interface eth0 --syncid 7 {options}")
        second.adm(f"--start-daemon backup --mcast-interface eth0 --syncid 7 {options}")
        lab.run("first", ["ip", "address", "add", f"{VIRTUAL}/32", "dev", "eth0"])
        connection = lab["client1"].call(lambda: opened(VIRTUAL))
        before = asked(connection)
        for _ in range(4):
            assert asked(connection) == before
        wait.until(lambda: len(synced(second)) >= 1, "the connection did not reach the backup")
        assert synced(second)[0][7] == "ESTABLISHED"
        first.stop()
        lab.run("first", ["ip", "address", "del", f"{VIRTUAL}/32", "dev", "eth0"])
        lab.run("second", ["ip", "address", "add", f"{VIRTUAL}/32", "dev", "eth0"])
        lab.run("client1", ["ip", "neighbour", "flush", "all"])
        for _ in range(3):
            assert asked(connection) == before
        (row,) = synced(second)
        assert row[7] == "ESTABLISHED"
        connection.close()


def test_both_roles_run_at_once_with_settings_of_their_own(lab: Lab) -> None:
    with Director(lab, host="first") as first, Director(lab, host="second") as second:
        for one, other, mine, theirs in ((first, second, 1, 2), (second, first, 2, 1)):
            assert other is not one
            one.adm(f"--start-daemon master --mcast-interface eth0 --syncid {mine} --mcast-port 900{mine}")
            one.adm(
                f"--start-daemon backup --mcast-interface eth0 --syncid {theirs} --mcast-port 900{theirs}"
            )
            for rule in RULES:
                one.adm(rule)
        lab.run("first", ["ip", "address", "add", f"{VIRTUAL}/32", "dev", "eth0"])
        connection = lab["client1"].call(lambda: opened(VIRTUAL))
        for _ in range(4):
            asked(connection)
        wait.until(lambda: len(synced(second)) == 1, "the connection did not reach the other director")
        assert synced(first) == []
        sockets = lab.run("first", ["ss", "-Huan"])
        assert ":9001" in sockets
        assert "224.0.0.81%eth0:9002" in sockets
        first.adm("--stop-daemon backup")
        first.adm("--stop-daemon master")
        assert lab.run("first", ["ss", "-Huan"]) == ""
        connection.close()


def test_what_the_system_refuses_is_refused_by_the_verb(lab: Lab) -> None:
    with Director(lab, host="first") as first:
        taken = "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 8848))"
        blocker = lab.start("first", [sys.executable, "-c", taken + "; import time; time.sleep(600)"])
        wait.until(lambda: ":8848" in lab.run("first", ["ss", "-Huan"]), "the port was not taken")
        with pytest.raises(ControlError) as refusal:
            first.client.new_daemon(DaemonSpec(SyncState.BACKUP, "eth0"))
        assert refusal.value.errno == Errno.EADDRINUSE
        assert first.client.get_daemons() == []
        lab.stop(blocker)
        first.client.new_daemon(DaemonSpec(SyncState.BACKUP, "eth0"))
        assert [spec.state for spec in first.client.get_daemons()] == [SyncState.BACKUP]


def opened(address: str) -> http.client.HTTPConnection:
    """A connection that stays open."""
    connection = http.client.HTTPConnection(address, 80, timeout=30)
    connection.connect()
    return connection


def asked(connection: http.client.HTTPConnection) -> str:
    """The name of the server that answers."""
    connection.request("GET", "/")
    return connection.getresponse().read().decode().partition("<title>")[2].partition("</title>")[0]
