"""What unit tests of several rooms stand on."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from pyvs.fastpath.errors import FastPathUnavailable
from pyvs.fastpath.fast import FastPath


@pytest.fixture(scope="module")
def fast() -> Iterator[FastPath]:
    """The programs for tc with maps of their own, attached to nothing."""
    if os.geteuid() != 0:
        pytest.skip("programs can be loaded by root only")
    try:
        fast = FastPath.open("tc", connections=1 << 10)
    except FastPathUnavailable as why:
        pytest.skip(str(why))
    yield fast
    fast.close()
