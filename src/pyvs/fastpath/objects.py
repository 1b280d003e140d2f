"""An object file, loaded: its programs and maps. Maps may be pinned, and are then taken over when they are there."""

from __future__ import annotations

import contextlib
import errno
import platform
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Final

from pyvs.core.flags import Family
from pyvs.fastpath.errors import NEEDS_ROOT, FastPathUnavailable
from pyvs.fastpath.libbpf import call, libbpf, pointer
from pyvs.fastpath.maps import VERDICT, said

BY_FAMILY: Final = {Family.INET: "conns4", Family.INET6: "conns6"}
"""The table of a family's connections."""
CONNECTIONS: Final = tuple(BY_FAMILY.values())
TEMPLATES: Final = ("templates", "template_numbers")
_CONSTANTS: Final = "rodata"
_ANY_ALIGNMENT: Final = 2
"""`BPF_F_ANY_ALIGNMENT`."""
_UNALIGNED: Final = frozenset({"x86_64", "amd64", "aarch64", "arm64"})
"""Processors that read and write at any address. Kernels that don't rely on it (user-mode Linux) must be told."""


class LoadedObject:
    """Programs and maps of one object file in the kernel, until `close`; pinned maps stay."""

    def __init__(
        self,
        path: Path,
        *,
        pins: Path | None = None,
        sizes: Mapping[str, int] | None = None,
        shared: Mapping[str, int] | None = None,
        apart: Container[str] = (),
    ) -> None:
        """pins: folder for the maps; sizes: entries of maps; shared: descriptors of maps to use instead of own ones.

        apart: maps that are not pinned. Constants are each object's own. Raises FastPathUnavailable with what libbpf
        or the verifier says.
        """
        self.path = path
        try:
            self._handle = pointer("bpf_object__open_file", str(path).encode(), None)
        except OSError as error:
            raise FastPathUnavailable(
                f"the programs in {path.name} can't be read: {error.strerror}"
            ) from None
        self.maps: dict[str, int] = _Maps(path.name)
        self._handles: dict[str, int] = {}
        handle = libbpf().bpf_object__next_map(self._handle, None)
        while handle:
            name = libbpf().bpf_map__name(handle).decode()
            self._handles[_plain(name)] = handle
            handle = libbpf().bpf_object__next_map(self._handle, handle)
        for name, handle in self._handles.items():
            if sizes and name in sizes:
                call("bpf_map__set_max_entries", handle, sizes[name])
            if name == _CONSTANTS:
                continue
            if shared and name in shared:
                call("bpf_map__reuse_fd", handle, shared[name])
            elif pins is not None and name not in apart:
                call("bpf_map__set_pin_path", handle, str(pins / name).encode())
        if platform.machine() in _UNALIGNED and libbpf().has("bpf_program__set_flags"):
            self._allow_any_alignment()
        try:
            call("bpf_object__load", self._handle)
        except OSError as error:
            reason = said()
            libbpf().bpf_object__close(self._handle)
            if error.errno == errno.EPERM and VERDICT not in reason:
                raise FastPathUnavailable(
                    f"{NEEDS_ROOT}, of the host and not of a user namespace: the kernel takes no program from this one"
                ) from None
            raise FastPathUnavailable(
                f"the kernel does not take {path.name}: {error.strerror}; {reason}"
            ) from None
        for name, handle in self._handles.items():
            self.maps[name] = libbpf().bpf_map__fd(handle)

    def _allow_any_alignment(self) -> None:
        program = libbpf().bpf_object__next_program(self._handle, None)
        while program:
            call("bpf_program__set_flags", program, _ANY_ALIGNMENT)
            program = libbpf().bpf_object__next_program(self._handle, program)

    def entries(self, name: str) -> int:
        """How many a map can hold. Raises KeyError."""
        return int(libbpf().bpf_map__max_entries(self._handles[name]))

    def program(self, name: str) -> int:
        """A program's descriptor. Raises FastPathUnavailable, OSError."""
        return call("bpf_program__fd", self.handle_of(name))

    def handle_of(self, name: str) -> int:
        """A program for libbpf's functions. Raises FastPathUnavailable."""
        found = libbpf().bpf_object__find_program_by_name(self._handle, name.encode())
        if not found:
            raise FastPathUnavailable(_without(self.path.name, "program", name))
        return int(found)

    def close(self) -> None:
        """Let go of it."""
        if self._handle:
            libbpf().bpf_object__close(self._handle)
            self._handle = 0


@contextlib.contextmanager
def begun(loaded: LoadedObject) -> Iterator[LoadedObject]:
    """An object file that is closed when what is done with it at first fails."""
    try:
        yield loaded
    except BaseException:
        loaded.close()
        raise


class _Maps(dict[str, int]):
    """Descriptors by name; one that is not there is told in a sentence."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self._file = file

    def __missing__(self, name: str) -> int:
        raise FastPathUnavailable(_without(self._file, "map", name))


def _without(file: str, kind: str, name: str) -> str:
    return f"{file} is not this version's object file: it has no {kind} {name}"


def _plain(name: str) -> str:
    """A map's name; those of global variables are called by their section."""
    if name.endswith(".data"):
        return "settings"
    return _CONSTANTS if name.endswith(".rodata") else name.removeprefix(".")
