"""What several live tests stand on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live.fast_clients import bpf_file_system

from pyvs.lab import course
from pyvs.lab.howto import topology
from pyvs.lab.lab import Lab


@pytest.fixture
def bpffs(tmp_path: Path) -> Iterator[Path]:
    """A bpf file system of the test's own, in which directors pin."""
    folder = tmp_path / "bpf"
    folder.mkdir()
    with bpf_file_system(folder):
        yield folder


@pytest.fixture
def lab(bpffs: Path) -> Iterator[Lab]:
    """A network for NAT of IPv4 with servers that answer."""
    with Lab(topology("nat", (4,))) as lab:
        course.start_servers(lab, "nat", (4,))
        yield lab
