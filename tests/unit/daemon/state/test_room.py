"""Room that is taken in advance makes a file no longer, and is given back by cutting it."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from pyvs.daemon.state import room


def test_room_is_taken_behind_the_end(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb", buffering=0) as file:
        file.write(b"here")
        if not room.take(file.fileno(), 4, 1 << 20):
            pytest.skip("this file system takes no room in advance")
        status = os.fstat(file.fileno())
        assert status.st_size == 4
        assert status.st_blocks * 512 >= 1 << 20
        os.ftruncate(file.fileno(), 4)
        assert os.fstat(file.fileno()).st_blocks * 512 < 1 << 20


def test_a_descriptor_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (tmp_path / "file").open("rb") as file, pytest.raises(OSError, match="Bad file descriptor"):
        room.take(file.fileno(), 0, 10)


@pytest.mark.parametrize(
    ("answers", "taken"), [([errno.EOPNOTSUPP], False), ([errno.ENOSYS], False), ([errno.EINTR, 0], True)]
)
def test_where_it_can_not_be_told(monkeypatch: pytest.MonkeyPatch, answers: list[int], taken: bool) -> None:
    left = list(answers)
    said = [0]

    def fallocate(*_: Any) -> int:
        said[0] = left.pop(0)
        return -1 if said[0] else 0

    monkeypatch.setattr(room, "_fallocate", lambda: fallocate)
    monkeypatch.setattr("ctypes.get_errno", lambda: said[0])
    assert room.take(3, 0, 10) is taken
    assert left == []
