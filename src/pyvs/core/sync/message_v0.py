"""Synchronisation messages of version 0: IPv4 only, no timeouts, no marks.

    header   connections 1, syncid 1, size 2
    entry    0 1, protocol 1, cport 2, vport 2, dport 2, caddr 4, vaddr 4, daddr 4, flags 2, state 2
             then, with a sequence flag, in_seq 12 and out_seq 12

All in network order but for the sequences, which the kernel copies as they lie in its memory, in the order of
the machine. So two directors of different byte order do not agree on them; version 1 was made for that.
Kernel: `struct ip_vs_sync_mesg_v0`, `struct ip_vs_sync_conn_v0`.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final

from pyvs.core.flags import Family
from pyvs.core.reasons import Reason
from pyvs.core.sync.entry import NO_SEQUENCE, SEQUENCES, SyncEntry

HEADER: Final = Struct("!BBH")
ENTRY: Final = Struct("!BBHHH4s4s4sHH")
OPTIONS: Final = Struct("=6I")


def write_header(count: int, syncid: int, size: int) -> bytes:
    """The four bytes before the entries; `size` is that of the whole message."""
    return HEADER.pack(count & 0xFF, syncid, size)


def write_entry(entry: SyncEntry) -> bytes:
    """The 24 or 48 bytes of an entry of family IPv4. Kernel: `ip_vs_sync_conn_v0`."""
    written = ENTRY.pack(
        0,
        entry.protocol,
        entry.cport,
        entry.vport,
        entry.dport,
        entry.caddr,
        entry.vaddr,
        entry.daddr,
        entry.flags & 0xFFFF,
        entry.state,
    )
    if entry.flags & SEQUENCES:
        written += OPTIONS.pack(*(entry.in_seq or NO_SEQUENCE), *(entry.out_seq or NO_SEQUENCE))
    return written


def parse(message: bytes) -> Iterator[SyncEntry | Reason]:
    """The entries of a message, and why the rest of it was not taken. Kernel: `ip_vs_process_message_v0`.

    The message is at least as long as its header.
    """
    at = HEADER.size
    for _ in range(message[0]):
        if at + ENTRY.size > len(message):
            yield Reason.SYNC_CUT_OFF
            return
        _zero, protocol, cport, vport, dport, caddr, vaddr, daddr, flags, state = ENTRY.unpack_from(
            message, at
        )
        at += ENTRY.size
        in_seq = out_seq = None
        if flags & SEQUENCES:
            if at + OPTIONS.size > len(message):
                yield Reason.SYNC_CUT_OFF
                return
            six = OPTIONS.unpack_from(message, at)
            in_seq, out_seq = six[:3], six[3:]
            at += OPTIONS.size
        yield SyncEntry(
            Family.INET,
            protocol,
            caddr,
            cport,
            vaddr,
            vport,
            daddr,
            dport,
            flags,
            state,
            in_seq=in_seq,
            out_seq=out_seq,
        )
