"""What a synchronisation message says of one connection or template, in either version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pyvs.core.connections.connection import Connection, Sequence
from pyvs.core.flags import ConnFlag, Family

SEQUENCES: Final = ConnFlag.IN_SEQ | ConnFlag.OUT_SEQ
"""With either of these flags an entry carries both sequences. Kernel: `IP_VS_CONN_F_SEQ_MASK`."""

SequenceNumbers = tuple[int, int, int]
"""Initial sequence number, delta and previous delta, each modulo 2**32."""

NO_SEQUENCE: Final[SequenceNumbers] = (0, 0, 0)


@dataclass(slots=True, frozen=True)
class SyncEntry:
    """One connection on the wire: addresses packed, ports and flags numbers, the timeout in seconds."""

    af: Family
    protocol: int
    caddr: bytes
    cport: int
    vaddr: bytes
    vport: int
    daddr: bytes
    dport: int
    flags: int
    state: int
    timeout: int = 0
    """0: not told (version 0)."""
    fwmark: int = 0
    in_seq: SequenceNumbers | None = None
    out_seq: SequenceNumbers | None = None
    pe_name: bytes = b""
    pe_data: bytes = b""


def of(conn: Connection, *, sequences: bool) -> SyncEntry:
    """What is to be told of a connection now.

    sequences: tell by how much a helper has shifted its sequence numbers.
    """
    flags = conn.flags & ~ConnFlag.HASHED & 0xFFFFFFFF
    if not sequences:
        flags &= ~SEQUENCES
    shifted = flags & SEQUENCES
    return SyncEntry(
        conn.af,
        conn.protocol,
        conn.caddr,
        conn.cport,
        conn.vaddr,
        conn.vport,
        conn.daddr,
        conn.dport,
        flags,
        conn.state,
        int(conn.timeout),
        conn.fwmark,
        _numbers(conn.in_seq) if shifted else None,
        _numbers(conn.out_seq) if shifted else None,
        conn.pe.name.encode() if conn.pe is not None and conn.pe_data else b"",
        conn.pe_data,
    )


def _numbers(sequence: Sequence | None) -> SequenceNumbers:
    if sequence is None:
        return NO_SEQUENCE
    return (
        sequence.init_seq & 0xFFFFFFFF,
        sequence.delta & 0xFFFFFFFF,
        sequence.previous_delta & 0xFFFFFFFF,
    )
