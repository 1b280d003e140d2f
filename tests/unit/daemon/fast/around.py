"""What stands around a fast path: maps in memory, links and neighbours that are stand-ins, time that is handed in."""

from __future__ import annotations

import errno
import io
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, cast

from tests.unit.fastpath.memory import MemoryChanges, MemoryFast

from pyvs.core.control.specs import DestKey, DestSpec, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Hook
from pyvs.core.packet.packet import Packet
from pyvs.daemon.across import Across, Choice
from pyvs.daemon.fast import Fast
from pyvs.daemon.log import Log
from pyvs.datapath.rtnetlink import Link
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.shared import CLIENT, KEY, NOW, SERVERS, SYN, VIP, packed
from pyvs.testing.wire import tcp

MAC = b"\2\0\0\0\0\1"


class Host(FixedEnvironment):
    """With devices, of which those with a number below 100 are Ethernet."""

    def __init__(self) -> None:
        super().__init__([packed(VIP), packed("10.1.0.1")])
        self.names = {1: "lo", 2: "eth0", 3: "eth1"}
        self.there = [2, 3]
        self.reaching_out: set[int] = set()
        self.rtnetlink = None

    def links(self) -> list[Link]:
        return [
            Link(101, "lo", 65536, True),
            *(
                Link(
                    index,
                    f"eth{index - 2}",
                    1500,
                    True,
                    veth=index == 3,
                    reaches_out=index in self.reaching_out,
                )
                for index in self.there
            ),
        ]


class FakeLinks:
    """Notes what is attached. refuses: numbers of devices that take no program."""

    def __init__(self, mode: str, program: int, folder: Path) -> None:
        self.made = mode, program, folder
        self.attached: dict[int, str] = {}
        self.refuses: set[int] = set()
        self.attempts: list[int] = []
        self.detached = 0
        self.fails = False

    def attach(self, ifindex: int) -> str:
        self.attempts.append(ifindex)
        if ifindex in self.refuses:
            raise OSError(errno.EOPNOTSUPP, "it takes no program")
        self.attached[ifindex] = "tcx"
        return "tcx"

    def forget(self, ifindex: int) -> None:
        del self.attached[ifindex]

    def detach(self) -> None:
        if self.fails:
            raise OSError(errno.EPERM, "not permitted")
        self.detached += 1
        self.attached.clear()


class FakeNeighbours:
    """Says what it is told to."""

    def __init__(self) -> None:
        self.news = False
        self.closed = False
        self.used: list[bool] = []

    def changed(self) -> bool:
        return self.news

    def use(self, used: Callable[[int, bytes], bool]) -> None:
        self.used.append(used(2, MAC))

    def close(self) -> None:
        self.closed = True


class FakeOnlookers:
    """Says who looks at which device."""

    def __init__(self) -> None:
        self.who: dict[int, str] = {}
        self.looks = 0

    def look(self) -> None:
        self.looks += 1

    def at(self, link: Link) -> str:
        return self.who.get(link.index, "")


class FakeAnswers:
    """A program that is pinned nowhere."""

    match = "-m bpf --object-pinned somewhere"

    def __init__(self, loaded: object, folder: Path) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True


class AtOnce(Executor):
    """In the place of a thread."""

    def __init__(self, threads: int, name: str) -> None:
        """As `ThreadPoolExecutor`."""

    def submit(self, call: Any, /, *arguments: Any, **more: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(call(*arguments, **more))
        return future


class Case:
    """A fast path, and all that stands around it."""

    def __init__(self, folder: Path, maps: MemoryFast, *, new: bool = False, across: Choice = "auto") -> None:
        self.now = NOW
        self.host = Host()
        self.onlookers = FakeOnlookers()
        self.engine = Engine(self.host, now=NOW)
        self.written = io.StringIO()
        self.maps = maps
        self.folder = folder
        self.fast = Fast(
            maps, folder, self.engine, cast("Any", self.host), Log(self.written), lambda: self.now, new=new,
            across=Across(across, cast("Any", self.onlookers)),
        )  # fmt: skip
        self.links = cast("FakeLinks", self.fast.links)
        self.neighbours = cast("FakeNeighbours", self.fast.neighbours)
        self.changes = cast("MemoryChanges", self.fast._changes)

    @property
    def log(self) -> str:
        return self.written.getvalue()

    def service(self, scheduler: str = "rr") -> None:
        self.engine.control.new_service(ServiceSpec(KEY, scheduler), self.now)
        for addr in SERVERS:
            self.engine.control.new_dest(KEY, DestSpec(DestKey(addr, 8080)), self.now)
        self.fast.changed()

    def packet(self, port: int, flags: int = SYN) -> None:
        self.fast.before_packets(self.now)
        self.engine.receive(Packet(tcp(CLIENT, VIP, port, 80, flags)), Hook.LOCAL_IN, self.now)
        self.engine.drain()
        self.fast.after_packets(self.now)

    def in_maps(self) -> list[int]:
        """Ports of the clients whose connections are in the maps."""
        return sorted(conn.cport for conn in self.maps.connections())


MAPS: dict[int, MemoryFast] = {}
"""By what stands for their object file."""
