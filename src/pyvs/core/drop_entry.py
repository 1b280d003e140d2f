"""drop_entry at work: what has not come far is ended. Kernel: `ip_vs_random_dropentry` in ip_vs_conn.c."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from pyvs.core.connections.connection import Connection
from pyvs.core.connections.expiry import delete
from pyvs.core.connections.table import SHARDS, STRETCH
from pyvs.core.flags import ConnFlag, Proto
from pyvs.core.namespace import Namespace

SHARE: Final = 32
"""One run looks at so small a part of the table."""

QUIET: Final = 60.0
"""Seconds without a packet before one that is not half open may be dropped."""

FEW: Final = 8
"""Only those with so few packets may be dropped. Kernel: `todrop_rate`."""

ASSURED: Final = 1
"""State of a template whose connections were established. Kernel: `IP_VS_CTPL_S_ASSURED`."""

HALF_OPEN: Final[Mapping[int, frozenset[int]]] = {
    Proto.TCP: frozenset((3, 10)),
    Proto.SCTP: frozenset((1, 2)),
}
"""SYN_RECV and SYNACK; INIT1 and INIT."""

ESTABLISHED: Final[Mapping[int, int]] = {Proto.TCP: 1, Proto.SCTP: 8}


def run(ns: Namespace) -> Iterator[None]:
    """Drop what has not come far, in a random 32nd of the table, a stretch a step. Kernel: `ip_vs_random_dropentry`."""
    part = SHARDS // SHARE
    found: list[Connection] = []
    for shards in ns.connections.incoming.values():
        for at in {ns.random(SHARDS) for _ in range(part)}:
            for head in shards[at].values():
                conn: Connection | None = head
                while conn is not None:
                    found.append(conn)
                    conn = conn.in_next
    chosen = {ns.random(SHARDS) for _ in range(part)}
    for templates in (ns.connections.templates, ns.connections.named_templates):
        for key, head in templates.items():
            if hash(key) % SHARDS in chosen:
                conn = head
                while conn is not None:
                    found.append(conn)
                    conn = conn.in_next
    for count, conn in enumerate(found, 1):
        # One that was seen may be gone meanwhile, with the last of its children.
        if conn.flags & ConnFlag.HASHED and not conn.n_control and _droppable(ns, conn):
            delete(ns, conn)
        if count % STRETCH == 0:
            yield


def _droppable(ns: Namespace, conn: Connection) -> bool:
    if conn.template:
        if conn.dest is not None and conn.dest.service is not None and conn.dest.service.one_packet:
            return _worn(ns, conn)
        return not conn.state & ASSURED
    if conn.protocol not in HALF_OPEN:
        return _worn(ns, conn)
    if conn.state in HALF_OPEN[conn.protocol]:
        return True
    return conn.state == ESTABLISHED[conn.protocol] and _worn(ns, conn)


def _worn(ns: Namespace, conn: Connection) -> bool:
    """One of those with few packets and a quiet minute, each nth of n packets. Kernel: `todrop_entry`."""
    if ns.now + conn.timeout < conn.expires + QUIET:
        return False
    if not 0 < conn.in_pkts <= FEW:
        return False
    turns = ns.defense.turns
    turns[conn.in_pkts] -= 1
    if turns[conn.in_pkts] > 0:
        return False
    turns[conn.in_pkts] = conn.in_pkts
    return True
