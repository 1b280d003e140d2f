"""Whom the real kernel chose, connection by connection, against what our schedulers pick.

Only the counters that schedulers read are modelled here: a TCP opener counts as active (a client that resets a
half-open connection changes nothing), all else as inactive; a removed server keeps its counters when it comes back.
"""

import json
import shlex
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pyvs.core.flags import (
    SCHED_MH_FALLBACK,
    SCHED_MH_PORT,
    SCHED_SH_FALLBACK,
    SCHED_SH_PORT,
    Family,
    Proto,
)
from pyvs.core.schedulers import SCHEDULERS
from pyvs.core.schedulers.scheduler import Request
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service

RECORDINGS = sorted((Path(__file__).parents[3] / "recordings").glob("sched-*.json"))
FLAGS = {
    "sh-fallback": SCHED_SH_FALLBACK,
    "sh-port": SCHED_SH_PORT,
    "mh-fallback": SCHED_MH_FALLBACK,
    "mh-port": SCHED_MH_PORT,
}
PROTOCOLS = {"-t": Proto.TCP, "-u": Proto.UDP, "--sctp-service": Proto.SCTP, "-s": Proto.SCTP}

Place = tuple[int, bytes, int]


@dataclass
class Surroundings:
    now: float = 0.0
    chance: Random = field(default_factory=lambda: Random(1))

    def random(self, below: int) -> int:
        return self.chance.randrange(below)

    def setting(self, name: str) -> int:
        return {"lblc_expiration": 86400, "lblcr_expiration": 86400}[name]


@dataclass
class Packet:
    protocol: int
    src: bytes
    dst: bytes
    sport: int
    dport: int

    @classmethod
    def from_frame(cls, frame: bytes) -> "Packet":
        data = frame[14:]
        if data[0] >> 4 == 4:
            protocol, src, dst, at = data[9], data[12:16], data[16:20], 20
        else:
            protocol, src, dst, at = data[6], data[8:24], data[24:40], 40
        ports = int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[at + 2 : at + 4], "big")
        return cls(protocol, src, dst, *ports)


def end(text: str) -> tuple[bytes, int]:
    host, _, port = text.rpartition(":") if text.count(":") == 1 or "]" in text else (text, "", "0")
    return ip_address(host.strip("[]")).packed, int(port)


class Director:
    """Services, servers and connections, as far as it takes to ask the schedulers."""

    def __init__(self) -> None:
        self.surroundings = Surroundings()
        self.services: dict[Place | int, Service] = {}
        self.marked: list[tuple[Any, int]] = []
        self.trash: dict[tuple[Any, bytes], Destination] = {}
        self.connections: dict[tuple[bytes, int, bytes, int], Destination] = {}

    # ---- commands ----------------------------------------------------------

    def run(self, line: str) -> None:
        words = shlex.split(line)
        if words[0] == "iptables-legacy":
            self.marked.append((ip_network(words[words.index("-d") + 1]), int(words[-1])))
        elif words[0] == "ipvsadm":
            self.ipvsadm(words)

    def ipvsadm(self, words: list[str]) -> None:
        verb, kind, what = words[1:4]
        options = dict(zip(words[4::2], words[5::2], strict=False))
        if kind == "-f":
            key: Place | int = int(what)
            place = (Family.INET, int(Proto.TCP), bytes(4), 0, int(what))
        else:
            addr, port = end(what)
            key = (PROTOCOLS[kind], addr, port)
            place = (Family.INET if len(addr) == 4 else Family.INET6, int(PROTOCOLS[kind]), addr, port, 0)
        if verb in ("-A", "-E"):
            service = self.services.setdefault(key, Service(*place))
            flags = 0
            for name in options.get("-b", "").split(","):
                flags |= FLAGS.get(name, 0)
            service.flags = flags
            if service.scheduler_name != options["-s"]:
                if service.scheduler:
                    service.scheduler.close()
                service.scheduler_name = options["-s"]
                service.scheduler = SCHEDULERS[options["-s"]](service, self.surroundings)
            return
        service = self.services[key]
        assert service.scheduler
        # What follows -r: -m, -g or -i stand alone, so options are looked for by name.
        addr, port = end(options["-r"])
        port = port or service.port
        weight = int(words[words.index("-w") + 1]) if "-w" in words else 1
        upper = int(words[words.index("-x") + 1]) if "-x" in words else 0
        lower = int(words[words.index("-y") + 1]) if "-y" in words else 0
        server = next((d for d in service.destinations if d.addr == addr), None)
        if verb == "-d":
            assert server
            service.scheduler.removing(server)
            service.destinations.remove(server)
            server.available = False
            self.trash[key, addr] = server
            service.scheduler.removed(server)
            return
        new = verb == "-a"
        if new:
            server = self.trash.pop((key, addr), None)
            server = server or Destination(
                Family.INET if len(addr) == 4 else Family.INET6, addr, port, service
            )
            service.destinations.insert(0, server)
            server.available = True
        assert server
        server.weight = weight
        server.last_weight = weight or server.last_weight
        if upper == 0 or upper > server.u_threshold:
            server.overloaded = False
        server.u_threshold, server.l_threshold = upper, lower
        (service.scheduler.added if new else service.scheduler.updated)(server)

    # ---- packets -----------------------------------------------------------

    def receive(self, packet: Packet) -> Destination | None:
        key = packet.src, packet.sport, packet.dst, packet.dport
        server = self.connections.get(key)
        if server:
            return server if server.available else None
        service = self.services.get((packet.protocol, packet.dst, packet.dport))
        for network, mark in self.marked:
            if ip_address(packet.dst) in network:
                service = self.services[mark]
        assert service
        assert service.scheduler
        server = service.scheduler.pick(
            Request(packet.protocol, packet.src, packet.dst, packet.sport, packet.dport)
        )
        if server:
            self.connections[key] = server
            if packet.protocol == Proto.TCP:
                server.activeconns += 1
            else:
                server.inactconns += 1
            if server.u_threshold and server.activeconns + server.inactconns >= server.u_threshold:
                server.overloaded = True
        return server


def server_number(frame: bytes) -> int:
    """Which server a frame goes to: the last byte of its link-layer address."""
    return frame[5]


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_picks_whom_the_kernel_picked(path: Path) -> None:
    recording = json.loads(path.read_text())
    director = Director()
    for entry in recording["setup"]:
        director.run(entry["cmd"])
    sent: dict[int, int] = {}
    for event in recording["log"]:
        if event["ev"] == "out" and event["iface"] == "eth1" and event["step"] is not None:
            sent[event["step"]] = server_number(bytes.fromhex(event["hex"]))
    asked = 0
    for event in recording["log"]:
        director.surroundings.now = event["t"]
        if event["ev"] == "cmd":
            director.run(event["cmd"])
        elif event["ev"] == "in":
            server = director.receive(Packet.from_frame(bytes.fromhex(event["hex"])))
            # Servers are numbered from 1, at .11 or ::11 and so on.
            number = server and server.addr[-1] - (10 if len(server.addr) == 4 else 0x10)
            assert number == sent.get(event["step"]), f"step {event['step']}: {event['text']}"
            asked += 1
    assert asked > 10


def test_there_are_recordings_of_all_schedulers_but_one() -> None:
    used = {
        entry["cmd"].split(" -s ")[1].split()[0]
        for path in RECORDINGS
        for entry in json.loads(path.read_text())["setup"]
        if " -s " in entry["cmd"]
    }
    assert set(SCHEDULERS) - used == {"twos"}, "the recorded kernel has no twos"
