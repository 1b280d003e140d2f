"""Whole ways beside each other: plain routing, nftables' dnat and the fast path, on the same wires, in turns.

`measure()` gives `fast.lab_*_ratio`: one client, three servers and a director for each way in network namespaces, wires
of veth pairs with all offloads on. All ways stand all the time and are asked for a second each, one after the other, so
that an hour of the machine in which everything is slow meets all of them; a figure is the median of the rounds'
ratios. Needs root, wrk, iperf3, nft and nginx. All share the processors: whole ways are compared.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from figures import Row, figure, show

from pyvs.lab.director import program
from pyvs.lab.wait import until

TRAFFIC: Final = str(Path(__file__).with_name("traffic.py"))
TOOLS: Final = ("wrk", "iperf3", "nft", "nginx", "ip", "sysctl", "tc", "clang")
SERVERS: Final = 3
MACHINE: Final = sysconfig.get_config_var("MULTIARCH")
ROUNDS: Final = 11
SECONDS: Final = 1
WEB: Final = """daemon off; pid {folder}/nginx{number}.pid; error_log /dev/null; worker_processes 1;
events {{ worker_connections 8192; }}
http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/body;
  server {{ listen 80 backlog=4096; location / {{ return 200 "{number}\\n"; }} }} }}
"""
SYSCTLS: Final = (
    "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0",
    "net.ipv4.ip_local_port_range=1024 65535", "net.ipv4.tcp_tw_reuse=1", "net.core.somaxconn=4096",
)  # fmt: skip


class Network:
    """The namespaces, with servers that run, until it is closed. Each way has a director and wires of its own."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.stack = stack
        self.folder = folder
        self.name = f"pyvs-bench{os.getpid()}"
        servers = [f"server{number}" for number in range(1, SERVERS + 1)]
        for host in ("client", *servers):
            self.make(host)
        for number, host in enumerate(servers, 1):
            (folder / f"nginx{number}.conf").write_text(WEB.format(folder=folder, number=number))
            self.start(host, "nginx", "-c", str(folder / f"nginx{number}.conf"))
            self.start(host, "iperf3", "-s")
            # Never reads: the kernel counts what arrives.
            self.start(host, sys.executable, "-c", "import socket, time\n"
                       "s = socket.socket(2, 2); s.bind(('', 9000)); time.sleep(86400)")  # fmt: skip
        self.ways = {name: Way(self, number, serve) for number, (name, serve) in enumerate(WAYS.items())}
        for name, way in self.ways.items():
            until(lambda way=way: self.answers(way.address), f"{name} does not serve", 30)  # type: ignore[misc]

    def answers(self, address: str) -> bool:
        """Whether the client gets a page there."""
        try:
            return _wrk(self, address, seconds=1) > 0
        except RuntimeError:
            return False

    def make(self, host: str) -> None:
        """A namespace."""
        subprocess.run(["ip", "netns", "add", f"{self.name}-{host}"], check=True)
        self.stack.callback(subprocess.run, ["ip", "netns", "delete", f"{self.name}-{host}"], check=False)
        self.run(host, "ip", "link", "set", "lo", "up")
        self.run(host, "sysctl", "-qw", *SYSCTLS)

    def wire(self, host: str, director: str, network: str) -> None:
        """A veth pair: the host has the second address, the director the first."""
        near, far = f"{self.name}-{host}", f"{self.name}-{director}"
        subprocess.run(
            [
                "ip",
                "link",
                "add",
                director,
                "netns",
                near,
                "type",
                "veth",
                "peer",
                "name",
                host,
                "netns",
                far,
            ],
            check=True,
        )
        for side, device, last in ((host, director, 2), (director, host, 1)):
            self.run(side, "ip", "address", "add", f"{network}.{last}/24", "dev", device)
            self.run(side, "ip", "link", "set", device, "up")

    def run(self, host: str, *words: str) -> str:
        """What a command says."""
        command = ["ip", "netns", "exec", f"{self.name}-{host}", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}: {done.stderr or done.stdout}")
        return done.stdout

    def start(self, host: str, *words: str) -> subprocess.Popen[bytes]:
        """A program that runs until the end, or until it is ended."""
        command = ["ip", "netns", "exec", f"{self.name}-{host}", *words]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.stack.callback(_end, process)
        return process

    def datagrams(self) -> int:
        """How many have reached the servers."""
        count = 0
        for number in range(1, SERVERS + 1):
            names, values = (
                line.split()
                for line in self.run(f"server{number}", "cat", "/proc/net/snmp").splitlines()
                if line.startswith("Udp:")
            )
            row = dict(zip(names, values, strict=True))
            count += int(row["InDatagrams"]) + int(row["RcvbufErrors"])
        return count


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


# ---- ways: each serves an address of its own ----------------------------------------


class Way:
    """A director between the client and all servers."""

    def __init__(self, network: Network, number: int, serve: Callable[[Way], str]) -> None:
        self.network = network
        self.director = f"way{number}"
        self.servers = [f"10.{210 + number}.{server}.2" for server in range(1, SERVERS + 1)]
        self.virtual = f"192.0.2.{80 + number}"
        network.make(self.director)
        network.wire("client", self.director, f"10.200.{number}")
        self.run("ip", "address", "add", f"{self.virtual}/32", "dev", "lo")
        for to in (f"{self.virtual}/32", f"10.{210 + number}.0.0/16"):
            network.run("client", "ip", "route", "add", to, "via", f"10.200.{number}.1")
        for server in range(1, SERVERS + 1):
            network.wire(f"server{server}", self.director, f"10.{210 + number}.{server}")
            back = f"10.{210 + number}.{server}.1"
            network.run(f"server{server}", "ip", "route", "add", f"10.200.{number}.0/24", "via", back)
        self.address = serve(self)

    def run(self, *words: str) -> str:
        """What a command says at the director."""
        return self.network.run(self.director, *words)


def plain(way: Way) -> str:
    """Nobody but the kernel's routing."""
    return way.servers[0]


def nftables(way: Way) -> str:
    """dnat in turns, with connection tracking."""
    turns = ", ".join(f"{turn} : {address}" for turn, address in enumerate(way.servers))
    rules = way.network.folder / "nft"
    rules.write_text(
        f"table ip bench {{ chain pre {{ type nat hook prerouting priority dstnat;\n"
        f"ip daddr {way.virtual} tcp dport 80 dnat to numgen inc mod {SERVERS} map {{ {turns} }}\n"
        f"ip daddr {way.virtual} tcp dport 5201 dnat to {way.servers[0]}\n"
        f"ip daddr {way.virtual} udp dport 9000 dnat to numgen inc mod {SERVERS} map {{ {turns} }}\n}}\n}}\n"
    )
    way.run("nft", "-f", str(rules))
    return way.virtual


def pyvs(way: Way, across: str = "auto") -> str:
    """The fast path by tc, new connections too: straight to the far ends of the wires, as nobody looks at them."""
    folder, lines = way.network.folder, []
    for option, port, servers in (("-t", 80, SERVERS), ("-u", 9000, SERVERS), ("-t", 5201, 1)):
        lines.append(f"-A {option} {way.virtual}:{port} -s rr")
        lines += [
            f"-a {option} {way.virtual}:{port} -r {server}:{port} -m" for server in way.servers[:servers]
        ]
    rules, control = folder / f"{way.director}.rules", folder / f"{way.director}.socket"
    rules.write_text("\n".join(lines) + "\n")
    way.network.start(
        way.director, program("pyvs"), "run", "--no-state", "--fast", "tc", "--fast-new", "on", "--fast-across", across,
        "--rules", str(rules), "--socket", str(control),
    )  # fmt: skip
    until(control.exists, "the director was not ready", 30)
    return way.virtual


def redirect(way: Way) -> str:
    """The same, through the wires' queues."""
    return pyvs(way, "off")


def ceiling(way: Way) -> str:
    """A program that does next to nothing."""
    targets = []
    hosts = ["client", *(f"server{server}" for server in range(1, SERVERS + 1))]
    for host in hosts:
        far = way.network.run(host, "cat", f"/sys/class/net/{way.director}/address").strip()
        near, index = (
            way.run("cat", f"/sys/class/net/{host}/{name}").strip() for name in ("address", "ifindex")
        )
        octets = ", ".join(f"0x{octet}" for octet in f"{far}:{near}".split(":"))
        targets.append(f"{{{index}, {{{octets}}}}}")
        if host != "client":
            way.network.run(host, "sysctl", "-qw", "net.ipv4.conf.all.arp_announce=2")
            way.network.run(host, "ip", "address", "add", f"{way.virtual}/32", "dev", "lo")
    made = str(way.network.folder / "ceiling.o")
    source = str(Path(__file__).with_name("ceiling.bpf.c"))
    command = [
        "clang",
        "-O2",
        "-g",
        "-target",
        "bpf",
        f"-idirafter/usr/include/{MACHINE}",
        f"-DTARGETS={', '.join(targets)}",
    ]
    subprocess.run([*command, "-c", source, "-o", made], check=True)
    for host in hosts:
        way.run("tc", "qdisc", "add", "dev", host, "clsact")
        way.run(*f"tc filter add dev {host} ingress bpf da obj {made} sec tc".split())
    return way.virtual


WAYS: Final = {
    "plain": plain, "nftables": nftables, "pyvs": pyvs, "redirect": redirect, "ceiling": ceiling,
}  # fmt: skip
"""All; `plain` and `nftables` are what the others are compared with, `ceiling` is what can't be surpassed."""


# ---- what is measured --------------------------------------------------------------


def _wrk(network: Network, address: str, *more: str, seconds: int = 0) -> float:
    words = ("wrk", "-t2", "-c64", f"-d{seconds or SECONDS}s", *more, f"http://{address}/")
    found = re.search(r"Requests/sec:\s+([\d.]+)", network.run("client", *words))
    if found is None:
        raise RuntimeError("wrk does not tell how many requests it made")
    return float(found[1])


def requests(network: Network, address: str) -> float:
    """HTTP requests a second on 64 kept connections."""
    return _wrk(network, address)


def connections(network: Network, address: str) -> float:
    """HTTP requests a second, each with a connection of its own."""
    return _wrk(network, address, "-H", "Connection: close")


def throughput(network: Network, address: str) -> float:
    """Bits a second of one TCP stream."""
    answer: dict[str, Any] = {}
    for _ in range(5):
        try:
            answer = json.loads(network.run("client", "iperf3", "-c", address, "-t", str(SECONDS), "-J"))
            return float(answer["end"]["sum_received"]["bits_per_second"])
        except (RuntimeError, KeyError):  # its server is still busy with the last one
            time.sleep(0.5)
    raise RuntimeError(f"iperf3 measured nothing: {answer.get('error')}")


def udp(network: Network, address: str) -> float:
    """Small datagrams a second that arrive, of two senders with 128 sockets each."""
    words = (sys.executable, TRAFFIC, "flood", address, "9000", "10000000", str(SECONDS + 1), "128")
    senders = [network.start("client", *words) for _ in range(2)]
    time.sleep(1)  # each flow has sent its first one
    begin, before = time.perf_counter(), network.datagrams()
    time.sleep(SECONDS)
    arrived = (network.datagrams() - before) / (time.perf_counter() - begin)
    for sender in senders:
        _end(sender)
    return arrived


MEASURES: Final[dict[str, tuple[Callable[[Network, str], float], str]]] = {
    "throughput": (throughput, "1.10 at least"),
    "requests": (requests, "1.15 at least"),
    "connections": (connections, "1.27 at least"),
    "udp": (udp, "1.25 at least"),
}
"""Name -> how it is measured, and what is wanted of it in nftables' rates."""


def measure(rounds: int = ROUNDS) -> dict[str, Row]:
    """All figures of the lab. Raises RuntimeError when a tool is missing or fails."""
    missing = [tool for tool in TOOLS if shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin") is None]
    if missing:
        raise RuntimeError(f"the lab needs {', '.join(missing)}")
    found: dict[str, dict[str, list[float]]] = {name: {who: [] for who in WAYS} for name in MEASURES}
    with tempfile.TemporaryDirectory(prefix="pyvs-bench-") as folder, ExitStack() as stack:
        network = Network(stack, Path(folder))
        order = deque(WAYS)
        for _ in range(rounds):
            for name, (work, _) in MEASURES.items():
                for who in order:
                    found[name][who].append(work(network, network.ways[who].address))
                order.rotate()
    rows: dict[str, Row] = {}
    for name, (_, wanted) in MEASURES.items():
        of = found[name]
        for who, other, suffix, against in (
            ("pyvs", "nftables", "", f"{wanted}; 1 is nftables in the same round"),
            (
                "pyvs",
                "plain",
                "_plain",
                ("0.95 at least; " if name == "throughput" else "") + "1 is plain routing",
            ),
            ("redirect", "nftables", "_redirect", "without --fast-across"),
            ("ceiling", "nftables", "_ceiling", "a program that only redirects"),
        ):
            ratio = statistics.median(a / b for a, b in zip(of[who], of[other], strict=True))
            rows[f"fast.lab_{name}{suffix}_ratio"] = figure(ratio, "", rounds, against)
    return rows


if __name__ == "__main__":
    show(measure(2 if "quick" in sys.argv else ROUNDS).items())
