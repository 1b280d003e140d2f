import os

import pytest

from pyvs.cli.ipvsadm.failures import failure
from pyvs.cli.ipvsadm.grammar import Command
from pyvs.core.errors import Errno


@pytest.mark.parametrize("command", list(Command))
@pytest.mark.parametrize("errno", list(Errno))
def test_every_refusal_has_a_sentence(command: Command, errno: Errno) -> None:
    assert failure(command, errno)


def test_the_same_errno_means_different_things() -> None:
    assert failure(Command.ADD, Errno.ENOENT) == "Scheduler or persistence engine not found"
    assert failure(Command.EDIT_SERVER, Errno.ENOENT) == "No such destination"
    assert failure(Command.DELETE_SERVER, Errno.ESRCH) == "Service not defined"
    assert failure(Command.ADD_SERVER, Errno.ERANGE) == os.strerror(Errno.ERANGE)
    assert failure(Command.LIST, Errno.EPERM) == "Permission denied (you must be root)"
