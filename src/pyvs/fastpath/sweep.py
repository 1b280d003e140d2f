"""What has been silent for too long ends: the connection tables, gone through in stretches.

The work is done by an iterator in the kernel; each read goes on where the last one stopped.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Collection, Iterator, Mapping
from struct import Struct
from typing import Final, NamedTuple

from pyvs.core.flags import Family
from pyvs.fastpath import build
from pyvs.fastpath.layout import KEY4, KEY6
from pyvs.fastpath.libbpf import call, libbpf, pointer
from pyvs.fastpath.objects import CONNECTIONS, LoadedObject, begun

SWEPT: Final = (*CONNECTIONS, "templates")
"""The tables in which something ends, in the order in which they are gone through."""
RECORD: Final = Struct(f"=IIII{KEY6.size}s")
"""Family or 0, status, destination, packets and key of what ended."""
STRETCH: Final = RECORD.size * 32
"""Bytes of a read: so many records of what ended, or marks, of which each stands for 256 entries looked at."""


class Ended(NamedTuple):
    """A connection that a sweep ended."""

    key: bytes
    """Of its client's packets."""
    status: int
    dest: int
    packets: int


class _LinkInfo(ctypes.Structure):
    _fields_ = (("map_fd", ctypes.c_uint32), ("rest", ctypes.c_uint32 * 7))


class _IterOptions(ctypes.Structure):
    _fields_ = (
        ("sz", ctypes.c_size_t),
        ("link_info", ctypes.c_void_p),
        ("link_info_len", ctypes.c_uint32),
    )


class Sweeper:
    """The iterators over the connection tables of a fast path."""

    def __init__(self, maps: Mapping[str, int]) -> None:
        """maps: descriptors by name. Raises FastPathUnavailable: a kernel without type information, say."""
        with begun(LoadedObject(build.program("pyvs_sweep"), shared=maps)) as self._object:
            programs = ("sweep4", "sweep6", "sweep_templates")
            self._links = {
                table: self._attach(program, maps[table])
                for table, program in zip(SWEPT, programs, strict=True)
            }

    def _attach(self, program: str, table: int) -> int:
        info = _LinkInfo(map_fd=table)
        options = _IterOptions(
            sz=ctypes.sizeof(_IterOptions), link_info=ctypes.addressof(info), link_info_len=4
        )
        return pointer("bpf_program__attach_iter", self._object.handle_of(program), ctypes.byref(options))

    def stretches(self, tables: Collection[str]) -> Iterator[list[Ended]]:
        """One sweep of these tables: what ended in each stretch of it. Between two of them anything may be done.

        Raises OSError.
        """
        for link in [link for table, link in self._links.items() if table in tables]:
            reader = call("bpf_iter_create", call("bpf_link__fd", link))
            try:
                while data := os.read(reader, STRETCH):
                    yield list(ended_of(data))
            finally:
                os.close(reader)

    def close(self) -> None:
        """Let go of it."""
        for link in self._links.values():
            libbpf().bpf_link__destroy(link)
        self._links = {}
        self._object.close()


def ended_of(data: bytes) -> Iterator[Ended]:
    """What records say."""
    for kind, status, dest, packets, key in RECORD.iter_unpack(data):
        if kind:
            size = KEY4.size if kind == Family.INET else KEY6.size
            yield Ended(key[:size], status, dest, packets)
