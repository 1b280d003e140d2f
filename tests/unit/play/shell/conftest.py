"""A shell on a bare director."""

from collections.abc import Callable

import pytest

from pyvs.play.director import Director
from pyvs.play.shell.interpreter import Shell
from pyvs.play.shell.programs import PROGRAMS

Run = Callable[[str], tuple[int, str]]


@pytest.fixture
def sh(director: Director) -> Run:
    """Runs a line in a shell of its own, as each step of a scenario does."""
    return lambda line: Shell(director, PROGRAMS).run(line)
