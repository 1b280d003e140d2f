"""Masquerading as the engine holds it: networks, table, ports, rules, timers. `ns.masquerade`, None where it is off."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Final

from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Hook, Proto
from pyvs.core.masquerade.apps import APPS
from pyvs.core.masquerade.demasquerade import demasquerade
from pyvs.core.masquerade.entry import Entry, Helper, MasqueradeFlag, control_del, put_quietly
from pyvs.core.masquerade.icmp import error_of
from pyvs.core.masquerade.least_load import LeastLoad
from pyvs.core.masquerade.masquerade import masquerade
from pyvs.core.masquerade.portfw import PortForwarding
from pyvs.core.masquerade.ports import PortPool
from pyvs.core.masquerade.states import TIMEOUTS, MasqueradeState, next_tcp_state
from pyvs.core.masquerade.table import MasqueradeTable
from pyvs.core.masquerade.transport import part_of
from pyvs.core.packet.header import Header, Malformed
from pyvs.core.packet.packet import Packet
from pyvs.core.timers import Wheel
from pyvs.core.verdict import Verdict

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace

MOST_ENTRIES: Final = 131_072
RESERVE: Final = 1024


@dataclass(slots=True, frozen=True)
class MasqueradedNetwork:
    """A network behind the director."""

    network: bytes
    length: int
    address: bytes | None = None
    """What the outside is to see; None: the address of the device by which a packet leaves."""

    def __contains__(self, address: bytes) -> bool:
        shift = 32 - self.length
        return int.from_bytes(address, "big") >> shift == int.from_bytes(self.network, "big") >> shift

    def __str__(self) -> str:
        return f"{IPv4Address(self.network)}/{self.length}"


class Masquerade:
    """The ancestor of one namespace."""

    def __init__(self, ns: Namespace) -> None:
        self.ns = ns
        self.networks: list[MasqueradedNetwork] = []
        self.table = MasqueradeTable()
        self.pool = PortPool()
        self.portfw = PortForwarding()
        self.least_load = LeastLoad(self.portfw)
        self.helpers: dict[tuple[int, int], Helper] = dict(APPS)
        """By protocol and outside port."""
        self.timeouts = list(TIMEOUTS)
        self.loose_udp = False
        """The outside end of UDP entries may change, as the kernel had it (DLOOSE)."""
        self.most_entries = MOST_ENTRIES
        self.reserve = RESERVE
        """Entries beyond the limit that only an administrator gets."""
        self.failures = 0
        """Refused entries in a row. Kernel: `n_fails`."""
        self._wheel = Wheel()

    # ---- administration ----------------------------------------------------

    def add_network(self, network: bytes, length: int, address: bytes | None = None) -> None:
        """Masquerade a network. Raises ControlError: EINVAL, EEXIST, EADDRNOTAVAIL."""
        added = self._judged(network, length, address)
        if address is not None and not self.ns.environment.is_local(address):
            raise ControlError(
                Errno.EADDRNOTAVAIL,
                f"{IPv4Address(address)} is not an address of this host; give it one first",
            )
        if any((known.network, known.length) == (network, length) for known in self.networks):
            raise ControlError(Errno.EEXIST, f"{added} is masqueraded already; remove it first")
        self.networks.append(added)
        self.networks.sort(key=lambda known: -known.length)

    def remove_network(self, network: bytes, length: int) -> None:
        """Masquerade no more for it; its entries last until their time is over. Raises ControlError: ESRCH."""
        gone = self._judged(network, length, None)
        kept = [known for known in self.networks if (known.network, known.length) != (network, length)]
        if len(kept) == len(self.networks):
            raise ControlError(Errno.ESRCH, f"{gone} is not masqueraded")
        self.networks = kept

    @staticmethod
    def _judged(network: bytes, length: int, address: bytes | None) -> MasqueradedNetwork:
        try:
            IPv4Network((network, length))
        except ValueError as error:
            raise ControlError(
                Errno.EINVAL, f"no IPv4 network: {error}; write one like 10.1.0.0/24"
            ) from None
        return MasqueradedNetwork(network, length, address)

    @property
    def in_use(self) -> bool:
        """There is something to masquerade or forward, or an entry of it lives on."""
        return bool(self.networks or len(self.portfw) or self.least_load.agents or len(self.table))

    # ---- packets -----------------------------------------------------------

    def receive(self, packet: Packet, header: Header, hook: Hook) -> Verdict | None:
        """What becomes of a packet that IPVS left alone; None: masquerading leaves it alone too."""
        if packet.data[0] >> 4 != 4:
            return None
        if hook == Hook.LOCAL_IN:
            return demasquerade(self, packet, header)
        if hook != Hook.FORWARD:
            return None
        maddr = self.address_for(header)
        if maddr is None:
            entry = self._answering(packet, header) if self.table.pinned else None
            if entry is None:
                return None
            maddr = entry.maddr
        return masquerade(self, packet, header, maddr)

    def address_for(self, header: Header) -> bytes | None:
        """Under which address a packet is to leave; None: its source is in no masqueraded network."""
        for network in self.networks:
            if header.src in network:
                if header.dst in network:
                    return None
                if network.address is not None:
                    return network.address
                route = self.ns.environment.route(header.dst)
                return None if route is None or not route.source else route.source
        return None

    def _answering(self, packet: Packet, header: Header) -> Entry | None:
        """The entry of a machine that answers at a forwarded port, though its network is not masqueraded."""
        if header.protocol not in (Proto.TCP, Proto.UDP, Proto.ICMP):
            return None
        try:
            part, _ = part_of(packet, header)
            if header.protocol == Proto.ICMP:
                return error_of(self, part)
        except Malformed:
            return None
        sport, dport = int.from_bytes(part[0:2], "big"), int.from_bytes(part[2:4], "big")
        return self.table.find_out(header.protocol, header.src, sport, header.dst, dport)

    def flags_of(self, protocol: int) -> int:
        """Flags that a packet's new entry gets."""
        return MasqueradeFlag.DLOOSE if self.loose_udp and protocol == Proto.UDP else 0

    # ---- entries -----------------------------------------------------------

    def hold(self, entry: Entry | None) -> Entry | None:
        """Keep an entry that was found from ending while it is worked on. Kernel: `ip_masq_in_get`, `_out_get`."""
        if entry is not None:
            entry.references += 1
        return entry

    def put(self, entry: Entry) -> None:
        """Let an entry go; when nobody else works on it, its timer starts again. Kernel: `ip_masq_put`."""
        put_quietly(entry)
        if entry.references == self.table.DIRECTIONS:
            entry.expires = self.ns.now + entry.timeout
            self._wheel.set(entry)

    def set_state(self, entry: Entry, state: MasqueradeState) -> None:
        """Set a state and the time that it may last. Kernel: `masq_set_state_timeout`."""
        entry.state = state
        entry.timeout = self.timeouts[state]

    def move_on(self, entry: Entry, part: bytes, *, outgoing: bool) -> None:
        """The state that follows from a packet. Kernel: `masq_set_state`."""
        if entry.protocol == Proto.TCP:
            self.set_state(entry, next_tcp_state(entry.state, part[13], outgoing=outgoing))
        else:
            self.set_state(entry, MasqueradeState.UDP)

    def bind_helper(self, entry: Entry) -> None:
        """Give a new entry the helper of its outside port. Kernel: `ip_masq_bind_app`."""
        helper = self.helpers.get((entry.protocol, entry.dport))
        if helper is not None:
            entry.app = helper
            helper.bound(self, entry)

    def end(self, entry: Entry) -> None:
        """Take an entry out, unless others belong to it or someone works on it. Kernel: `masq_expire`."""
        if entry.n_control or entry.references > self.table.DIRECTIONS:
            entry.timeout = self.timeouts[MasqueradeState.TIME_WAIT]
            entry.expires = self.ns.now + entry.timeout
            self._wheel.set(entry)
            return
        control_del(entry)
        entry.slot = -1
        if self.table.remove(entry):
            if entry.flags & MasqueradeFlag.MPORT:
                self.table.pinned -= 1
            else:
                self.pool.free[entry.protocol] += 1
            if entry.app is not None:
                entry.app.unbound(self, entry)
                entry.app = None

    # ---- time --------------------------------------------------------------

    def next_timeout(self) -> float | None:
        """When to call `handle` next, or None."""
        return self._wheel.next_slot_time()

    def handle(self, now: float, limit: int = 2000) -> None:
        """End the entries whose time is over, looking at `limit` at most."""
        self.ns.now = now
        for timed in self._wheel.due(now, limit):
            if isinstance(timed, Entry):
                self.end(timed)
