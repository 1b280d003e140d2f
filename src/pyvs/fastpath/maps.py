"""Maps of the kernel with typed keys and values, one at a time or many at once."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final

from pyvs.fastpath.libbpf import call, libbpf
from pyvs.fastpath.structure import Layout

BATCH: Final = 4096
ANY: Final = 0
NO_EXIST: Final = 1

Values = dict[str, Any]


class BpfMap:
    """A map by its descriptor. Keys and values are bytes; `values` tells what the fields are."""

    def __init__(self, descriptor: int, key_size: int, values: Layout) -> None:
        self.descriptor = descriptor
        self.key_size = key_size
        self.values = values
        self.size = values.size

    def get(self, key: bytes) -> bytes | None:
        """The value, or None. Raises OSError."""
        room = ctypes.create_string_buffer(self.size)
        try:
            call("bpf_map_lookup_elem", self.descriptor, key, room)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return None
            raise
        return room.raw

    def put(self, key: bytes, value: bytes, flags: int = ANY) -> None:
        """Set a value. Raises OSError: E2BIG when the map is full."""
        call("bpf_map_update_elem", self.descriptor, key, value, flags)

    def delete(self, key: bytes) -> bool:
        """Take an entry out; whether it was there. Raises OSError."""
        try:
            call("bpf_map_delete_elem", self.descriptor, key)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return False
            raise
        return True

    def put_many(self, entries: Iterable[tuple[bytes, bytes]]) -> None:
        """Set many values by few system calls. Raises OSError."""
        keys: list[bytes] = []
        values: list[bytes] = []
        for key, value in entries:
            keys.append(key)
            values.append(value)
            if len(keys) == BATCH:
                self._put_batch(keys, values)
                keys, values = [], []
        if keys:
            self._put_batch(keys, values)

    def _put_batch(self, keys: list[bytes], values: list[bytes]) -> None:
        count = ctypes.c_uint32(len(keys))
        call(
            "bpf_map_update_batch",
            self.descriptor,
            b"".join(keys),
            b"".join(values),
            ctypes.byref(count),
            None,
        )

    def items(self, batch: int = BATCH) -> Iterator[tuple[bytes, bytes]]:
        """All entries of a hash map. One that comes or goes meanwhile may be left out or told twice."""
        before: Any = None
        cursor = ctypes.create_string_buffer(max(self.key_size, 8))
        while True:
            keys = ctypes.create_string_buffer(self.key_size * batch)
            values = ctypes.create_string_buffer(self.size * batch)
            count = ctypes.c_uint32(batch)
            last = False
            try:
                call(
                    "bpf_map_lookup_batch", self.descriptor, before, cursor, keys, values, ctypes.byref(count), None
                )  # fmt: skip
            except OSError as error:
                if error.errno == errno.ENOSPC and batch < 1 << 20:
                    batch *= 2  # one bucket holds more than that
                    continue
                if error.errno != errno.ENOENT:
                    raise
                last = True
            raw_keys, raw_values = keys.raw, values.raw
            for i in range(count.value):
                at, to = i * self.key_size, i * self.size
                yield raw_keys[at : at + self.key_size], raw_values[to : to + self.size]
            if last:
                return
            before = cursor

    def close(self) -> None:
        """Let go of the descriptor."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class ArrayMap(BpfMap):
    """An array: keys are numbers."""

    def __init__(self, descriptor: int, values: Layout) -> None:
        super().__init__(descriptor, 4, values)

    def at(self, index: int) -> Values:
        """The fields of an element. Raises OSError."""
        value = self.get(index.to_bytes(4, sys.byteorder))
        if value is None:
            raise IndexError(index)
        return self.values.unpack(value)

    def set(self, index: int, value: bytes) -> None:
        """Replace an element. Raises OSError."""
        self.put(index.to_bytes(4, sys.byteorder), value)

    def read(self, first: int, many: int) -> list[bytes]:
        """Elements from a number on, as bytes, by one system call; fewer at the array's end. Raises OSError."""
        before = (first - 1).to_bytes(4, sys.byteorder) if first else None
        cursor = ctypes.create_string_buffer(self.key_size)
        keys = ctypes.create_string_buffer(self.key_size * many)
        values = ctypes.create_string_buffer(self.size * many)
        count = ctypes.c_uint32(many)
        try:
            call(
                "bpf_map_lookup_batch", self.descriptor, before, cursor, keys, values, ctypes.byref(count), None
            )  # fmt: skip
        except OSError as error:
            if error.errno != errno.ENOENT:  # that is the end
                raise
        raw = values.raw
        return [raw[at : at + self.size] for at in range(0, count.value * self.size, self.size)]


class PerCpuArray(ArrayMap):
    """An array with a value for each processor; what is read is their sum."""

    def __init__(self, descriptor: int, values: Layout) -> None:
        super().__init__(descriptor, values)
        self.processors = call("libbpf_num_possible_cpus")
        self._each = (values.size + 7) // 8 * 8
        self.size = self._each * self.processors

    def total(self, index: int) -> dict[str, int]:
        """The sums of an element's fields over the processors. Raises OSError."""
        raw = self.get(index.to_bytes(4, sys.byteorder))
        if raw is None:
            raise IndexError(index)
        return self.sum(raw)

    def totals(self, count: int) -> list[dict[str, int]]:
        """`total` of the first elements, by few system calls."""
        return [self.sum(raw) for raw in self.read(0, count)]

    def sum(self, raw: bytes) -> dict[str, int]:
        """The sums over the processors of what `read` gave of an element."""
        total = dict.fromkeys(self.values.names, 0)
        for processor in range(self.processors):
            part = self.values.unpack(raw[processor * self._each : processor * self._each + self.values.size])
            for name, value in part.items():
                total[name] += int(value)
        return total


_VERIFIED: Final = "END PROG LOAD LOG"
"""What libbpf writes behind the verifier's words."""
VERDICT: Final = "the verifier says: "


def said() -> str:
    """The most telling line of what libbpf had to say last: the verifier's verdict, if there is one."""
    lines = [line for line in libbpf().said() if line]
    for log in lines:
        verdict = [
            line for line in log.splitlines() if line and not line.startswith(("processed ", "--", "libbpf:"))
        ]
        if _VERIFIED in log and verdict:
            return f"{VERDICT}{verdict[-1]}"
    telling = [line for line in lines if "failed" in line or "Error" in line or "rejected" in line]
    return (telling or lines or ["it gave no reason"])[0]
