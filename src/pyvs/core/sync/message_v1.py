"""Synchronisation messages of version 1: both families, timeouts, marks and options.

    header   0 1, syncid 1, size 2, connections 1, version 1, 0 2
    entry    type 1 (bit 0: IPv6), protocol 1, version and size 2, flags 4, state 2, cport 2, vport 2,
             dport 2, mark 4, timeout 4 (seconds), caddr, vaddr, daddr (4 or 16 each), options
    option   type 1, length 1, data; the entry is filled up to four bytes before another follows

A receiver of version 0 reads a message of zero connections. The size of an entry counts its options, not the
filling. Option type 0x40 and above may be skipped by who does not know it, others may not.
Kernel: `struct ip_vs_sync_mesg`, `struct ip_vs_sync_v4`, `struct ip_vs_sync_v6`.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final

from pyvs.core.flags import Family
from pyvs.core.reasons import Reason
from pyvs.core.sync.entry import NO_SEQUENCE, SEQUENCES, SyncEntry

VERSION: Final = 1
HEADER: Final = Struct("!BBHBbH")
ENTRY: Final = Struct("!BBHIHHHHII")
ADDRESSES_V4: Final = Struct("!4s4s4s")
ADDRESSES_V6: Final = Struct("!16s16s16s")
SEQUENCE_OPTION: Final = Struct("!6I")

TYPE_IPV6: Final = 1
SIZE_MASK: Final = 0x0FFF
SMALLEST: Final = ENTRY.size + ADDRESSES_V4.size

OPTION_SEQUENCES: Final = 1
OPTION_PE_DATA: Final = 2
OPTION_PE_NAME: Final = 3
OPTIONAL: Final = 0x40
"""Bit of an option's type: who does not know it may go on. Kernel: `IPVS_OPT_F_PARAM`."""

PE_NAME_MAX: Final = 16


def write_header(count: int, syncid: int, size: int) -> bytes:
    """The eight bytes before the entries; `size` is that of the whole message."""
    return HEADER.pack(0, syncid, size, count & 0xFF, VERSION, 0)


def write_entry(entry: SyncEntry) -> bytes:
    """An entry with its options, not filled up. Kernel: `ip_vs_sync_conn`."""
    options = b""
    if entry.flags & SEQUENCES:
        options = _option(
            OPTION_SEQUENCES,
            SEQUENCE_OPTION.pack(*(entry.in_seq or NO_SEQUENCE), *(entry.out_seq or NO_SEQUENCE)),
        )
    if entry.pe_data:
        options += _option(OPTION_PE_DATA, entry.pe_data)
        if entry.pe_name:
            options += _option(OPTION_PE_NAME, entry.pe_name)
    six = entry.af == Family.INET6
    addresses = ADDRESSES_V6 if six else ADDRESSES_V4
    return (
        ENTRY.pack(
            TYPE_IPV6 if six else 0,
            entry.protocol,
            (ENTRY.size + addresses.size + len(options)) & SIZE_MASK,
            entry.flags,
            entry.state,
            entry.cport,
            entry.vport,
            entry.dport,
            entry.fwmark,
            entry.timeout & 0xFFFFFFFF,
        )
        + addresses.pack(entry.caddr, entry.vaddr, entry.daddr)
        + options
    )


def _option(kind: int, data: bytes) -> bytes:
    return bytes((kind, len(data))) + data


def is_v1(message: bytes) -> bool:
    """Whether a receiver takes a message for one of version 1 (else it is one of version 0)."""
    if len(message) < HEADER.size:
        return False
    zero, _syncid, _size, _count, version, spare = HEADER.unpack_from(message)
    return bool(zero == 0 and version == VERSION and spare == 0)


def parse(message: bytes) -> Iterator[SyncEntry | Reason]:
    """The entries of a message, and why an entry or the rest of it was not taken.

    Kernel: `ip_vs_process_message`.
    """
    at = HEADER.size
    for _ in range(message[4]):
        if at + SMALLEST > len(message):
            yield Reason.SYNC_CUT_OFF
            return
        size = (message[at + 2] << 8 | message[at + 3]) & SIZE_MASK
        if at + size > len(message):
            yield Reason.SYNC_CUT_OFF
            return
        if message[at + 2] >> 4:
            yield Reason.SYNC_ENTRY_VERSION
            return
        entry = _parse_entry(message, at, at + size)
        yield entry
        if isinstance(entry, Reason) and entry is not Reason.SYNC_UNKNOWN_OPTION:
            return
        at += (size + 3) & ~3


def _parse_entry(message: bytes, at: int, end: int) -> SyncEntry | Reason:
    """One entry. Kernel: first half of `ip_vs_proc_sync_conn`."""
    kind, protocol, _size, flags, state, cport, vport, dport, mark, timeout = ENTRY.unpack_from(message, at)
    at += ENTRY.size
    if kind & TYPE_IPV6:
        family, addresses = Family.INET6, ADDRESSES_V6
    elif kind == 0:
        family, addresses = Family.INET, ADDRESSES_V4
    else:
        return Reason.SYNC_ENTRY_TYPE
    if at + addresses.size > end:
        return Reason.SYNC_CUT_OFF
    caddr, vaddr, daddr = addresses.unpack_from(message, at)
    options = _parse_options(message, at + addresses.size, end)
    if isinstance(options, Reason):
        return options
    sequences = options.get(OPTION_SEQUENCES)
    six = SEQUENCE_OPTION.unpack(sequences) if sequences is not None else None
    return SyncEntry(
        family,
        protocol,
        caddr,
        cport,
        vaddr,
        vport,
        daddr,
        dport,
        flags,
        state,
        timeout,
        mark,
        six[:3] if six else None,
        six[3:] if six else None,
        options.get(OPTION_PE_NAME, b""),
        options.get(OPTION_PE_DATA, b""),
    )


def _parse_options(message: bytes, at: int, end: int) -> dict[int, bytes] | Reason:
    options: dict[int, bytes] = {}
    while at < end:
        if at + 2 > end:
            return Reason.SYNC_BAD_OPTION
        kind, length = message[at] & ~OPTIONAL, message[at + 1]
        at += 2
        if not length or at + length > end:
            return Reason.SYNC_BAD_OPTION
        if kind in (OPTION_SEQUENCES, OPTION_PE_DATA, OPTION_PE_NAME):
            if kind in options or not _fits(kind, length):
                return Reason.SYNC_BAD_OPTION
            options[kind] = message[at : at + length]
        elif not message[at - 2] & OPTIONAL:
            return Reason.SYNC_UNKNOWN_OPTION
        at += length
    return options


def _fits(kind: int, length: int) -> bool:
    if kind == OPTION_SEQUENCES:
        return length == SEQUENCE_OPTION.size
    return kind == OPTION_PE_DATA or length <= PE_NAME_MAX
