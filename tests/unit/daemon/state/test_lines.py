"""The lines of a journal: what is whole, what is torn, what is damage."""

from pathlib import Path
from typing import Any

import pytest

from pyvs.daemon.state.lines import HEADER, line_of, read, read_line

SERVICE: list[Any] = ["service", "tcp/192.0.2.100/80", "rr", 0, 0, 4294967295, ""]


def test_a_line_is_a_checksum_and_a_row() -> None:
    line = line_of(SERVICE)
    assert line.endswith(b'"tcp/192.0.2.100/80","rr",0,0,4294967295,""]\n')
    assert read_line(line[:-1]) == SERVICE
    for at in range(len(line) - 1):
        assert read_line(line[:at] + bytes((line[at] ^ 1,)) + line[at + 1 : -1]) in (None, SERVICE)


def test_nothing_is_no_damage(tmp_path: Path) -> None:
    found = read(tmp_path / "journal")
    assert (found.whole, found.damage, bool(found.kept)) == (0, [], False)


@pytest.mark.parametrize(
    ("tail", "torn", "damage"),
    [(b"", 0, 0), (b"00", 2, 0), (bytes(100), 100, 0), (bytes(9) + b"\n", 0, 1), (b"\n\n", 0, 2)],
)
def test_a_torn_end_is_one_line_without_its_end(tmp_path: Path, tail: bytes, torn: int, damage: int) -> None:
    path = tmp_path / "journal"
    path.write_bytes(HEADER + line_of(SERVICE) + tail)
    found = read(path)
    assert (found.torn, len(found.damage)) == (torn, damage)
    assert found.whole == path.stat().st_size - torn
    assert list(found.kept.rows()) == [SERVICE]


def test_a_step_holds_with_its_last_line(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    parts = line_of(["part", 7, [SERVICE]]) + line_of(["part", 8, [["flush"]]])
    path.write_bytes(HEADER + parts + line_of(["whole", 7]))
    found = read(path)
    assert list(found.kept.rows()) == [SERVICE]
    assert found.unfinished == 1
    assert found.damage == []
