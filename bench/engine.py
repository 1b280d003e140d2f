"""What the engine costs a packet, without any input or output: plain CPython, one core.

`measure()` gives the figures whose names begin with `engine.`; medians of several rounds.
"""

from __future__ import annotations

import gc
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address

from figures import Row, figure, show

from pyvs.core.command import Transmit
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.environment import Route
from pyvs.core.flags import Family, Forward, Hook, Proto
from pyvs.core.packet.checksum import checksum, pseudo_sum
from pyvs.core.packet.header import IPV4
from pyvs.core.packet.packet import Packet
from pyvs.core.schedulers.scheduler import Request

VIP = ip_address("192.0.2.100").packed
SYN, ACK = 0x02, 0x10


class Outside:
    """An environment in which everything but the virtual address is one hop away."""

    generation = 1

    def __init__(self, *local: bytes) -> None:
        self._local = set(local)
        self._route = Route(False, "eth1", ip_address("10.1.0.1").packed)
        self._here = Route(True, "lo", VIP)

    def route(
        self, destination: bytes, *, source: bytes | None = None, mark: int = 0, protocol: int = 0
    ) -> Route | None:
        """Local or by the one device."""
        return self._here if destination in self._local else self._route

    def is_local(self, address: bytes) -> bool:
        """The virtual address is."""
        return address in self._local

    def update_pmtu(self, destination: bytes, mtu: int) -> None:
        """Nothing learns here."""

    def random(self, below: int) -> int:
        """No chance."""
        return 0

    def available_pages(self) -> int:
        """Plenty."""
        return 1 << 20

    def device_mtu(self, device: str) -> int | None:
        """As on Ethernet."""
        return 1500


def tcp(src: bytes, dst: bytes, sport: int, dport: int, flags: int, data: bytes = b"") -> bytes:
    """An IPv4 TCP packet with right checksums."""
    head = sport.to_bytes(2, "big") + dport.to_bytes(2, "big") + bytes(8) + bytes((0x50, flags, 0xFA, 0xF0))
    body = head + b"\0\0\0\0" + data
    check = checksum(body, pseudo_sum(src, dst, Proto.TCP, len(body)))
    body = head + check.to_bytes(2, "big") + b"\0\0" + data
    ip = IPV4.pack(0x45, 0, 20 + len(body), 0x1234, 0x4000, 63, Proto.TCP, 0, src, dst)
    return ip[:10] + checksum(ip).to_bytes(2, "big") + ip[12:] + body


def director(services: int = 1, servers: int = 10, scheduler: str = "rr") -> Engine:
    """An engine with services on port 80 of as many virtual addresses, the first of them VIP."""
    addresses = [(int.from_bytes(VIP, "big") + n).to_bytes(4, "big") for n in range(services)]
    engine = Engine(Outside(*addresses))
    for address in addresses:
        key = ServiceKey(Family.INET, Proto.TCP, address, 80)
        engine.control.new_service(ServiceSpec(key, scheduler), 0.0)
        for n in range(servers):
            server = (0x0A010000 + n + 1).to_bytes(4, "big")
            engine.control.new_dest(key, DestSpec(DestKey(server, 80), Forward.MASQ), 0.0)
    return engine


def client(n: int) -> tuple[bytes, int]:
    """Address and port of client number n."""
    return (0xC6330000 + n // 28000).to_bytes(4, "big"), 32768 + n % 28000


def open_flows(engine: Engine, first: int, count: int, established: bool = True) -> float:
    """Open connections; seconds a new one."""
    syns = [
        Packet(tcp(address, VIP, port, 80, SYN), iif="eth0")
        for address, port in map(client, range(first, first + count))
    ]
    begin = time.thread_time()
    for packet in syns:
        engine.receive(packet, Hook.LOCAL_IN, 1.0)
        engine.drain()
    spent = (time.thread_time() - begin) / count
    if established:
        for address, port in map(client, range(first, first + count)):
            packet = Packet(tcp(address, VIP, port, 80, ACK), iif="eth0")
            engine.receive(packet, Hook.LOCAL_IN, 1.0)
            engine.drain()
    return spent


def established(engine: Engine, flows: int, packets: int = 20000) -> float:
    """Seconds for a packet of an established NAT connection, half of them from the client, half replies."""
    both = []
    step = max(flows // (packets // 2), 1)
    for n in range(0, min(flows, packets // 2 * step), step):
        address, port = client(n)
        wire = tcp(address, VIP, port, 80, ACK, b"x" * 100)
        packet = Packet(wire, iif="eth0")
        engine.receive(packet, Hook.LOCAL_IN, 2.0)
        (command,) = [c for c in engine.drain() if isinstance(c, Transmit)]
        server = command.destination
        both.append((wire, "eth0", Hook.LOCAL_IN))
        both.append((tcp(server, address, 80, port, ACK, b"y" * 100), "eth1", Hook.FORWARD))
    rounds = max(packets // len(both), 1)
    todo = [(Packet(wire, iif=iif), hook) for _ in range(rounds) for wire, iif, hook in both]
    receive, drain = engine.receive, engine.drain
    begin = time.thread_time()
    for packet, hook in todo:
        receive(packet, hook, 2.0)
        drain()
    return (time.thread_time() - begin) / len(todo)


def median(function: Callable[[], float], rounds: int = 5) -> tuple[float, int]:
    """The median of several runs, and how many."""
    return statistics.median(function() for _ in range(rounds)), rounds


def resident() -> int:
    """Bytes of resident memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def _usual() -> Iterator[tuple[str, Row]]:
    engine = director()
    first = [0]

    def new() -> float:
        first[0] += 20000
        return open_flows(engine, first[0], 20000, established=False)

    value, runs = median(new)
    yield "engine.new_us", figure(value * 1e6, "us", runs, "15 at most")
    engine = director()
    open_flows(engine, 0, 20000)
    value, runs = median(lambda: established(engine, 20000))
    yield "engine.established_us", figure(value * 1e6, "us", runs, "4 at most")


def _many_services() -> Iterator[tuple[str, Row]]:
    engine = director(services=10000)
    open_flows(engine, 0, 20000)
    value, runs = median(lambda: established(engine, 20000))
    yield "engine.established_us_10k_services", figure(value * 1e6, "us", runs, "as with one service")


def _many_servers() -> Iterator[tuple[str, Row]]:
    engine = director(servers=1000, scheduler="wlc")
    (service,) = engine.ns.services
    scheduler = service.scheduler
    assert scheduler is not None
    request = Request(Proto.TCP, VIP, VIP, 1, 80)

    def pick() -> float:
        begin = time.thread_time()
        for _ in range(200):
            scheduler.pick(request)
        return (time.thread_time() - begin) / 200

    value, runs = median(pick)
    yield "engine.wlc_1000_us", figure(value * 1e6, "us", runs, "150 at most")


def _million(count: int = 1_000_000) -> Iterator[tuple[str, Row]]:
    engine = director()
    open_flows(engine, 0, 1000)
    gc.collect()
    gc.freeze()
    before = resident()
    worst = 0.0
    for n in range(1000, count):
        address, port = client(n)
        packet = Packet(tcp(address, VIP, port, 80, SYN), iif="eth0")
        begin = time.thread_time()
        engine.receive(packet, Hook.LOCAL_IN, 1.0)
        worst = max(worst, time.thread_time() - begin)
        engine.drain()
    yield (
        "engine.bytes_per_connection",
        figure((resident() - before) / (count - 1000), "B", 1, "1024 at most"),
    )
    yield "engine.insert_worst_ms", figure(worst * 1e3, "ms", 1, "5 at most")
    for n in (*range(20000), *range(20000, count, 50)):
        address, port = client(n)
        engine.receive(Packet(tcp(address, VIP, port, 80, ACK), iif="eth0"), Hook.LOCAL_IN, 1.0)
        engine.drain()
    value, runs = median(lambda: established(engine, 20000))
    about = "as engine.established_us: as many flows are busy, among a million"
    yield "engine.established_us_1m", figure(value * 1e6, "us", runs, about)
    value, runs = median(lambda: established(engine, count, 20000))
    about = "the same, busy flows spread over the million: each packet finds cold memory"
    yield "engine.established_us_1m_cold", figure(value * 1e6, "us", runs, about)
    worst, now, stretches = 0.0, 5000.0, 0
    while engine.ns.connections.count:
        begin = time.thread_time()
        engine.handle_timeouts(now)
        worst = max(worst, time.thread_time() - begin)
        stretches += 1
        engine.drain()
    yield "engine.sweep_stretch_ms", figure(worst * 1e3, "ms", stretches, "5 at most")


def measure() -> dict[str, Row]:
    """All figures of the engine. Processor time, not time that passes. The collector is off, as in the daemon."""
    gc.disable()
    try:
        parts = (_usual, _many_servers, _many_services, _million)
        return {name: row for part in parts for name, row in part()}
    finally:
        gc.enable()


if __name__ == "__main__":
    gc.disable()
    show(_usual() if "quick" in sys.argv else measure().items())
