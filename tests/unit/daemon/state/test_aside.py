"""A damaged file keeps its content under a name that was free."""

from pathlib import Path

import pytest

from pyvs.daemon.state.aside import put_aside


def test_each_gets_a_name_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    places = []
    for content in ("first", "second", "third"):
        path.write_text(content)
        places.append(put_aside(path))
        assert not path.exists()
    assert [place.name for place in places] == ["journal.damaged", "journal.damaged-2", "journal.damaged-3"]
    assert [place.read_text() for place in places] == ["first", "second", "third"]


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        put_aside(tmp_path / "journal")
