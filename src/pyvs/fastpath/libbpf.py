"""The library that loads the programs, by ctypes: `libbpf.so.1`, or the `.so.0` of older systems.

Functions return what libbpf returns; `call` turns a failure into OSError.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from ctypes import c_char_p, c_int, c_size_t, c_uint32, c_uint64, c_void_p
from functools import cache, partial
from typing import Any, Final

from pyvs.fastpath.errors import FastPathUnavailable

NAMES: Final = ("libbpf.so.1", "libbpf.so.0")
_STRICT_ALL: Final = 0xFFFFFFFF
_LONGEST: Final = 1 << 20
"""Bytes of a warning: one may hold all that the verifier says of a program."""

_Print = ctypes.CFUNCTYPE(c_int, c_int, c_char_p, c_void_p)


class TestRunOptions(ctypes.Structure):
    """`struct bpf_test_run_opts`."""

    _fields_ = (
        ("sz", c_size_t),
        ("data_in", c_void_p),
        ("data_out", c_void_p),
        ("data_size_in", c_uint32),
        ("data_size_out", c_uint32),
        ("ctx_in", c_void_p),
        ("ctx_out", c_void_p),
        ("ctx_size_in", c_uint32),
        ("ctx_size_out", c_uint32),
        ("retval", c_uint32),
        ("repeat", c_int),
        ("duration", c_uint32),
        ("flags", c_uint32),
        ("cpu", c_uint32),
        ("batch_size", c_uint32),
    )


class TcHook(ctypes.Structure):
    """`struct bpf_tc_hook`."""

    _fields_ = (("sz", c_size_t), ("ifindex", c_int), ("attach_point", c_int), ("parent", c_uint32))


class TcOptions(ctypes.Structure):
    """`struct bpf_tc_opts`."""

    _fields_ = (
        ("sz", c_size_t),
        ("prog_fd", c_int),
        ("flags", c_uint32),
        ("prog_id", c_uint32),
        ("handle", c_uint32),
        ("priority", c_uint32),
    )


RING_SAMPLE: Final = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_size_t)
"""Called with each sample of a ring: context, data, size."""

_SIGNATURES: Final[dict[str, tuple[Any, ...]]] = {
    "bpf_object__open_file": (c_void_p, c_char_p, c_void_p),
    "bpf_object__load": (c_int, c_void_p),
    "bpf_object__close": (None, c_void_p),
    "bpf_object__find_program_by_name": (c_void_p, c_void_p, c_char_p),
    "bpf_object__next_map": (c_void_p, c_void_p, c_void_p),
    "bpf_object__next_program": (c_void_p, c_void_p, c_void_p),
    "bpf_program__fd": (c_int, c_void_p),
    "bpf_program__set_flags": (c_int, c_void_p, c_uint32),
    "bpf_program__attach_iter": (c_void_p, c_void_p, c_void_p),
    "bpf_link__fd": (c_int, c_void_p),
    "bpf_link__destroy": (c_int, c_void_p),
    "bpf_map__name": (c_char_p, c_void_p),
    "bpf_map__fd": (c_int, c_void_p),
    "bpf_map__set_pin_path": (c_int, c_void_p, c_char_p),
    "bpf_map__reuse_fd": (c_int, c_void_p, c_int),
    "bpf_map__max_entries": (c_uint32, c_void_p),
    "bpf_map__set_max_entries": (c_int, c_void_p, c_uint32),
    "bpf_map_lookup_elem": (c_int, c_int, c_char_p, c_void_p),
    "bpf_map_update_elem": (c_int, c_int, c_char_p, c_char_p, c_uint64),
    "bpf_map_delete_elem": (c_int, c_int, c_char_p),
    "bpf_map_lookup_batch": (c_int, c_int, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p),
    "bpf_map_update_batch": (c_int, c_int, c_char_p, c_char_p, c_void_p, c_void_p),
    "bpf_map_delete_batch": (c_int, c_int, c_char_p, c_void_p, c_void_p),
    "bpf_prog_test_run_opts": (c_int, c_int, c_void_p),
    "bpf_prog_query": (c_int, c_int, c_int, c_uint32, c_void_p, c_void_p, c_void_p),
    "bpf_obj_pin": (c_int, c_int, c_char_p),
    "bpf_obj_get": (c_int, c_char_p),
    "bpf_obj_get_info_by_fd": (c_int, c_int, c_void_p, c_void_p),
    "bpf_link_create": (c_int, c_int, c_int, c_int, c_void_p),
    "bpf_link_update": (c_int, c_int, c_int, c_void_p),
    "bpf_iter_create": (c_int, c_int),
    "bpf_tc_hook_create": (c_int, c_void_p),
    "bpf_tc_attach": (c_int, c_void_p, c_void_p),
    "bpf_tc_detach": (c_int, c_void_p, c_void_p),
    "ring_buffer__new": (c_void_p, c_int, RING_SAMPLE, c_void_p, c_void_p),
    "ring_buffer__consume": (c_int, c_void_p),
    "ring_buffer__epoll_fd": (c_int, c_void_p),
    "ring_buffer__free": (None, c_void_p),
    "libbpf_num_possible_cpus": (c_int,),
    "libbpf_set_print": (c_void_p, c_void_p),
}


_BEFORE_0_6: Final = {
    "bpf_object__next_map": "bpf_map__next",
    "bpf_object__next_program": "bpf_program__next",
}
"""What 0.5 (Ubuntu 22.04) calls functions that take the object second there."""
_SINCE_0_6: Final = frozenset({"bpf_program__set_flags"})
"""Functions that may be missing: `has` tells."""


class Library:
    """libbpf, and what it had to say since it was last asked."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._said: list[str] = []
        libc = ctypes.CDLL(None)
        vsnprintf = libc.vsnprintf
        vsnprintf.argtypes = [c_void_p, c_size_t, c_char_p, c_void_p]

        def take(level: int, form: bytes, values: int) -> int:
            if level <= 1:
                text = ctypes.create_string_buffer(_LONGEST)
                vsnprintf(text, len(text), form, values)
                self._said.append(text.value.decode(errors="replace").rstrip())
                del self._said[:-400]
            return 0

        self._take = _Print(take)
        for name, (result, *arguments) in _SIGNATURES.items():
            if not hasattr(library, name) and name in _SINCE_0_6:
                continue
            reversed_name = "" if hasattr(library, name) else _BEFORE_0_6.get(name, "")
            function = getattr(library, reversed_name or name)
            function.restype, function.argtypes = result, arguments
            if reversed_name:
                setattr(self, name, partial(_swapped, function))
        if hasattr(library, "libbpf_set_strict_mode"):
            library.libbpf_set_strict_mode(_STRICT_ALL)
        library.libbpf_set_print(ctypes.cast(self._take, c_void_p))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._library, name)

    def has(self, name: str) -> bool:
        """Whether this version knows a function."""
        return hasattr(self._library, name)

    def said(self) -> list[str]:
        """Warnings since the last call."""
        said, self._said = self._said, []
        return said


def _swapped(function: Callable[[Any, Any], Any], first: Any, second: Any) -> Any:
    return function(second, first)


@cache
def libbpf() -> Library:
    """The library. Raises FastPathUnavailable when there is none."""
    for name in NAMES:
        try:
            return Library(ctypes.CDLL(name, use_errno=True))
        except (OSError, AttributeError):
            continue
    raise FastPathUnavailable(
        "the fast path needs the library libbpf 0.5 or later (libbpf.so.1 or .so.0), which is not here"
    )


def call(name: str, *arguments: Any) -> int:
    """What a function of libbpf returns. Raises OSError when that is a failure."""
    result = int(getattr(libbpf(), name)(*arguments))
    if result < 0:
        number = ctypes.get_errno() or -result
        raise OSError(number, os.strerror(number), name)
    return result


def pointer(name: str, *arguments: Any) -> int:
    """The pointer that a function of libbpf returns. Raises OSError when it is none."""
    result = getattr(libbpf(), name)(*arguments)
    if not result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    return int(result)
