from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live.fast_clients import bpf_file_system

from pyvs.fastpath.fast import FastPath
from pyvs.testing.shared import Shared


@pytest.fixture
def shared(fast: FastPath) -> Iterator[Shared]:
    """An engine beside those maps, which are empty."""
    made = Shared.made(fast)
    yield made
    made.close()


@pytest.fixture
def pins(tmp_path: Path) -> Iterator[Path]:
    """A folder of a bpf file system."""
    if os.geteuid() != 0:
        pytest.skip("programs can be loaded by root only")
    folder = tmp_path / "bpf"
    folder.mkdir()
    with bpf_file_system(folder):
        yield folder
