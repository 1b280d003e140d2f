"""The host that the engine runs on: its routes, addresses, memory and chance."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pyvs.core.environment import Route
from pyvs.datapath.rtnetlink import FoundRoute, Link, RouteType, Rtnetlink, RtnetlinkError
from pyvs.host.routing import MIN_PMTU, is_news

ANSWERS_MAX: Final = 65_536
"""Routes that are remembered until something changes."""
PMTU_SECONDS: Final = 600.0
"""How long a path MTU learnt from a router counts. Kernel: `mtu_expires`."""
MEMORY_SECONDS: Final = 1.0
PAGE_KB: Final = os.sysconf("SC_PAGE_SIZE") // 1024


class LiveEnvironment:
    """Answers from the kernel, remembered until the kernel tells of a change. Satisfies `core.Environment`."""

    def __init__(self, rtnetlink: Rtnetlink, clock: Callable[[], float]) -> None:
        self.generation = 1
        self.policy_routing = False
        """Rules of `ip rule` may lead a packet elsewhere when its source address changes."""
        self._tables = 0
        """How often the kernel told of changes."""
        self.rtnetlink = rtnetlink
        self._clock = clock
        self._random = random.Random()
        self._routes: dict[tuple[bytes, bytes | None, int], Route | None] = {}
        self._pmtu: dict[bytes, tuple[int, float]] = {}
        """Destination -> (path MTU, until when)."""
        self._links: dict[int, Link] = {}
        self.names: dict[int, str] = {0: ""}
        """Names of the devices by index."""
        self._pages = 0
        self._pages_at = float("-inf")
        self.refresh()

    def fileno(self) -> int:
        """Readable when something has changed: then call `look`."""
        return self.rtnetlink.fileno()

    def look(self) -> bool:
        """Take note of changes; whether there were any."""
        if not self.rtnetlink.changed():
            return False
        self.refresh()
        return True

    def refresh(self) -> None:
        """Forget all answers."""
        self.generation += 1
        self._tables += 1
        self._routes.clear()
        self._links = {link.index: link for link in self.rtnetlink.links()}
        self.names = {0: "", **{index: link.name for index, link in self._links.items()}}
        self.policy_routing = self.rtnetlink.has_policy()

    def expire(self) -> None:
        """Forget path MTUs that are too old."""
        now = self._clock()
        old = [address for address, (_, until) in self._pmtu.items() if until <= now]
        for address in old:
            del self._pmtu[address]
        if old:
            self.generation += 1
            self._routes.clear()

    # ---- what the engine asks ------------------------------------------------

    def route(
        self, destination: bytes, *, source: bytes | None = None, mark: int = 0, protocol: int = 0
    ) -> Route | None:
        """The route to an address for output, or None when there is none."""
        key = destination, source, mark
        try:
            return self._routes[key]
        except KeyError:
            pass
        if len(self._routes) >= ANSWERS_MAX:
            self._routes.clear()
        found = self._routes[key] = self._ask(destination, source, mark)
        return found

    def _ask(self, destination: bytes, source: bytes | None, mark: int) -> Route | None:
        try:
            found = self.rtnetlink.route(destination, source=source, mark=mark)
        except RtnetlinkError:
            if source is None:
                return None
            return self._ask(destination, None, mark)  # not an address of ours: as if none were given
        if found.type in (RouteType.BLACKHOLE, RouteType.UNREACHABLE, RouteType.PROHIBIT):
            return None
        return self._made(destination, found)

    def _made(self, destination: bytes, found: FoundRoute) -> Route:
        link = self._links.get(found.device)
        mtu = found.mtu or (link.mtu if link else 1500)
        noted = self._pmtu.get(destination)
        if noted is not None:
            mtu = min(mtu, noted[0])
        return Route(
            local=found.type == RouteType.LOCAL,
            device=link.name if link else "",
            source=found.source or bytes(len(destination)),
            gateway=found.gateway,
            mtu=mtu,
            unicast=found.type in (RouteType.UNICAST, RouteType.LOCAL),
            learnt=noted is not None,
            tables=self._tables,
        )

    def is_local(self, address: bytes) -> bool:
        """Whether the address is one of this host's. Kernel: `inet_addr_type`."""
        if len(address) == 4 and not address[0]:  # a route to it leads here, but it is nobody's
            return False
        route = self.route(address)
        return route is not None and route.local

    def update_pmtu(self, destination: bytes, mtu: int) -> None:
        """Take note of a path MTU learnt from an ICMP error, for ten minutes."""
        mtu = max(mtu, MIN_PMTU[len(destination)])
        route = self.route(destination)
        if route is not None and not is_news(route, destination, mtu):
            return
        if len(self._pmtu) >= ANSWERS_MAX:
            self._pmtu.clear()
        self._pmtu[destination] = mtu, self._clock() + PMTU_SECONDS
        self.generation += 1
        self._routes.clear()

    def random(self, below: int) -> int:
        """A number from 0 to `below` - 1, evenly distributed."""
        return int(self._random.random() * below)

    def available_pages(self) -> int:
        """Free and buffer memory in pages, at most a second old."""
        now = self._clock()
        if now - self._pages_at >= MEMORY_SECONDS:
            self._pages_at = now
            self._pages = _free_kb() // PAGE_KB
        return self._pages

    def device_mtu(self, device: str) -> int | None:
        """The MTU of a device, or None when there is none of this name."""
        return next((link.mtu for link in self._links.values() if link.name == device), None)

    # ---- for the loop ----------------------------------------------------------

    def links(self) -> list[Link]:
        """All devices."""
        return list(self._links.values())


def _free_kb(path: str = "/proc/meminfo") -> int:
    total = 0
    try:
        for line in Path(path).read_text("ascii").splitlines():
            name, _, rest = line.partition(":")
            if name in {"MemFree", "Buffers"}:
                total += int(rest.split()[0])
    except (OSError, ValueError, IndexError):
        return 1 << 20
    return total
