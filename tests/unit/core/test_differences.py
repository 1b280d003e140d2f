from dataclasses import FrozenInstanceError, fields

import pytest

from pyvs.core.differences import KERNEL, OURS, Differences

NAMES = [field.name for field in fields(Differences)]


@pytest.mark.parametrize("name", NAMES)
def test_each_row_has_two_sides_and_says_why(name: str) -> None:
    row = next(field for field in fields(Differences) if field.name == name)
    assert getattr(KERNEL, name) is row.metadata["kernel"]
    assert getattr(OURS, name) is not getattr(KERNEL, name)
    assert len(row.metadata["what"].split()) > 3
    assert len(row.metadata["why"].split()) > 3


def test_what_is_not_said_is_ours() -> None:
    assert Differences() == OURS
    assert NAMES


def test_they_do_not_change_while_it_runs() -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(OURS, NAMES[0], True)
