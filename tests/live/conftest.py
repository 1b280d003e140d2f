"""What several live tests stand on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live.fast_clients import bpf_file_system


@pytest.fixture
def bpffs(tmp_path: Path) -> Iterator[Path]:
    """A bpf file system of the test's own, in which directors pin."""
    folder = tmp_path / "bpf"
    folder.mkdir()
    with bpf_file_system(folder):
        yield folder
