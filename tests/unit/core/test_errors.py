import errno

import pytest

from pyvs.core.errors import ControlError, Errno, PyvsError


@pytest.mark.parametrize("number", Errno)
def test_numbers_are_those_of_linux(number: Errno) -> None:
    assert getattr(errno, number.name) == number


def test_a_refusal_carries_its_number_and_sentence() -> None:
    refusal = ControlError(Errno.ESRCH, "there is no service: add it first")
    assert refusal.errno is Errno.ESRCH
    assert str(refusal) == "there is no service: add it first"
    assert isinstance(refusal, PyvsError)
