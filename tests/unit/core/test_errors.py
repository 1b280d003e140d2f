import errno

import pytest

from pyvs.core.errors import ControlError, Errno, PyvsError


@pytest.mark.parametrize("number", Errno)
def test_numbers_are_those_of_linux(number: Errno) -> None:
    assert getattr(errno, number.name) == number


@pytest.mark.parametrize(
    ("number", "expected"), [(errno.ENOSPC, Errno.ENOSPC), (errno.EPIPE, Errno.EIO), (None, Errno.EIO)]
)
def test_a_number_that_ipvs_has_not_is_another(number: int | None, expected: Errno) -> None:
    assert Errno.known(number, Errno.EIO) is expected


def test_a_refusal_carries_its_number_and_sentence() -> None:
    refusal = ControlError(Errno.ESRCH, "there is no service: add it first")
    assert refusal.errno is Errno.ESRCH
    assert str(refusal) == "there is no service: add it first"
    assert isinstance(refusal, PyvsError)
