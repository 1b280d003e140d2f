"""The host: interfaces, routes, filters and an own stack around an engine that has no kernel.

    host = Host(Random(1))
    host.add_interface(Interface("eth0", mac("02:00:00:00:00:01")))
    host.attach(Engine(host))
    host.receive(frame, "eth0", now)
    for interface, frame in host.drain(): ...
    wake_at = host.next_timeout(); host.handle_timeouts(now)

It is the engine's `Environment`. Time is handed in, chance comes from the given generator, so the same frames at the
same times give the same answers.
"""

from __future__ import annotations

from collections import deque
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from random import Random
from typing import TYPE_CHECKING, Final

from pyvs.core.command import Command, Log, Multicast, Output, Transmit
from pyvs.core.connections.connection import Connection
from pyvs.core.control.specs import DaemonSpec
from pyvs.core.environment import Route
from pyvs.core.flags import Family, Hook, PacketType, SyncState
from pyvs.core.packet.fragments import Reassembly
from pyvs.core.packet.packet import Packet
from pyvs.core.verdict import Action
from pyvs.host import ethernet, filters, sync, walk
from pyvs.host.conntrack import Conntrack
from pyvs.host.filters import Filters
from pyvs.host.interface import LOOPBACK, Interface
from pyvs.host.neighbours import Neighbours
from pyvs.host.peers import Peers
from pyvs.host.routing import LOCAL, LOOPBACK_MTU, Entry, Kind, RouteError, Routing

if TYPE_CHECKING:
    from pyvs.core.engine import Engine

SETTINGS: Final = {
    "net.ipv4.ip_forward": 0,
    "net.ipv6.conf.all.forwarding": 0,
    "net.ipv4.icmp_ratelimit": 1000,
    "net.ipv6.icmp.ratelimit": 1000,
    "net.ipv4.conf.all.send_redirects": 1,
}
"""The host's own sysctls that matter here, with the kernel's defaults."""

LOOPS: Final = 64
"""How often packets may come back by loopback for one frame."""
ALL_SYSTEMS: Final = (b"\xe0\0\0\x01", bytes.fromhex("ff02") + bytes(13) + b"\x01")


class Host:
    """One network namespace."""

    def __init__(self, random: Random, *, pages: int = 120_000) -> None:
        self.chance = random
        self.now = 0.0
        self.pages = pages
        """Free and buffer memory in pages."""
        loopback = Interface(LOOPBACK, bytes(6), LOOPBACK_MTU)
        self.interfaces = {LOOPBACK: loopback}
        self.routing = Routing(self.interfaces)
        self.settings = dict(SETTINGS)
        self.modules: set[str] = set()
        """Kernel modules that are loaded; `sctp` is the one that makes a difference."""
        self.filters = {4: Filters(self._virtual), 6: Filters(self._virtual)}
        self.conntrack = Conntrack()
        self.neighbours = Neighbours(self)
        self.reassembly = Reassembly()
        self.local_reassembly = Reassembly()
        self.peers = Peers()
        self.engine: Engine | None = None
        self.log: list[Log] = []
        self._frames: list[tuple[str, bytes]] = []
        self._looped: deque[Packet] = deque()
        self._defrag6 = False
        self._sockets = sync.Sockets(random)
        self.add_address(LOOPBACK, ip_interface("127.0.0.1/8"))
        self.add_address(LOOPBACK, ip_interface("::1/128"))

    # ---- building ------------------------------------------------------------

    def add_interface(self, interface: Interface) -> None:
        """Add an interface with its addresses and neighbours."""
        addresses, interface.addresses = interface.addresses, []
        self.interfaces[interface.name] = interface
        local6 = self.routing.table(16, LOCAL)
        if not local6.lengths.get(8):
            local6.add(Entry(b"\xff" + bytes(15), 8, Kind.MULTICAST, interface.name))
        for address in addresses:
            self.add_address(interface.name, address)

    def add_address(self, device: str, address: IPv4Interface | IPv6Interface) -> None:
        """Give an interface an address, with the routes that come with it. Raises RouteError."""
        interface = self._interface(device)
        self.routing.add_address(device, address.ip.packed, address.network.prefixlen)
        interface.addresses.append(address)

    def remove_address(self, device: str, address: IPv4Interface | IPv6Interface) -> None:
        """Take an address away. Raises RouteError."""
        interface = self._interface(device)
        if address not in interface.addresses:
            raise RouteError("RTNETLINK answers: Cannot assign requested address")
        interface.addresses.remove(address)
        self.routing.remove_address(device, address.ip.packed, address.network.prefixlen)

    def _interface(self, device: str) -> Interface:
        if device not in self.interfaces:
            raise RouteError(f'Cannot find device "{device}"')
        return self.interfaces[device]

    def attach(self, engine: Engine) -> None:
        """Put the engine at the hooks."""
        self.engine = engine

    def setting(self, name: str) -> int:
        """A sysctl of the host's own."""
        return self.settings[name]

    @property
    def reroutes_replies(self) -> bool:
        """Whether what the engine rewrote on its way gets a new route by its new source: `snat_reroute`."""
        return self.engine is None or bool(self.engine.ns.sysctl.snat_reroute)

    # ---- frames --------------------------------------------------------------

    def receive(self, frame: bytes, interface: str, now: float) -> None:
        """A frame has arrived. Never raises, whatever the bytes; the interface must be there."""
        self.now = now
        if len(frame) < 14:
            return
        kind = int.from_bytes(frame[12:14], "big")
        packet_type = ethernet.packet_type(frame[:6], self.interfaces[interface].mac)
        if packet_type == PacketType.OTHERHOST:
            return
        if kind == ethernet.ARP:
            self.neighbours.arp_arrived(interface, frame[14:])
        elif kind in (ethernet.IPV4, ethernet.IPV6):
            self.receive_packet(frame[14:], interface, now, packet_type)

    def receive_packet(
        self, data: bytes, interface: str, now: float, packet_type: PacketType = PacketType.HOST
    ) -> None:
        """An IP packet has arrived, without its frame."""
        self.now = now
        whole = walk.acceptable(data)
        if whole is not None:
            walk.arrive(self, Packet(whole, iif=interface, type=packet_type))
        self._run_loop()

    def send(self, packet: Packet) -> None:
        """Send a packet of the host's own."""
        walk.send(self, packet)

    def send_now(self, packet: Packet, now: float) -> None:
        """A program of this host sends a packet."""
        self.now = now
        walk.send(self, packet)
        self._run_loop()

    def loop(self, packet: Packet) -> None:
        """A packet goes out by loopback and comes in again."""
        again = Packet(packet.data, mark=packet.mark, iif=LOOPBACK)
        again.conntrack, again.untracked, again.owned = packet.conntrack, packet.untracked, packet.owned
        self._looped.append(again)

    def _run_loop(self) -> None:
        for _ in range(LOOPS):
            if not self._looped:
                return
            walk.arrive(self, self._looped.popleft())
        self._looped.clear()

    def emit(self, interface: str, frame: bytes) -> None:
        """A frame leaves."""
        self._frames.append((interface, frame))

    def drain(self) -> list[tuple[str, bytes]]:
        """The frames that have left since the last call: (interface, frame)."""
        frames, self._frames = self._frames, []
        return frames

    # ---- time ----------------------------------------------------------------

    def next_timeout(self) -> float | None:
        """When `handle_timeouts` is to be called next."""
        times = [self.neighbours.next_timeout(), self.engine.next_timeout() if self.engine else None]
        return min((time for time in times if time is not None), default=None)

    def handle_timeouts(self, now: float) -> None:
        """Do what has become due."""
        self.now = now
        self.neighbours.handle_timeouts(now)
        if self.engine is not None:
            self.engine.handle_timeouts(now)
            self.obey()
        self._run_loop()

    # ---- the engine ----------------------------------------------------------

    def hook(self, packet: Packet, hook: Hook) -> bool:
        """Let the engine see a packet; whether it goes on."""
        if self.engine is None:
            return True
        verdict = self.engine.receive(packet, hook, self.now)
        self.obey()
        return verdict.action is Action.ACCEPT

    def obey(self) -> None:
        """Carry out the engine's commands."""
        if self.engine is not None:
            for command in self.engine.drain():
                self._carry_out(command)

    def _carry_out(self, command: Command) -> None:
        match command:
            case Transmit():
                walk.transmit(self, command)
            case Output():
                walk.send(self, command.packet)
            case Multicast():
                self._multicast(command)
            case Log():
                self.log.append(command)

    def _multicast(self, command: Multicast) -> None:
        spec = next((d for d in self.daemons() if d.state == command.role), None)
        if spec is None or spec.ifn not in self.interfaces:
            return
        packet = self._sockets.datagram(self, spec, command)
        if packet is not None:
            route = Route(False, spec.ifn, b"", None, self.interfaces[spec.ifn].mtu, unicast=False)
            if self.hook(packet, Hook.LOCAL_OUT):
                walk.post_routing(self, packet, route, route.mtu)

    def daemons(self) -> list[DaemonSpec]:
        """The synchronisation daemons that run."""
        return self.engine.control.get_daemons() if self.engine is not None else []

    def joined(self, interface: str, group: bytes) -> bool:
        """Whether multicast to a group is for us at an interface."""
        return group in ALL_SYSTEMS or any(
            spec.state == SyncState.BACKUP and spec.ifn == interface and sync.group(spec) == group
            for spec in self.daemons()
        )

    def datagram(self, interface: str, source: bytes, destination: bytes, port: int, data: bytes) -> bool:
        """A UDP datagram for a socket of the host's; whether there is one."""
        for spec in self.daemons():
            if (
                spec.state == SyncState.BACKUP
                and spec.ifn == interface
                and sync.group(spec) == destination
                and 0 <= port - sync.port(spec) < (self.engine.ns.sysctl.sync_ports if self.engine else 1)
            ):
                assert self.engine is not None
                self.engine.receive_sync(data, source, self.now)
                self.obey()
                return True
        return False

    def _virtual(self, packet: Packet) -> filters.Virtual:
        """The virtual address and port of the connection that a packet is forwarded for. Kernel: xt_ipvs.c."""
        seen = filters.facts(packet)
        if self.engine is None or seen is None or not packet.owned or seen.sport < 0:
            return None
        ports = seen.dport.to_bytes(2, "big") + seen.sport.to_bytes(2, "big")
        key = seen.destination + seen.source + ports
        conn: Connection | None = self.engine.ns.connections.find_out(seen.protocol, key)
        return None if conn is None else (conn.vaddr, conn.vport)

    # ---- what walk.py asks ---------------------------------------------------

    def defragments(self, packet: Packet) -> bool:
        """Whether fragments are put together before they are routed. Kernel: `nf_defrag_ipv4`, `nf_defrag_ipv6`."""
        data = packet.data
        if data[0] >> 4 == 4:
            return self.filters[4].tracking
        if data[6] not in walk.MAY_HIDE_FRAGMENT:
            return False
        self.look_at_services()
        return self._defrag6

    def look_at_services(self) -> None:
        """Once there was an IPv6 service or server, IPv6 fragments are put together for good."""
        if not self._defrag6 and self.engine is not None:
            control = self.engine.control
            for view in control.get_services():
                key = view.spec.key
                if key.af == Family.INET6 or any(
                    dest.spec.key.af == Family.INET6 for dest in control.get_dests(key)
                ):
                    self._defrag6 = True

    def forwards(self, four: bool) -> bool:
        """Whether packets for others are sent on."""
        return bool(self.setting("net.ipv4.ip_forward" if four else "net.ipv6.conf.all.forwarding"))

    def identification(self) -> int:
        """An IPv4 identification; never 0."""
        return self.chance.randrange(1, 65536)

    def identification6(self) -> int:
        """An identification for IPv6 fragments; never 0."""
        return self.chance.randrange(1, 1 << 32)

    def flow_label(self) -> int:
        """The flow label of an IPv6 packet of our own. Kernel: `ip6_make_flowlabel`."""
        return self.chance.randrange(1, 1 << 20)

    # ---- Environment ---------------------------------------------------------

    @property
    def generation(self) -> int:
        """Grows whenever an answer of `route` may have changed."""
        return self.routing.generation

    @property
    def policy_routing(self) -> bool:
        """Whether routes depend on more than the destination."""
        return self.routing.has_policy

    def route(
        self, destination: bytes, *, source: bytes | None = None, mark: int = 0, protocol: int = 0
    ) -> Route | None:
        """The route to an address for output, or None when there is none."""
        return self.routing.route(destination, source, mark)

    def is_local(self, address: bytes) -> bool:
        """Whether the address is one of this host's."""
        return self.routing.is_local(address)

    def update_pmtu(self, destination: bytes, mtu: int) -> None:
        """Take note of a path MTU learnt from an ICMP error."""
        self.routing.update_pmtu(destination, mtu)

    def random(self, below: int) -> int:
        """A number from 0 to `below` - 1."""
        return self.chance.randrange(below)

    def available_pages(self) -> int:
        """Free and buffer memory in pages."""
        return self.pages

    def device_mtu(self, device: str) -> int | None:
        """The MTU of a device, or None when there is none of this name."""
        interface = self.interfaces.get(device)
        return None if interface is None else interface.mtu
