"""What the fast path costs a packet: `BPF_PROG_TEST_RUN`, the packet restored before each repeat. Root, no traffic.

`measure()` gives the figures whose names begin with `fast.`; medians of several runs. All of them hold what restoring
and calling costs, which `fast.harness_ns` is.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path

from figures import Row, figure, show

from pyvs.core.flags import Proto
from pyvs.datapath.system import CLONE_NEWNET, unshare
from pyvs.fastpath.fast import FastPath, Mode
from pyvs.fastpath.selection import Selection
from pyvs.fastpath.server import Server
from pyvs.fastpath.tables import Selector
from pyvs.testing.repeat import Repeat
from pyvs.testing.wire import tcp

VIP, SERVER, CLIENT = "192.0.2.100", "10.9.0.11", "10.0.0.0"
ROUND = Selection(Selector.CURSOR, [1], [(0,)])
RUNS, REPEATS = 9, 1 << 20
SETUP = """
ip link set lo up
ip link add pyvs0 type veth peer name pyvs1
ip link set pyvs0 up
ip link set pyvs1 up
ip address add 10.9.0.1/24 dev pyvs0
ip neighbour add 10.9.0.11 lladdr 02:00:00:00:00:11 dev pyvs0
ip route add 10.0.0.0/16 via 10.9.0.2
ip neighbour add 10.9.0.2 lladdr 02:00:00:00:00:02 dev pyvs0
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.forwarding=1
"""


def packed(address: str) -> bytes:
    return ip_address(address).packed


def client(flow: int) -> tuple[bytes, int]:
    """Address and port of a flow, as `pyvs_repeat.bpf.c` makes them."""
    return (0x0A000000 + (flow & 0xFFFF)).to_bytes(4, "big"), 1024 + (flow >> 16)


class Bench:
    """A program under test, and the one that restores the packet and calls it."""

    def __init__(self, mode: Mode, connections: int) -> None:
        self.fast = FastPath.open(mode, connections=connections)
        self.repeat = Repeat(mode, self.fast.program)
        self.ifindex = socket.if_nametoindex("pyvs0")
        link = json.loads(subprocess.check_output(["ip", "-j", "link", "show", "pyvs0"]))[0]
        self.mac = bytes.fromhex(link["address"].replace(":", ""))
        self.fast.set_device(self.ifindex, self.mac)
        self.fast.set_destination(1, Server(addr=packed(SERVER), port=80))

    def fill(self, flows: int) -> None:
        """Established connections of so many clients (a power of two), by a SYN and an ACK of each."""
        self.fast.services.set(Proto.TCP, packed(VIP), 80, ROUND)
        for flags in (0x02, 0x10):
            self.nanoseconds(flows - 1, flags, max(flows, 2))

    def nanoseconds(self, mask: int, flags: int = 0x10, repeats: int = REPEATS) -> int:
        """Of a packet, in one run over as many flows as the mask has bits set, and one."""
        frame = self.mac + b"\2\0\0\0\0\2\x08\0" + tcp(CLIENT, VIP, 1024, 80, flags, data=b"x" * 10)
        outcome = self.repeat.run(frame, self.ifindex, times=repeats, mask=mask)
        if outcome.verdict not in (3, 4, 7):
            misses = {miss.name: count for miss, count in self.fast.misses().items() if count}
            raise RuntimeError(f"the packet was not served: verdict {outcome.verdict}, {misses}")
        return outcome.nanoseconds

    def median(self, mask: int) -> float:
        self.nanoseconds(mask, repeats=1 << 16)
        return statistics.median(self.nanoseconds(mask) for _ in range(RUNS))

    def close(self) -> None:
        self.repeat.close()
        self.fast.close()


def _established() -> Iterator[tuple[str, Row]]:
    for mode, prefix in (("xdp", "fast.nat"), ("tc", "fast.tc")):
        bench = Bench(mode, 1 << 22)  # type: ignore[arg-type]
        bench.fill(1)
        limit = "100 at most" if mode == "xdp" else "150 at most"
        yield f"{prefix}_hot_ns", figure(bench.median(0), "ns", RUNS, limit)
        if mode == "xdp":
            bench.fill(1 << 12)
            yield "fast.nat_4k_ns", figure(bench.median(4095), "ns", RUNS, "170 at most")
            if "quick" not in sys.argv:
                bench.fill(1 << 20)
                yield "fast.nat_1m_ns", figure(bench.median((1 << 20) - 1), "ns", RUNS, "450 at most")
                yield from _sweep(bench)
        bench.close()


def _new() -> Iterator[tuple[str, Row]]:
    """Each packet a SYN of another client, in a table that is large enough."""
    values = []
    for _ in range(3):
        bench = Bench("xdp", 1 << 22)
        bench.fast.services.set(Proto.TCP, packed(VIP), 80, ROUND)
        values.append(bench.nanoseconds((1 << 20) - 1, flags=0x02, repeats=1 << 20))
        bench.close()
    yield "fast.new_ns", figure(statistics.median(values), "ns", len(values), "700 at most")


def _memory() -> Iterator[tuple[str, Row]]:
    """What the kernel says that a table for four million connections with NAT takes."""
    if "quick" in sys.argv:
        return
    fast = FastPath.open("xdp", connections=1 << 23)
    info = Path(f"/proc/self/fdinfo/{fast.conns4.descriptor}").read_text(encoding="ascii")
    taken = next(int(line.split()[1]) for line in info.splitlines() if line.startswith("memlock:"))
    fast.close()
    yield "fast.bytes_per_connection", figure(taken / (1 << 22), "B", 1, "300 at most")


def _sweep(bench: Bench) -> Iterator[tuple[str, Row]]:
    """Over a million connections, two million entries: processor time, since the machine is shared."""
    worst = total = 0.0
    stretches = bench.fast.sweep()
    while True:
        begin = time.thread_time()
        if next(stretches, None) is None:
            break
        spent = time.thread_time() - begin
        worst, total = max(worst, spent), total + spent
    yield "fast.sweep_stretch_ms", figure(worst * 1e3, "ms", 1, "20 at most")
    yield "fast.sweep_million_ms", figure(total * 500, "ms", 1, "88 in one piece")


PARTS: tuple[Callable[[], Iterator[tuple[str, Row]]], ...] = (_established, _new, _memory)


def _in_a_namespace(work: Callable[[], None]) -> None:
    """Run it in a network namespace of its own, on one processor; the thread, and so both, end with it."""
    failure: list[BaseException] = []

    def run() -> None:
        try:
            unshare(CLONE_NEWNET)
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
            subprocess.run(["sh", "-ec", SETUP], check=True)
            work()
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]


def measure() -> dict[str, Row]:
    """All figures of the fast path. Raises what keeps it from being measured: FastPathUnavailable, OSError."""
    figures: dict[str, Row] = {}

    def work() -> None:
        for part in PARTS:
            figures.update(part())

    _in_a_namespace(work)
    return figures


if __name__ == "__main__":
    show(measure().items())
