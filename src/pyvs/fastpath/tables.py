"""States, flags, reasons and limits as the programs get them, from the tables of the core."""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Final

from pyvs.core.protocols import tcp_states
from pyvs.core.protocols.tcp_states import ACTIVE, SYNC_STATES, TcpState


class Status(IntEnum):
    """Flags of a connection's entry, in its status above the state."""

    REPLY = 0x0100
    """The direction from the server."""
    INPUT_ONLY = 0x0200
    """The server's packets do not come by here."""
    INACTIVE = 0x0400
    """Counts as InActConn."""
    SINGLE = 0x0800
    """There is no entry for the other direction."""
    CONTROLLED = 0x1000
    """It belongs to a template."""
    SYNCED = 0x2000
    """It came by synchronisation from another director."""
    ASSURED = 0x4000
    """It was established here once: its template is to know."""
    TO_ASSURE = 0x8000
    """Of UDP: the server's next packet tells the template."""
    CLAIMED = 0x8_0000
    """No connection: the engine has that of this key, or it is just ending: its state and its counts are settled.
    Above the forwarding method."""


class TemplateStatus(IntEnum):
    """Flags of a template."""

    ASSURED = 1
    """One of its connections was established."""
    NOWHERE = 2
    """Its server is gone: it only waits for its connections."""
    SYNCED = 4
    """It came by synchronisation from another director."""


class Flag(IntEnum):
    """Flags of a destination."""

    AVAILABLE = 1
    OVERLOAD = 2
    FIXED_HOP = 4
    """Its next hop is kept true by the daemon; a look-up that fails does not count."""
    ELSEWHERE = 8
    """In the place of AVAILABLE: its service's address is not this host's, as with a backup."""
    HERE = 16
    """It is this host, and its packets stay as they are: they go up, marked as ours."""
    RESTS = 32
    """In the place of AVAILABLE: its connections are the engine's, and those that are still in the maps go there."""


class Selector(IntEnum):
    """How a service's servers are chosen."""

    NONE = 0
    """Not here: new connections go up."""
    CURSOR = 1
    SOURCE = 2
    """By a hash of the client, 256 slots."""
    SOURCE_PORT = 3
    DESTINATION = 4
    MAGLEV = 5
    MAGLEV_PORT = 6
    LC = 7
    WLC = 8
    SED = 9
    NQ = 10
    FO = 11
    OVF = 12


SELECT_KIND: Final = 0xFF
"""Where a service's selector has its kind."""
SELECT_FALLBACK: Final = 0x100
"""Flag above it: others are tried when the hash's server can't take the connection."""


class Miss(Enum):
    """Why a packet was not served: a sentence, and where it went."""

    NOT_FOR_HOST = "its frame was not for this host: up"
    NOT_IP = "no IPv4 or IPv6, or in a VLAN: up"
    TRUNCATED = "it ends before its headers do: up"
    OPTIONS = "it has IP options or extension headers: up"
    BAD_HEADER = "the checksum of its IP header is wrong: up"
    FRAGMENT = "a fragment: up"
    PROTOCOL = "neither TCP nor UDP: up"
    MARKED = "it bears a mark, which a service may go by: up"
    NO_SERVICE = "no connection and no service for this address and port: up"
    NOT_AN_OPENER = "no connection, and this packet can't begin one: up"
    NOT_HERE = "a new connection of a service that the engine schedules: up"
    TTL = "its time to live ends here: up, for the ICMP error"
    TOO_BIG = "larger than the way onwards: up, for the ICMP error or to be cut"
    NO_CHECKSUM = (
        "a UDP datagram without a checksum, where NAT must make one, or a tunnel's be made from it: up"
    )
    SEGMENTS = "to be cut into segments, in a tunnel with a checksum over each: up"
    LOOPBACK = "from an address that is nobody's out there: up"
    NO_HOP = "no next hop is known: up, where it will be resolved"
    REDIRECT = "a server's that leaves where it came in: up now and then, for the host's ICMP redirect"
    NO_SERVER = "no server can take it: up"
    METHOD = "a forwarding method or tunnel that is not offloaded: up"
    ELSEWHERE = "the service's address is not this host's: up"
    RESTS = "the server's connections are the engine's at present: up"
    CLAIMED = "the engine has its connection: up"
    SERVER_GONE = "the connection's server was removed: dropped"
    TABLE_FULL = "the connection table is full: dropped"
    DROP_PACKET = "defence, drop_packet took this one: dropped"
    ODD = "the maps do not fit each other: up"

    @property
    def sentence(self) -> str:
        """The explanation, in words."""
        return self.value

    @property
    def number(self) -> int:
        """The place of its counter."""
        return _NUMBERS[self]


_NUMBERS: Final = {miss: number for number, miss in enumerate(Miss)}

HOP_REACHES_OUT: Final = 1 << 31
"""In a next hop's device number: what leaves by it goes to the other end of its pair at once."""

LIMITS: Final = {
    "MAX_CONNECTIONS": 1 << 21,
    "MAX_DESTS": 1 << 14,
    "MAX_SERVICES": 1 << 14,
    "MAX_TEMPLATES": 1 << 20,
    "MAX_UNPLACED": 1 << 16,
    "MAX_SLOTS": 1 << 20,
    "MAX_DEVICES": 1 << 16,
    "MAX_HOPS": 1 << 12,
    "REPORT_BYTES": 1 << 20,
}
"""Entries of the maps. Those of connections may be chosen when the maps are made. Bytes of the ring of reports."""

CLAIMED: Final = 0xFFFF_FFFF
"""In the place of a destination: the entry is the engine's claim. No number is as high, so that packets which are
served pay nothing for looking."""

SYNC_V0: Final = 1
"""In the settings: a master runs, whose messages are of version 0; one more for version 1."""

LEAST_MOST: Final = 1024
"""Servers up to which a least-connection choice is made in the kernel."""

CURSOR_MOST: Final = 64
"""Overloaded servers in a row that a cursor passes over before the packet goes up."""

FALLBACK_MOST: Final = 256
"""So many others are tried, all slots of sh; then the packet goes up."""

SHORT_MOST: Final = 64
"""Servers that are looked at before Linux 5.17; a packet that needs more goes up."""


REDIRECTS: Final = 9
"""Packets of a server that go up while its host is told of a shorter way. Kernel: `ip_rt_redirect_number`."""


def tcp_next() -> list[list[list[int]]]:
    """The TCP tables with the fifth row: [secure * 3 + direction][row][state, 16 of them]."""
    closing = [int(TcpState.CLOSE)] * len(TcpState)
    return [
        [[*map(int, row), *[0] * (16 - len(row))] for row in (*rows, closing)]
        for table in (tcp_states.NORMAL, tcp_states.SECURE)
        for rows in table
    ]


def active_mask() -> int:
    """A bit for each TCP state that counts as ActiveConn."""
    return sum(1 << state for state in ACTIVE)


def synced_mask() -> int:
    """A bit for each TCP state in which backups are told of a connection."""
    return sum(1 << state for state in SYNC_STATES)
