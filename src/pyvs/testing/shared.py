"""An engine beside maps of its own: what the tests of the shared rooms begin with."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Forward, Hook, Proto, ServiceFlag
from pyvs.core.packet.packet import Packet
from pyvs.core.services.destination import Destination
from pyvs.fastpath.change import Changes
from pyvs.fastpath.fast import FastPath
from pyvs.fastpath.mirror import Mirror
from pyvs.fastpath.owner import SharedTable
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import tcp


def packed(address: str) -> bytes:
    """An address as the core has it."""
    return ip_address(address).packed


VIP, CLIENT = "192.0.2.100", "198.51.100.7"
SERVERS = (packed("10.1.0.11"), packed("10.1.0.12"))
KEY = ServiceKey(Family.INET, Proto.TCP, packed(VIP), 80)
SYN, ACK, FIN, RST = 2, 16, 17, 4
NOW = 10_000.0


@dataclass
class Shared:
    """The pieces, and the time."""

    engine: Engine
    fast: FastPath
    changes: Changes
    mirror: Mirror
    table: SharedTable
    now: float = NOW

    @classmethod
    def made(cls, fast: FastPath) -> Shared:
        """An engine without services, whose connections may go to the maps."""
        environment = FixedEnvironment([packed(a) for a in ("192.0.2.100", "10.1.0.1")])
        engine = Engine(environment, now=NOW)
        changes = Changes(fast.loaded, None)
        mirror = Mirror(engine.ns, fast, changes)
        table = SharedTable(engine.ns, fast, mirror)
        engine.ns.connections = table
        made = cls(engine, fast, changes, mirror, table)
        made.set_clock()
        return made

    def set_clock(self) -> None:
        """The programs' clock stands at this time."""
        self.fast.configure(now=self.fast.jiffies.at(self.now))

    def service(
        self, *, method: int = Forward.MASQ, scheduler: str = "rr", servers: int = 2, persist: int = 0
    ) -> None:
        """Add the service and its servers. persist: seconds that its templates live."""
        flags = ServiceFlag.PERSISTENT if persist else 0
        self.engine.control.new_service(ServiceSpec(KEY, scheduler, flags=flags, timeout=persist), self.now)
        for addr in SERVERS[:servers]:
            port = 8080 if method == Forward.MASQ else 80
            self.engine.control.new_dest(KEY, DestSpec(DestKey(addr, port), forward=method), self.now)
        self.mirror.renew()

    def dest(self, number: int = 0) -> Destination:
        """A server of the service."""
        service = next(iter(self.engine.ns.services))
        return next(dest for dest in service.destinations if dest.addr == SERVERS[number])

    def from_client(self, port: int, flags: int = SYN) -> None:
        """A packet of the client that came up."""
        self.engine.receive(Packet(tcp(CLIENT, VIP, port, 80, flags)), Hook.LOCAL_IN, self.now)
        self.engine.drain()

    def settle(self) -> None:
        """What happens after batches of packets."""
        self.table.handover.settle(self.now)
        while self.table.handover.fresh:
            self.table.handover.settle(self.now)

    def count(self, number: int, *, active: int = 0, inactive: int = 0) -> None:
        """Add to a destination's connections, as the programs do."""
        row = self.fast.destination(number)
        more = {"active": row["active"] + active, "inactive": row["inactive"] + inactive}
        self.fast.dests.set(number, self.fast.dests.values.pack(**row | more))

    def offloaded(self) -> int:
        """Connections in the maps."""
        return sum(1 for _ in self.fast.connections())

    def counts(self) -> list[tuple[int, int]]:
        """ActiveConn and InActConn of both servers as listings show them."""
        return [self.counts_of(number) for number in (0, 1)]

    def counts_of(self, number: int) -> tuple[int, int]:
        """Those of one."""
        self.mirror.pull()
        return self.dest(number).activeconns, self.dest(number).inactconns

    def close(self) -> None:
        """Leave the maps empty."""
        for table in (self.fast.conns4, self.fast.conns6, self.fast.templates, self.fast.template_numbers):
            for key, _ in list(table.items()):
                table.delete(key)
        for place in self.mirror.places.values():
            self.fast.clear_destination(place.number)
            self.fast.stats.set(place.number, bytes(self.fast.stats.size))
        for name, _ in list(self.fast.services):
            self.fast.services.remove(*name)
        self.fast.configure(now=0)
        self.changes.close()
