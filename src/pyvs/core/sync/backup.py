"""The backup: takes messages of both versions and keeps the connections that they tell of.

What comes by multicast may come from anyone: nothing here raises, an entry that can't be true is counted and left out.
Kernel: `ip_vs_process_message`, `ip_vs_proc_conn`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyvs.core.connections.binding import find_dest, try_bind_dest
from pyvs.core.connections.birth import new_connection
from pyvs.core.connections.connection import Connection, Sequence
from pyvs.core.connections.expiry import expire_now, put
from pyvs.core.connections.table import template_key
from pyvs.core.control.specs import DaemonSpec
from pyvs.core.flags import (
    CONN_BACKUP_MASK,
    CONN_BACKUP_UPDATE_MASK,
    FWD_MASK,
    ConnFlag,
    Forward,
    Proto,
)
from pyvs.core.persistence import ENGINES
from pyvs.core.persistence.engine import PersistenceEngine
from pyvs.core.reasons import Reason
from pyvs.core.sync import message_v0, message_v1
from pyvs.core.sync.entry import SequenceNumbers, SyncEntry

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace

TEMPLATE_TIMEOUT: Final = 180.0
"""Seconds that a template of version 0 lives, which does not tell."""


class Backup:
    """The receiving role."""

    def __init__(self, ns: Namespace, spec: DaemonSpec) -> None:
        self.ns = ns
        self.spec = spec

    def receive(self, message: bytes) -> None:
        """Take a datagram. Never raises."""
        reasons = self.ns.reasons
        message = message[: self.spec.maxlen]
        if len(message) < message_v0.HEADER.size or len(message) != message[2] << 8 | message[3]:
            reasons[Reason.SYNC_SIZE] += 1
            return
        if self.spec.syncid and message[1] != self.spec.syncid:
            reasons[Reason.SYNC_OTHER_ID] += 1
            return
        v1 = message_v1.is_v1(message)
        for entry in (message_v1 if v1 else message_v0).parse(message):
            refused = entry if isinstance(entry, Reason) else self._take(entry, v1)
            if refused is not None:
                reasons[refused] += 1

    def _take(self, entry: SyncEntry, v1: bool) -> Reason | None:
        """Judge an entry and take it; why it was refused. Kernel: second half of `ip_vs_proc_sync_conn`."""
        flags = entry.flags & CONN_BACKUP_MASK if v1 else entry.flags & ~ConnFlag.HASHED
        flags |= ConnFlag.SYNC
        if not flags & ConnFlag.TEMPLATE:
            protocol = self.ns.protocols.get(entry.protocol)
            if protocol is None:
                return Reason.SYNC_UNKNOWN_PROTOCOL
            if entry.state >= len(protocol.state_names):
                return Reason.SYNC_BAD_STATE
        if flags & FWD_MASK > Forward.BYPASS:
            # Differs: methods that do not exist are refused; the kernel keeps a connection that goes nowhere
            return Reason.SYNC_BAD_METHOD
        pe = None
        if entry.pe_data:
            pe = ENGINES.get(entry.pe_name.decode("ascii", "replace"))
            if pe is None:
                return Reason.SYNC_NO_ENGINE
        return self._keep(entry, flags, pe)

    def _keep(self, entry: SyncEntry, flags: int, pe: PersistenceEngine | None) -> Reason | None:
        """Update the connection, or make it. Kernel: `ip_vs_proc_conn`."""
        ns = self.ns
        conn = self._find(entry, flags, pe)
        if (
            conn is not None
            and not flags & ConnFlag.TEMPLATE
            and (conn.dport != entry.dport or conn.daddr != entry.daddr)
        ):
            if flags & ConnFlag.INACTIVE:
                return Reason.SYNC_REPLACED
            expire_now(ns, conn)
            conn = None
        if conn is None:
            if ns.connections.full:
                return Reason.NO_MEMORY
            conn = self._new(entry, flags, pe)
        else:
            _update_flags(conn, flags)
            if conn.dest is None:
                try_bind_dest(ns, conn)
        if entry.in_seq is not None and entry.out_seq is not None:
            conn.in_seq = _sequence(entry.in_seq)
            conn.out_seq = _sequence(entry.out_seq)
        conn.in_pkts = ns.sysctl.sync_threshold[0]
        conn.state = conn.old_state = entry.state
        conn.timeout = float(entry.timeout) or self._usual_timeout(entry, flags)
        put(ns, conn)
        return None

    def _find(self, entry: SyncEntry, flags: int, pe: PersistenceEngine | None) -> Connection | None:
        table = self.ns.connections
        vaddr = _vaddr(entry)
        if not flags & ConnFlag.TEMPLATE:
            ports = entry.cport.to_bytes(2, "big") + entry.vport.to_bytes(2, "big")
            return table.find_synced(entry.protocol, entry.caddr + vaddr + ports)
        if pe is not None:
            return table.find_named_template(
                entry.protocol, entry.caddr, vaddr, entry.vport, pe.name, entry.pe_data
            )
        if not entry.cport:
            return table.find_template(entry.protocol, entry.caddr, vaddr, entry.vport)
        key = template_key(entry.caddr, entry.cport, vaddr, entry.vport)
        return table.templates.get((entry.protocol, key))

    def _new(self, entry: SyncEntry, flags: int, pe: PersistenceEngine | None) -> Connection:
        ns = self.ns
        wanted = Connection(
            entry.af,
            entry.protocol,
            entry.caddr,
            entry.cport,
            _vaddr(entry),
            entry.vport,
            entry.af,  # directors that synchronise have no servers of another family than their service's
            entry.daddr,
            entry.dport,
            flags,
        )
        wanted.fwmark = entry.fwmark
        return new_connection(
            ns,
            entry.af,
            entry.protocol,
            entry.caddr,
            entry.cport,
            wanted.vaddr,
            entry.vport,
            entry.af,
            entry.daddr,
            entry.dport,
            flags,
            find_dest(ns, wanted),
            fwmark=entry.fwmark,
            pe=pe if flags & ConnFlag.TEMPLATE else None,
            pe_data=entry.pe_data if flags & ConnFlag.TEMPLATE else b"",
        )

    def _usual_timeout(self, entry: SyncEntry, flags: int) -> float:
        protocol = self.ns.protocols.get(entry.protocol)
        if flags & ConnFlag.TEMPLATE or protocol is None or entry.state >= len(protocol.timeouts):
            return TEMPLATE_TIMEOUT
        return protocol.timeouts[entry.state]


def _vaddr(entry: SyncEntry) -> bytes:
    """The virtual address; of a template by mark the mark's four bytes count, the rest is zero."""
    return entry.vaddr[:4].ljust(len(entry.vaddr), b"\0") if entry.protocol == Proto.IP else entry.vaddr


def _update_flags(conn: Connection, flags: int) -> None:
    dest = conn.dest
    if (conn.flags ^ flags) & ConnFlag.INACTIVE and not flags & ConnFlag.TEMPLATE and dest is not None:
        change = -1 if flags & ConnFlag.INACTIVE else 1
        dest.activeconns += change
        dest.inactconns -= change
    conn.flags = int(flags & CONN_BACKUP_UPDATE_MASK | conn.flags & ~CONN_BACKUP_UPDATE_MASK)


def _sequence(numbers: SequenceNumbers) -> Sequence:
    return Sequence(*numbers)
