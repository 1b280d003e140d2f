"""Connections as entries of the maps, and back.

NAT has two: by what the client's packets say, and by what the server's do. Direct routing and tunnels have one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pyvs.core.flags import Family, Forward
from pyvs.core.packet.checksum import delta, fold
from pyvs.fastpath.layout import CONN4, CONN6, KEY4, KEY6
from pyvs.fastpath.tables import Status

STATE: Final = 0xFF
METHOD_SHIFT: Final = 16
_NUMBERS: Final = ("seen", "timeout", "packets", "dest", "told", "told_state", "told_retries", "template")


@dataclass(slots=True)
class OffloadedConnection:
    """A connection that lives in the maps. Addresses packed, ports numbers, times in jiffies."""

    protocol: int
    caddr: bytes
    cport: int
    vaddr: bytes
    vport: int
    daddr: bytes
    dport: int
    forward: int
    state: int
    timeout: int
    """Jiffies of silence that it survives."""
    seen: int = 0
    """Jiffies, modulo 2**32, of its last packet."""
    dest: int = 0
    """The number of its destination."""
    packets: int = 0
    """From the client. Kernel: `in_pkts`."""
    inactive: bool = True
    controlled: bool = False
    """It belongs to a template."""
    answered: bool = False
    """Of one with one entry: the server's packets come by here too."""
    synced: bool = False
    """It came by synchronisation."""
    told: int = 0
    """Jiffies, modulo 2**32, of its end as the backups know it."""
    told_state: int = 0
    told_retries: int = 0
    template: int = 0
    """The number of the template that it belongs to, 0: none in the maps."""
    to_assure: bool = False
    """Of UDP: the server's next packet tells the template."""

    @property
    def af(self) -> Family:
        """The family of the client's side."""
        return Family.INET if len(self.caddr) == 4 else Family.INET6

    @property
    def single(self) -> bool:
        """It has one entry."""
        return self.forward != Forward.MASQ


Entry = tuple[bytes, bytes]
"""Key and value."""


def native(sum_: int) -> int:
    """A sum of words in network order as the programs add it up: in this machine's order."""
    return int.from_bytes(sum_.to_bytes(2, "big"), sys.byteorder)


def key(protocol: int, saddr: bytes, daddr: bytes, sport: int, dport: int) -> bytes:
    """The key of packets from one end to the other."""
    layout = KEY4 if len(saddr) == 4 else KEY6
    return layout.pack(
        saddr=saddr,
        daddr=daddr,
        sport=sport.to_bytes(2, "big"),
        dport=dport.to_bytes(2, "big"),
        protocol=protocol,
    )


def client_key(conn: OffloadedConnection) -> bytes:
    """The key of the client's packets."""
    return key(conn.protocol, conn.caddr, conn.vaddr, conn.cport, conn.vport)


def server_key(conn: OffloadedConnection) -> bytes:
    """The key of the server's packets, with NAT."""
    return key(conn.protocol, conn.daddr, conn.caddr, conn.dport, conn.cport)


def to_entries(conn: OffloadedConnection) -> list[Entry]:
    """The entries of a connection, the server's first: a connection begins with its client's."""
    layout = CONN4 if len(conn.caddr) == 4 else CONN6
    status = conn.state | conn.forward << METHOD_SHIFT
    shared = {
        "seen": conn.seen & 0xFFFFFFFF,
        "timeout": conn.timeout,
        "dest": conn.dest,
        "template": conn.template,
    }
    if conn.to_assure:
        status |= Status.TO_ASSURE
    inward = status
    if conn.inactive:
        inward |= Status.INACTIVE
    if conn.controlled:
        inward |= Status.CONTROLLED
    if conn.synced:
        inward |= Status.SYNCED
    told = {"told": conn.told & 0xFFFFFFFF, "told_state": conn.told_state, "told_retries": conn.told_retries}
    if conn.single:
        inward |= Status.SINGLE if conn.answered else Status.SINGLE | Status.INPUT_ONLY
        port = conn.dport.to_bytes(2, "big")
        value = layout.pack(**shared, **told, packets=conn.packets, status=inward, port=port)
        return [(client_key(conn), value)]
    entries = []
    own = {"packets": conn.packets, **told}
    for old, new, old_port, new_port, its_key, its_status, more in (
        (conn.daddr, conn.vaddr, conn.dport, conn.vport, server_key(conn), status | Status.REPLY, {}),
        (conn.vaddr, conn.daddr, conn.vport, conn.dport, client_key(conn), inward, own),
    ):
        port = new_port.to_bytes(2, "big")
        addr_check = delta(old, new)
        value = layout.pack(
            **shared,
            **more,
            status=its_status,
            port=port,
            addr_check=native(addr_check),
            check=native(fold(addr_check + delta(old_port.to_bytes(2, "big"), port))),
            addr=new,
        )
        entries.append((its_key, value))
    return entries


def from_entry(raw_key: bytes, raw_value: bytes) -> OffloadedConnection | None:
    """The connection of a client's entry; None for a server's and for a claim.

    One with a single entry has no server's address: see `views.complete`.
    """
    six = len(raw_key) == KEY6.size
    value = (CONN6 if six else CONN4).unpack(raw_value)
    status = int(value["status"])
    if status & (Status.REPLY | Status.CLAIMED):
        return None
    ends = (KEY6 if six else KEY4).unpack(raw_key)
    numbers = {name: int(value[name]) for name in _NUMBERS}
    return OffloadedConnection(
        protocol=int(ends["protocol"]),
        caddr=bytes(ends["saddr"]),
        cport=int.from_bytes(bytes(ends["sport"]), "big"),
        vaddr=bytes(ends["daddr"]),
        vport=int.from_bytes(bytes(ends["dport"]), "big"),
        daddr=bytes(value["addr"]),
        dport=int.from_bytes(bytes(value["port"]), "big"),
        forward=status >> METHOD_SHIFT & 7,
        state=status & STATE,
        inactive=bool(status & Status.INACTIVE),
        controlled=bool(status & Status.CONTROLLED),
        answered=bool(status & Status.SINGLE and not status & Status.INPUT_ONLY),
        synced=bool(status & Status.SYNCED),
        to_assure=bool(status & Status.TO_ASSURE),
        **numbers,
    )


def reply_of(conn: OffloadedConnection, value_of: Callable[[bytes], bytes | None]) -> dict[str, Any] | None:
    """The fields of a connection's other entry, unless a newer one has it. value_of: the entry of a key."""
    value = value_of(server_key(conn))
    fields = {} if value is None else (CONN4 if len(conn.caddr) == 4 else CONN6).unpack(value)
    newest = (fields.get("addr"), fields.get("port")) == (conn.vaddr, conn.vport.to_bytes(2, "big"))
    return fields if newest else None


def note_reply(conn: OffloadedConnection, fields: dict[str, Any] | None) -> None:
    """Let a connection have the later of both directions' times. fields: of its other entry, if there is one."""
    if fields is not None and (fields["seen"] - conn.seen) & 0xFFFFFFFF < 1 << 31:
        conn.seen, conn.timeout = fields["seen"], fields["timeout"]


def client_of(raw: bytes, value_of: Callable[[bytes], bytes | None]) -> bytes | None:
    """The client's key of what may be a server's, if there is such a connection. value_of: the entry of a key."""
    six = len(raw) == KEY6.size
    ends = (KEY6 if six else KEY4).unpack(raw)
    value = value_of(raw)
    if value is not None:
        fields = (CONN6 if six else CONN4).unpack(value)
        if fields["status"] & Status.REPLY:
            return key(
                ends["protocol"],
                bytes(ends["daddr"]),
                bytes(fields["addr"]),
                int.from_bytes(ends["dport"], "big"),
                int.from_bytes(fields["port"], "big"),
            )
        return None
    back = key(
        ends["protocol"],
        bytes(ends["daddr"]),
        bytes(ends["saddr"]),
        int.from_bytes(ends["dport"], "big"),
        int.from_bytes(ends["sport"], "big"),
    )
    value = value_of(back)
    if value is None:
        return None
    status = (CONN6 if six else CONN4).unpack(value)["status"]
    return back if status & Status.SINGLE and not status & Status.CLAIMED else None
