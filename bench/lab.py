"""Whole ways beside each other: plain routing, nftables' dnat and the fast path, on the same wires, in turns.

`measure()` gives `fast.lab_*_ratio`: one client, a director and three servers in network namespaces, wires of veth
pairs with all offloads on. Every round has each director once, so that what else the machine does meets all of them;
a figure is the median of the rounds' ratios. Needs root, wrk, iperf3, nft and nginx. All share the processors: whole
ways are compared.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from figures import figure

from pyvs.lab.director import program
from pyvs.lab.wait import until

TRAFFIC: Final = str(Path(__file__).with_name("traffic.py"))
TOOLS: Final = ("wrk", "iperf3", "nft", "nginx", "ip", "sysctl")
VIRTUAL: Final = "192.0.2.80"
SERVERS: Final = 3
ROUNDS: Final = 7
SECONDS: Final = 2
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
    """The namespaces, with servers that run, until it is closed."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.stack = stack
        self.folder = folder
        self.name = f"pyvs-bench{os.getpid()}"
        self.servers = [f"10.201.{number}.2" for number in range(1, SERVERS + 1)]
        self._make("client")
        self._make("director")
        self._wire("client", "10.200.0.2", "10.200.0.1")
        self.run("client", "ip", "route", "add", "default", "via", "10.200.0.1")
        for number, address in enumerate(self.servers, 1):
            host = f"server{number}"
            self._make(host)
            self._wire(host, address, f"10.201.{number}.1")
            self.run(host, "ip", "route", "add", "default", "via", f"10.201.{number}.1")
            (folder / f"nginx{number}.conf").write_text(WEB.format(folder=folder, number=number))
            self.start(host, "nginx", "-c", str(folder / f"nginx{number}.conf"))
            self.start(host, "iperf3", "-s")
            # Never reads: the kernel counts what arrives.
            self.start(host, sys.executable, "-c", "import socket, time\n"
                       "s = socket.socket(2, 2); s.bind(('', 9000)); time.sleep(86400)")  # fmt: skip
        self.run("director", "ip", "address", "add", f"{VIRTUAL}/32", "dev", "lo")

    def _make(self, host: str) -> None:
        subprocess.run(["ip", "netns", "add", f"{self.name}-{host}"], check=True)
        self.stack.callback(subprocess.run, ["ip", "netns", "delete", f"{self.name}-{host}"], check=False)
        self.run(host, "ip", "link", "set", "lo", "up")
        self.run(host, "sysctl", "-qw", *SYSCTLS)

    def _wire(self, host: str, own: str, other: str) -> None:
        near, far = f"{self.name}-{host}", f"{self.name}-director"
        subprocess.run(
            ["ip", "link", "add", "eth0", "netns", near, "type", "veth", "peer", "name", host, "netns", far],
            check=True,
        )
        for side, device, address in ((host, "eth0", own), ("director", host, other)):
            self.run(side, "ip", "address", "add", f"{address}/24", "dev", device)
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


# ---- directors: each gives the address to ask, while it serves --------------------


@contextmanager
def plain(network: Network) -> Iterator[str]:
    """Nobody but the kernel's routing."""
    yield network.servers[0]


@contextmanager
def nftables(network: Network) -> Iterator[str]:
    """dnat in turns, with connection tracking."""
    turns = ", ".join(f"{turn} : {address}" for turn, address in enumerate(network.servers))
    rules = network.folder / "nft"
    rules.write_text(
        f"table ip bench {{ chain pre {{ type nat hook prerouting priority dstnat;\n"
        f"ip daddr {VIRTUAL} tcp dport 80 dnat to numgen inc mod {SERVERS} map {{ {turns} }}\n"
        f"ip daddr {VIRTUAL} tcp dport 5201 dnat to {network.servers[0]}\n"
        f"ip daddr {VIRTUAL} udp dport 9000 dnat to numgen inc mod {SERVERS} map {{ {turns} }}\n}}\n}}\n"
    )
    network.run("director", "nft", "-f", str(rules))
    try:
        yield VIRTUAL
    finally:
        network.run("director", "nft", "delete", "table", "ip", "bench")


@contextmanager
def pyvs(network: Network, across: str = "off") -> Iterator[str]:
    """The fast path by tc, new connections too."""
    rules = network.folder / "rules"
    lines = []
    for option, port, servers in (("-t", 80, SERVERS), ("-u", 9000, SERVERS), ("-t", 5201, 1)):
        lines.append(f"-A {option} {VIRTUAL}:{port} -s rr")
        lines += [
            f"-a {option} {VIRTUAL}:{port} -r {server}:{port} -m" for server in network.servers[:servers]
        ]
    rules.write_text("\n".join(lines) + "\n")
    control = network.folder / "socket"
    process = network.start(
        "director", program("pyvs"), "run", "--no-state", "--fast", "tc", "--fast-new", "on", "--fast-across", across,
        "--rules", str(rules), "--socket", str(control),
    )  # fmt: skip
    try:
        until(control.exists, "the director was not ready", 30)
        yield VIRTUAL
    finally:
        _end(process)


@contextmanager
def pyvs_across(network: Network) -> Iterator[str]:
    """The same, packets going straight to the far ends of the wires."""
    with pyvs(network, "on") as address:
        yield address


DIRECTORS: Final = {"plain": plain, "nftables": nftables, "pyvs": pyvs, "across": pyvs_across}
"""All directors; `plain` and `nftables` are what the others are compared with."""


# ---- what is measured --------------------------------------------------------------


def _wrk(network: Network, address: str, *more: str) -> float:
    words = ("wrk", "-t2", "-c64", f"-d{SECONDS}s", *more, f"http://{address}/")
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


def measure(rounds: int = ROUNDS) -> dict[str, dict[str, object]]:
    """All figures of the lab. Raises RuntimeError when a tool is missing or fails."""
    missing = [tool for tool in TOOLS if shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin") is None]
    if missing:
        raise RuntimeError(f"the lab needs {', '.join(missing)}")
    found: dict[str, dict[str, list[float]]] = {name: {who: [] for who in DIRECTORS} for name in MEASURES}
    with tempfile.TemporaryDirectory(prefix="pyvs-bench-") as folder, ExitStack() as stack:
        network = Network(stack, Path(folder))
        for turn in range(rounds):
            for who in [*DIRECTORS][turn % len(DIRECTORS) :] + [*DIRECTORS][: turn % len(DIRECTORS)]:
                with DIRECTORS[who](network) as address:
                    for name, (work, _) in MEASURES.items():
                        found[name][who].append(work(network, address))
    rows: dict[str, dict[str, object]] = {}
    for name, (_, wanted) in MEASURES.items():
        of = found[name]
        for who, infix in (("pyvs", ""), ("across", "_across")):
            for other, suffix, against in (
                ("nftables", "", f"{wanted}; 1 is nftables in the same round"),
                (
                    "plain",
                    "_plain",
                    ("0.95 at least; " if name == "throughput" else "") + "1 is plain routing",
                ),
            ):
                ratio = statistics.median(a / b for a, b in zip(of[who], of[other], strict=True))
                rows[f"fast.lab_{name}{infix}{suffix}_ratio"] = figure(ratio, "", rounds, against)
    return rows


if __name__ == "__main__":
    for name, row in measure(2 if "quick" in sys.argv else ROUNDS).items():
        print(f"{name:36} {row['value']:>8} {row['against']}")
