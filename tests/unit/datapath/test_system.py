import errno
import os

import pytest

from pyvs.datapath import system


def test_unshare_of_nothing_is_allowed() -> None:
    system.unshare(0)


def test_a_descriptor_that_is_no_namespace_is_refused() -> None:
    with open(os.devnull) as file, pytest.raises(OSError, match="Invalid argument") as caught:
        system.setns(file.fileno(), system.CLONE_NEWNET)
    assert caught.value.errno == errno.EINVAL
    assert caught.value.filename == "setns"


def test_a_mount_on_nothing_is_refused() -> None:
    with pytest.raises(OSError, match="mount") as caught:
        system.mount("none", "/no/such/place", "tmpfs", 0)
    assert caught.value.errno in (errno.ENOENT, errno.EPERM)


def test_an_impossible_signal_is_refused() -> None:
    with pytest.raises(OSError, match="prctl") as caught:
        system.die_with_parent(1000)
    assert caught.value.errno == errno.EINVAL
