import pytest

from pyvs.lab.errors import LabError
from pyvs.lab.wait import until


def test_what_holds_is_not_waited_for() -> None:
    answers = iter([True, True])
    until(lambda: next(answers), "Nothing")
    assert list(answers) == [True]


def test_it_is_tried_again() -> None:
    answers = iter([False, False, True])
    until(lambda: next(answers), "It did not hold")
    assert list(answers) == []


def test_what_never_holds_is_told() -> None:
    with pytest.raises(LabError, match=r"The server did not answer within 0\.01 s\."):
        until(lambda: False, "The server did not answer", 0.01)
