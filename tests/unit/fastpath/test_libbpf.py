import ctypes
import errno
import os
from collections.abc import Iterator
from typing import Any, cast

import pytest

from pyvs.fastpath import build, maps, objects
from pyvs.fastpath import libbpf as module
from pyvs.fastpath.errors import FastPathUnavailable
from pyvs.fastpath.fast import FastPath
from pyvs.fastpath.libbpf import call, libbpf, pointer


@pytest.fixture
def library() -> module.Library:
    try:
        return libbpf()
    except FastPathUnavailable as why:
        pytest.skip(str(why))


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NAMES", ("libnothing.so.7",))
    with pytest.raises(FastPathUnavailable, match=r"libbpf\.so\.1 or \.so\.0"):
        libbpf.__wrapped__()


def test_a_failure_is_an_error(library: module.Library) -> None:
    with pytest.raises(OSError, match="descriptor") as caught:
        call("bpf_map_delete_elem", -1, b"1234")
    assert caught.value.errno == errno.EBADF
    with pytest.raises(OSError, match="No such file"):
        pointer("bpf_object__open_file", b"/nowhere", None)
    assert any("nowhere" in line for line in library.said())
    assert library.said() == []


def test_sizes_of_structures() -> None:
    assert ctypes.sizeof(module.TestRunOptions) == 80


class Older:
    """libbpf as 0.5 has it: without three functions of now, with two of the time before."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        next_map, next_program = library["bpf_object__next_map"], library["bpf_object__next_program"]
        two = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
        for function in (next_map, next_program):
            function.restype, function.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_void_p]
        self.bpf_map__next = two(lambda before, whole: next_map(whole, before))
        self.bpf_program__next = two(lambda before, whole: next_program(whole, before))

    def __getattr__(self, name: str) -> Any:
        if name in {"bpf_object__next_map", "bpf_object__next_program", "bpf_program__set_flags"}:
            raise AttributeError(name)
        return getattr(self._library, name)


@pytest.fixture
def older(library: module.Library, monkeypatch: pytest.MonkeyPatch) -> Iterator[module.Library]:
    name = next(name for name in module.NAMES if _is_here(name))
    made = module.Library(cast("ctypes.CDLL", Older(ctypes.CDLL(name, use_errno=True))))
    for room in (module, objects, maps):
        monkeypatch.setattr(room, "libbpf", lambda: made)
    yield made
    libbpf.cache_clear()  # what is said goes to the one that was made last


def _is_here(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def test_the_library_of_ubuntu_22_04(older: module.Library) -> None:
    assert not older.has("bpf_program__set_flags")
    assert older.has("bpf_tc_attach")
    handle = pointer("bpf_object__open_file", str(build.program("pyvs_repeat")).encode(), None)
    found, programs = [], 0
    at = older.bpf_object__next_map(handle, None)
    while at:
        found.append(older.bpf_map__name(at))
        at = older.bpf_object__next_map(handle, at)
    at = older.bpf_object__next_program(handle, None)
    while at:
        programs += 1
        at = older.bpf_object__next_program(handle, at)
    older.bpf_object__close(handle)
    assert {b"courses", b"tested_tc", b"tested_xdp"} <= set(found)
    assert programs == 2


@pytest.mark.root
def test_programs_are_loaded_by_the_library_of_ubuntu_22_04(older: module.Library) -> None:
    if os.geteuid() != 0:
        pytest.skip("programs can be loaded by root only")
    fast = FastPath.open("tc", connections=64)
    try:
        assert fast.settings.at(0)["hop_age"]
        assert [ended for stretch in fast.sweep() for ended in stretch] == []
    finally:
        fast.close()
