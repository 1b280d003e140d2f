"""Where things are pinned: in a folder of this test's instead of a bpf file system."""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pyvs.fastpath import pins
from pyvs.fastpath.errors import FastPathUnavailable
from pyvs.fastpath.layout import LAYOUTS
from pyvs.fastpath.structure import Field, Layout


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is taken for a bpf file system."""
    monkeypatch.setenv(pins.VARIABLE, str(tmp_path / "bpf"))
    (tmp_path / "bpf").mkdir()
    monkeypatch.setattr(pins, "is_bpf", lambda place: place == tmp_path / "bpf")
    return tmp_path / "bpf"


def test_the_layouts_name_is_that_of_its_structures(monkeypatch: pytest.MonkeyPatch) -> None:
    name = pins.layout_name()
    assert name == pins.layout_name()
    wider = Layout(LAYOUTS[0].name, *LAYOUTS[0].fields, Field("more", "u32"))
    monkeypatch.setattr(pins, "LAYOUTS", (wider, *LAYOUTS[1:]))
    assert pins.layout_name() != name
    monkeypatch.setattr(pins, "LAYOUTS", LAYOUTS)
    monkeypatch.setattr(pins, "VERSION", 4711)
    assert pins.layout_name() == f"layout-4711-{name.rpartition('-')[2]}"


def test_which_file_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(pins.VARIABLE, raising=False)
    assert pins.file_system() == Path("/sys/fs/bpf")
    monkeypatch.setenv(pins.VARIABLE, "")
    assert pins.file_system() == Path("/sys/fs/bpf")
    monkeypatch.setenv(pins.VARIABLE, "/run/bpf")
    assert pins.file_system() == pins.wanted() == Path("/run/bpf")


def test_what_our_mount_namespace_lacks_process_1_has(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pins, "FIRST_ROOT", tmp_path / "root")
    outer = tmp_path / "root" / place.relative_to("/")
    here: set[Path] = set()
    monkeypatch.setattr(pins, "is_bpf", lambda place: place in here)
    assert pins.file_system() == place  # it is to be mounted
    here.add(outer)
    outer.mkdir(parents=True)
    assert pins.file_system() == outer
    assert pins.wanted() == place
    assert pins.prepare() == outer / "pyvs" / pins.home().name / pins.layout_name()
    assert not pins.is_lone(), "though our parent has none there"
    here.add(place)
    assert pins.file_system() == place


def test_each_network_namespace_has_a_folder(place: Path) -> None:
    home = pins.home()
    assert home.parent == place / "pyvs"
    assert int(home.name) > 0
    assert pins.home() == home


def test_prepare_makes_the_folder_once(place: Path) -> None:
    folder = pins.prepare()
    assert folder == pins.home() / pins.layout_name()
    assert (folder / pins.LINKS).is_dir()
    (folder / "conns4").touch()
    assert pins.prepare() == folder
    assert (folder / "conns4").exists()


def test_maps_of_another_layout_are_refused_and_left_alone(place: Path) -> None:
    other = pins.home() / "layout-0-00000000"
    other.mkdir(parents=True)
    (other / "conns4").touch()
    with pytest.raises(FastPathUnavailable, match=r"layout-0-00000000.*`pyvs detach`"):
        pins.prepare()
    assert (other / "conns4").exists()
    assert not (pins.home() / pins.layout_name()).exists()


def mounting(answer: int, mounts: list[tuple[bytes, bytes]]) -> Callable[..., int]:
    def mount(source: bytes, place: bytes, kind: bytes, flags: Any, options: bytes) -> int:
        mounts.append((place, kind))
        return answer

    return mount


def test_a_file_system_that_is_not_mounted_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "deep" / "bpf"
    mounts: list[tuple[bytes, bytes]] = []
    monkeypatch.setenv(pins.VARIABLE, str(place))
    monkeypatch.setattr(pins, "is_bpf", lambda place: False)
    monkeypatch.setattr(pins, "_libc", SimpleNamespace(mount=mounting(0, mounts)))
    assert pins.prepare().is_dir()
    assert mounts == [(str(place).encode(), b"bpf")]


def test_where_nothing_may_be_mounted_a_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(pins.VARIABLE, str(tmp_path))
    monkeypatch.setattr(pins, "is_bpf", lambda place: False)
    monkeypatch.setattr(pins, "_libc", SimpleNamespace(mount=mounting(-1, [])))
    monkeypatch.setattr(ctypes, "get_errno", lambda: errno.EPERM)
    with pytest.raises(
        FastPathUnavailable, match=f"nothing can be pinned below {tmp_path}: no bpf file.* needs root"
    ):
        pins.prepare()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cant_be_made(place: Path) -> None:
    (place / "pyvs").touch()
    with pytest.raises(FastPathUnavailable, match="nothing can be pinned below"):
        pins.prepare()


def test_what_is_no_bpf_file_system(tmp_path: Path) -> None:
    assert not pins.is_bpf(tmp_path)
    assert not pins.is_bpf(tmp_path / "nowhere")
    assert not pins.is_bpf(Path("/proc"))


def test_the_mark_of_a_bpf_file_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def statfs(place: bytes, room: Any) -> int:
        room[:4] = (0xCAFE4A11).to_bytes(4, sys.byteorder)
        return 0

    monkeypatch.setattr(pins, "_libc", SimpleNamespace(statfs=statfs))
    assert pins.is_bpf(tmp_path)


def test_links_go_before_maps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "layout"
    (folder / "links" / "3-clsact").mkdir(parents=True)
    for name in ("a-map", "z-map", "links/2-46"):
        (folder / name).touch()
    gone: list[str] = []
    real = Path.unlink

    def unlink(place: Path) -> None:
        gone.append(place.name)
        real(place)

    monkeypatch.setattr(Path, "unlink", unlink)
    assert pins.remove(folder) == 3
    assert gone[0] == "2-46"
    assert sorted(gone[1:]) == ["a-map", "z-map"]
    assert not folder.exists()
    assert pins.remove(folder) == 0


@pytest.mark.root
def test_a_file_system_that_the_parent_does_not_see_is_a_lone_one(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mount namespaces are root's")
    ask = f"timeout 90 {sys.executable} -c 'from pyvs.fastpath import pins; print(pins.is_lone())'"
    for mount, lone in (("true", "False"), (f"mount -t bpf bpf {tmp_path}", "True")):
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", f"{mount} && {ask}"],
            env={**os.environ, pins.VARIABLE: str(tmp_path)},
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == lone


def test_where_the_parents_cannot_be_seen_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getppid", lambda: 1 << 30)
    assert not pins.is_lone()
