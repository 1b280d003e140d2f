"""How large the tables of connections are: as was asked for, else by the memory; pinned ones as they are."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pyvs.fastpath.layout import CONN4, CONN6, KEY4, KEY6
from pyvs.fastpath.libbpf import call
from pyvs.fastpath.objects import CONNECTIONS, TEMPLATES
from pyvs.fastpath.tables import LIMITS

ENTRIES: Final = 2
"""Of a connection with NAT; others have one."""
_HEAD: Final = 48
"""What the kernel keeps beside key and value. Kernel: `struct htab_elem`."""
_BUCKET: Final = 16
_SHARE: Final = 64
LEAST_ENTRIES: Final = 1 << 16
LEAST: Final = 1 << 10
"""Connections of each family, at least; at most:"""
MOST: Final = 1 << 24
_INFO_SIZE: Final = 80
_INFO_ENTRIES: Final = 16
"""Where `struct bpf_map_info` has the most entries."""


def entry_bytes(key: int, value: int) -> int:
    """What an entry takes, its place in the hash included."""
    return _HEAD + (key + 7) // 8 * 8 + (value + 7) // 8 * 8 + _BUCKET


ENTRY_BYTES: Final = entry_bytes(KEY4.size, CONN4.size)
"""Of IPv4."""
CONNECTION_BYTES: Final = ENTRIES * (ENTRY_BYTES + entry_bytes(KEY6.size, CONN6.size))
"""What room for a connection of each family takes."""


def memory() -> int:
    """Bytes that this host has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def entries_for_memory() -> int:
    """Entries of a connection table that take about a 64th of this host's memory: a power of two."""
    entries = 1 << (memory() // _SHARE // ENTRY_BYTES).bit_length() - 1
    return min(max(entries, LEAST_ENTRIES), LIMITS["MAX_CONNECTIONS"])


def most_connections() -> int:
    """Connections of each family for which half of this host's memory has room."""
    return min(memory() // 2 // CONNECTION_BYTES, MOST)


def of_maps(entries: int) -> dict[str, int]:
    """Entries of each map, by those of a connection table."""
    templates = max(min(entries // ENTRIES, LIMITS["MAX_TEMPLATES"]), 1)
    return dict.fromkeys(CONNECTIONS, entries) | dict.fromkeys(TEMPLATES, templates)


def pinned(folder: Path, names: Iterable[str]) -> dict[str, int]:
    """Entries of those maps that are pinned in a folder. Raises OSError."""
    found = {}
    for name in names:
        pin = folder / name
        if not pin.exists():
            continue
        info, size = ctypes.create_string_buffer(_INFO_SIZE), ctypes.c_uint32(_INFO_SIZE)
        descriptor = call("bpf_obj_get", os.fsencode(pin))
        try:
            call("bpf_obj_get_info_by_fd", descriptor, info, ctypes.byref(size))
        finally:
            os.close(descriptor)
        found[name] = int.from_bytes(info.raw[_INFO_ENTRIES : _INFO_ENTRIES + 4], sys.byteorder)
    return found
