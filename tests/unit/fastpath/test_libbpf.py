import ctypes
import errno

import pytest

from pyvs.fastpath import libbpf as module
from pyvs.fastpath.errors import FastPathUnavailable
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
