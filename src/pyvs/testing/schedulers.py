"""A service without an engine, to try schedulers on: your own too.

`SchedulerBench(WeightedRoundRobin, [3, 2, 1]).numbers(6)` are the servers that six clients get.
"""

from ipaddress import ip_address
from random import Random

from pyvs.core.flags import Family, Proto
from pyvs.core.schedulers.scheduler import Request, Scheduler
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service


class StillSurroundings:
    """Time that goes by only when `now` is set, chance from a seed, settings as given."""

    def __init__(self, settings: dict[str, int] | None = None, seed: int = 0) -> None:
        self.now = 0.0
        self.settings = settings or {}
        self._chance = Random(seed)

    def random(self, below: int) -> int:
        """A number from 0 to `below` - 1."""
        return self._chance.randrange(below)

    def setting(self, name: str) -> int:
        """The value of a sysctl."""
        return self.settings[name]


def request(
    client: str = "198.51.100.7", sport: int = 40000, to: str = "192.0.2.100", dport: int = 80
) -> Request:
    """A TCP packet that asks for a server."""
    return Request(Proto.TCP, ip_address(client).packed, ip_address(to).packed, sport, dport)


class SchedulerBench:
    """One service at 192.0.2.100:80 with one scheduler; its servers are known by number: 10.1.0.NUMBER."""

    def __init__(self, kind: type[Scheduler], weights: list[int], flags: int = 0, seed: int = 0) -> None:
        """The servers 1, 2, 3 ... are added in this order, so the last is the newest and looked at first."""
        self.surroundings = StillSurroundings(dict(kind.settings), seed)
        self.service = Service(Family.INET, Proto.TCP, ip_address("192.0.2.100").packed, 80, 0)
        self.service.flags = flags
        self.scheduler = kind(self.service, self.surroundings)
        self.servers: dict[int, Destination] = {}
        for number, weight in enumerate(weights, 1):
            self.add(number, weight)

    def add(self, number: int, weight: int = 1) -> Destination:
        """Put a server at the head of the list, as a control verb does."""
        addr = ip_address("10.1.0.0") + number
        server = Destination(Family.INET, addr.packed, 80, self.service)
        server.weight, server.last_weight, server.available = weight, weight, True
        self.servers[number] = server
        self.service.destinations.insert(0, server)
        self.scheduler.added(server)
        return server

    def remove(self, number: int) -> Destination:
        """Take a server out."""
        server = self.servers.pop(number)
        self.scheduler.removing(server)
        self.service.destinations.remove(server)
        server.available = False
        self.scheduler.removed(server)
        return server

    def weigh(self, number: int, weight: int) -> None:
        """Change a server's weight."""
        server = self.servers[number]
        server.weight = weight
        server.last_weight = weight or server.last_weight
        self.scheduler.updated(server)

    def number(self, asked: Request | None = None, *, begin: bool = False) -> int | None:
        """The number of the server picked; `begin`: it counts an active connection more."""
        server = self.scheduler.pick(asked or request())
        if server is None:
            return None
        if begin:
            server.activeconns += 1
        return int.from_bytes(server.addr[1:], "big") - 0x010000

    def numbers(self, count: int, *, begin: bool = False) -> list[int | None]:
        """The servers picked one after another."""
        return [self.number(begin=begin) for _ in range(count)]
