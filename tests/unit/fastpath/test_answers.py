"""The program that iptables asks about what servers on this host answer."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyvs.fastpath.answers import NAME, Answers
from pyvs.fastpath.fast import FastPath

pytestmark = pytest.mark.root


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("programs can be loaded by root only")
    subprocess.run(["mount", "-t", "bpf", "bpf", str(tmp_path)], check=True, timeout=10)
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=False, timeout=10)


def test_it_is_pinned_and_takes_the_place_of_an_older_one(fast: FastPath, folder: Path) -> None:
    first = Answers(fast.loaded, folder)
    assert first.match == f"-m bpf --object-pinned {folder / NAME}"
    assert (folder / NAME).exists()
    first.close()
    assert (folder / NAME).exists(), "rules may name it"
    second = Answers(fast.loaded, folder)
    assert (folder / NAME).exists()
    second.close()


def test_a_folder_that_takes_no_pins(fast: FastPath, folder: Path) -> None:
    with pytest.raises(OSError, match="bpf_obj_pin"):
        Answers(fast.loaded, folder / "none")
