"""The script, the engine it is played on, and the words for what happens. See `pyvs.testing.playbook`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import NamedTuple, Self

from pyvs.core.command import Log, Multicast, Output, Transmit
from pyvs.core.connections.connection import Connection
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Forward, Hook, Proto, ServiceFlag, TunType
from pyvs.core.packet.header import Header, parse
from pyvs.core.packet.packet import Packet
from pyvs.core.services.destination import Destination
from pyvs.core.verdict import Action
from pyvs.testing.environment import FixedEnvironment

_WITH_PORTS = (Proto.TCP, Proto.UDP, Proto.SCTP)


class End(NamedTuple):
    """An address and a port, as text and number."""

    address: str
    port: int

    @property
    def packed(self) -> bytes:
        """The address's bytes."""
        return ip_address(self.address).packed

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def end(text: str) -> End:
    """`192.0.2.100:80` or `[2001:db8::1]:80`."""
    address, _, port = text.rpartition(":")
    return End(address.strip("[]"), int(port))


class Differs(AssertionError):
    """A line of the script came out otherwise."""


@dataclass(frozen=True)
class Event:
    """Something that the engine did with a packet."""

    kind: str
    """`sent`, `told` (an ICMP error of ours), `accept`, `drop` or `kept`."""
    data: bytes
    reason: str = ""
    destination: bytes = b""
    packet: Packet | None = None

    def __str__(self) -> str:
        where = f" to {ip_address(self.destination)}" if self.destination else ""
        return f"{self.kind}{where} {self.reason}: {describe(self.data)}".replace(" :", ":")


@dataclass(frozen=True)
class Line:
    """A line of the script: `act` does something, or judges what was done and complains."""

    text: str
    act: Callable[[Playbook], str | None]


class Playbook:
    """One service on one engine, and the script of what happened to it."""

    def __init__(
        self,
        service: End,
        *,
        servers: Iterable[End] = (),
        protocol: Proto = Proto.TCP,
        scheduler: str = "rr",
        method: Forward = Forward.MASQ,
        tunnel: TunType = TunType.IPIP,
        persistent: int = 0,
        flags: int = 0,
        local: Iterable[str] = (),
        mtu: int = 1500,
        knobs: dict[str, int] | None = None,
    ) -> None:
        """persistent: seconds, 0 for not. local: the host's addresses besides the service's. mtu: towards servers."""
        self.service, self.protocol = service, protocol
        self.method, self.tunnel = method, tunnel
        own = [service.packed, *(ip_address(address).packed for address in local)]
        self.environment = FixedEnvironment(own, {"eth1": mtu})
        self.engine = Engine(self.environment)
        self.now = 0.0
        self.seen: list[Event] = []
        """What was done and not yet expected."""
        self.given = b""
        """The packet that came last."""
        self.lines: list[str] = []
        six = len(service.packed) == 16
        self.key = ServiceKey(Family.INET6 if six else Family.INET, protocol, service.packed, service.port)
        flags |= ServiceFlag.PERSISTENT if persistent else 0
        spec = ServiceSpec(self.key, scheduler, flags, timeout=persistent, netmask=128 if six else 0xFFFFFFFF)
        self.engine.control.new_service(spec, self.now)
        for server in servers:
            self.set_server(server, new=True, weight=1)
        for name, value in (knobs or {}).items():
            self.engine.control.sysctl_write(name, str(value), self.now)

    def __rshift__(self, line: Line) -> Playbook:
        """Let something happen."""
        self._nothing_left()
        self.lines.append(f">> {line.text}")
        line.act(self)
        return self

    def __lshift__(self, line: Line) -> Playbook:
        """Expect something of what happened."""
        self.lines.append(f"<< {line.text}")
        complaint = line.act(self)
        if complaint:
            self._differs(complaint)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_rest: object) -> None:
        if kind is None:
            self._nothing_left()

    def _nothing_left(self) -> None:
        if self.seen:
            left = "\n        and: ".join(map(str, self.seen))
            self._differs(f"nobody expected: {left}")

    def _differs(self, complaint: str) -> None:
        script = [f"    {line}" for line in self.lines[:-1]] + [f"--> {self.lines[-1]}"]
        raise Differs("\n".join(["the script differs here:", *script, f"        {complaint}"]))

    # ---- what lines do -----------------------------------------------------

    def offer(self, data: bytes) -> None:
        """Put a packet at the hook where it would come by: by its destination."""
        header = parse(data)
        hook = Hook.LOCAL_IN if self.environment.is_local(header.dst) else Hook.FORWARD
        packet = Packet(data, iif="eth0")
        self.given = data
        verdict = self.engine.receive(packet, hook, self.now)
        commands = self.engine.drain()
        for command in commands:
            if isinstance(command, Transmit):
                sent = command.packet
                self.seen.append(Event("sent", sent.data, "", command.destination, sent))
            elif isinstance(command, Output):
                self.seen.append(Event("told", command.packet.data))
        if verdict.action is not Action.STOLEN:
            self.seen.append(Event(verdict.action.name.lower(), packet.data, verdict.reason.name))
        elif not [c for c in commands if not isinstance(c, Log | Multicast)]:
            self.seen.append(Event("kept", packet.data, verdict.reason.name))

    def wait(self, seconds: float) -> None:
        """Let time pass, timer by timer."""
        until = self.now + seconds
        while (wake := self.engine.next_timeout()) <= until:
            self.engine.handle_timeouts(max(wake, self.now))
        self.now = until
        self.engine.handle_timeouts(self.now)
        self.engine.drain()

    def set_server(self, server: End, *, new: bool, weight: int) -> None:
        """Add a server, or change it."""
        family = Family.INET6 if len(server.packed) == 16 else Family.INET
        spec = DestSpec(
            DestKey(server.packed, server.port, family),
            self.method,
            weight,
            tun_type=self.tunnel,
            tun_port=6080 if self.tunnel == TunType.GUE else 0,
        )
        verb = self.engine.control.new_dest if new else self.engine.control.set_dest
        verb(self.key, spec, self.now)

    def connection(self, client: End) -> Connection | None:
        """The newest connection of a client."""
        found = [
            conn
            for conn in self.engine.ns.connections
            if (conn.caddr, conn.cport, conn.template) == (client.packed, client.port, False)
        ]
        return found[0] if found else None

    def destination(self, server: End) -> Destination | None:
        """A server of the service."""
        for service in self.engine.ns.services:
            for dest in service.destinations:
                if (dest.addr, dest.port) == (server.packed, server.port):
                    return dest
        return None

    def next(self, kind: str) -> Event | str:
        """The next thing that was done, or a complaint when it is of another kind."""
        if not self.seen:
            return "but: nothing was done"
        event = self.seen.pop(0)
        return event if event.kind == kind else f"but: {event}"


def describe(data: bytes) -> str:
    """A packet for people, in a line."""
    header = parse(data, quoted=True)
    source, to = str(ip_address(header.src)), str(ip_address(header.dst))
    name = Proto(header.protocol).name if header.protocol in set(Proto) else f"protocol {header.protocol}"
    if header.fragment:
        name += f" fragment at {header.fragment_offset}"
    if header.protocol in _WITH_PORTS and not header.fragment_offset:
        sport, dport = ports(data, header)
        source, to = str(End(source, sport)), str(End(to, dport))
    elif header.protocol in (Proto.ICMP, Proto.ICMPV6) and not header.fragment_offset:
        name += " {}/{}".format(*data[header.offset : header.offset + 2])
    return f"{name} {source} > {to} ttl {header.ttl}, {len(data)} bytes"


def ports(data: bytes, header: Header) -> tuple[int, int]:
    """The two ports that stand where a header says the transport begins."""
    at = header.offset
    return int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[at + 2 : at + 4], "big")
