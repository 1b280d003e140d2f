"""Which way programs come to devices and go from them; the kernel is a list of what was asked of it."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from pyvs.fastpath import links
from pyvs.fastpath.links import HANDLE, PRIORITY, Links, detach

TCX, XDP = 46, 37


class Kernel:
    """Links are descriptors, pins files; refusals: functions that fail, and how."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.refusals: dict[str, int] = {}
        self.open: list[int] = []

    def call(self, name: str, *arguments: Any) -> int:
        plain = tuple(argument._obj if hasattr(argument, "_obj") else argument for argument in arguments)
        self.calls.append((name, *plain))
        if name in self.refusals:
            raise OSError(self.refusals[name], os.strerror(self.refusals[name]))
        if name == "bpf_obj_pin":
            Path(os.fsdecode(plain[1])).touch()
        if name in ("bpf_link_create", "bpf_obj_get"):
            self.open.append(os.open(os.devnull, os.O_RDONLY))
            return self.open[-1]
        return 0

    @property
    def names(self) -> list[str]:
        return [call[0] for call in self.calls]

    def arguments(self, name: str) -> tuple[Any, ...]:
        (found,) = [call[1:] for call in self.calls if call[0] == name]
        return found

    def nothing_left_open(self) -> bool:
        return not any(Path(f"/proc/self/fd/{number}").exists() for number in self.open)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    kernel = Kernel()
    monkeypatch.setattr(links, "call", kernel.call)
    return kernel


@pytest.mark.parametrize(("mode", "kind", "number"), [("tc", "tcx", TCX), ("xdp", "xdp", XDP)])
def test_a_link_is_made_and_pinned(kernel: Kernel, tmp_path: Path, mode: str, kind: str, number: int) -> None:
    at = Links(mode, 7, tmp_path)
    assert at.attach(3) == kind
    assert at.attached == {3: kind}
    assert kernel.arguments("bpf_link_create") == (7, 3, number, None)
    assert [pin.name for pin in tmp_path.iterdir()] == [f"3-{number}"]
    assert kernel.nothing_left_open()


def test_a_pinned_link_gets_the_new_program(kernel: Kernel, tmp_path: Path) -> None:
    (tmp_path / f"3-{TCX}").touch()
    assert Links("tc", 8, tmp_path).attach(3) == "tcx"
    assert kernel.names == ["bpf_obj_get", "bpf_link_update"]
    link, program, _ = kernel.arguments("bpf_link_update")
    assert (link, program) == (kernel.open[0], 8)
    assert kernel.nothing_left_open()


def test_a_pin_of_a_device_that_is_gone_is_replaced(kernel: Kernel, tmp_path: Path) -> None:
    (tmp_path / f"3-{TCX}").touch()
    kernel.refusals["bpf_link_update"] = errno.ENOLINK
    assert Links("tc", 8, tmp_path).attach(3) == "tcx"
    assert kernel.names == ["bpf_obj_get", "bpf_link_update", "bpf_link_create", "bpf_obj_pin"]
    assert (tmp_path / f"3-{TCX}").exists()
    assert kernel.nothing_left_open()


@pytest.mark.parametrize("refusal", [errno.EINVAL, errno.EOPNOTSUPP])
def test_clsact_where_there_is_no_tcx(kernel: Kernel, tmp_path: Path, refusal: int) -> None:
    kernel.refusals["bpf_link_create"] = refusal
    kernel.refusals["bpf_tc_hook_create"] = errno.EEXIST
    at = Links("tc", 7, tmp_path)
    assert at.attach(3) == "clsact"
    hook, options = kernel.arguments("bpf_tc_attach")
    assert (hook.ifindex, hook.attach_point) == (3, 1)
    assert (options.prog_fd, options.handle, options.priority) == (7, HANDLE, PRIORITY)
    assert options.flags == 1
    assert (tmp_path / "3-clsact").is_dir()
    assert at.attach(3) == "clsact"  # again: the folder is there already


def test_a_filter_is_noted_before_it_is_there(
    kernel: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in between, a director leaves none that `pyvs detach` does not know."""
    kernel.refusals["bpf_link_create"] = errno.EINVAL
    noted: list[bool] = []

    def call(name: str, *arguments: Any) -> int:
        if name == "bpf_tc_attach":
            noted.append((tmp_path / "3-clsact").is_dir())
        return kernel.call(name, *arguments)

    monkeypatch.setattr(links, "call", call)
    Links("tc", 7, tmp_path).attach(3)
    assert noted == [True]
    kernel.refusals["bpf_tc_attach"] = errno.EPERM
    with pytest.raises(PermissionError):
        Links("tc", 7, tmp_path).attach(3)
    assert list(tmp_path.iterdir()) == []


def test_what_was_there_otherwise_is_taken_off(kernel: Kernel, tmp_path: Path) -> None:
    (tmp_path / f"3-{TCX}").touch()
    (tmp_path / "3-clsact").mkdir()
    (tmp_path / f"33-{TCX}").touch()
    Links("xdp", 7, tmp_path).attach(3)
    assert sorted(pin.name for pin in tmp_path.iterdir()) == [f"3-{XDP}", f"33-{TCX}"]
    assert kernel.names[-1] == "bpf_tc_detach"
    Links("tc", 7, tmp_path).attach(3)
    assert sorted(pin.name for pin in tmp_path.iterdir()) == [f"3-{TCX}", f"33-{TCX}"]


def test_other_refusals_are_told(kernel: Kernel, tmp_path: Path) -> None:
    kernel.refusals["bpf_link_create"] = errno.EPERM
    at = Links("tc", 7, tmp_path)
    with pytest.raises(PermissionError):
        at.attach(3)
    assert at.attached == {}
    assert "bpf_tc_attach" not in kernel.names


def test_xdp_has_no_other_way(kernel: Kernel, tmp_path: Path) -> None:
    kernel.refusals["bpf_link_create"] = errno.EINVAL
    with pytest.raises(OSError, match="Invalid argument"):
        Links("xdp", 7, tmp_path).attach(3)


def test_a_link_that_cant_be_pinned_is_let_go(kernel: Kernel, tmp_path: Path) -> None:
    kernel.refusals["bpf_obj_pin"] = errno.ENOSPC
    with pytest.raises(OSError, match="No space"):
        Links("tc", 7, tmp_path).attach(3)
    assert kernel.nothing_left_open()


def test_forget_takes_the_pins_of_that_device_only(kernel: Kernel, tmp_path: Path) -> None:
    at = Links("tc", 7, tmp_path)
    at.attach(3)
    at.attach(33)
    (tmp_path / "3-clsact").mkdir()
    at.forget(3)
    assert at.attached == {33: "tcx"}
    assert [pin.name for pin in tmp_path.iterdir()] == [f"33-{TCX}"]
    at.forget(4)


@pytest.mark.parametrize("gone", [False, True])
def test_detach_by_what_the_folder_tells(kernel: Kernel, tmp_path: Path, gone: bool) -> None:
    (tmp_path / f"12-{TCX}").touch()
    (tmp_path / "5-clsact").mkdir()
    if gone:
        kernel.refusals["bpf_tc_detach"] = errno.ENODEV
    assert detach(tmp_path) == 2
    assert list(tmp_path.iterdir()) == []
    hook, options = kernel.arguments("bpf_tc_detach")
    assert hook.ifindex == 5
    assert (options.handle, options.priority, options.prog_fd, options.flags) == (HANDLE, PRIORITY, 0, 0)


def test_detach_of_all(kernel: Kernel, tmp_path: Path) -> None:
    at = Links("tc", 7, tmp_path)
    at.attach(3)
    at.detach()
    assert (at.attached, list(tmp_path.iterdir())) == ({}, [])
    assert detach(tmp_path) == 0
