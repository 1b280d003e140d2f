import errno
import os
import signal

import pytest

from pyvs.lab.sandbox import MOUNTS, RESTRICTIONS, Terminated, read_switch, why_forbidden


def refused(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(("name", "value", "sentence"), RESTRICTIONS)
def test_a_system_that_forbids_user_namespaces_is_named_with_its_remedy(
    name: str, value: str, sentence: str
) -> None:
    said = why_forbidden("a user namespace", refused(errno.EPERM), {name: value}.get)  # type: ignore[arg-type]
    assert said == sentence
    assert "sudo sysctl" in said
    assert "as root" in said


def test_the_limit_of_zero_is_recognised_by_its_own_error() -> None:
    said = why_forbidden("a user namespace", refused(errno.ENOSPC), {"user/max_user_namespaces": "0"}.get)  # type: ignore[arg-type]
    assert "user.max_user_namespaces=10000" in said


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EPERM, "Run this as root; in a container, start that with --privileged."),
        (errno.ENOSPC, "limit of namespaces"),
        (errno.EINVAL, "This kernel lacks namespaces"),
        (errno.ENOMEM, "a user namespace failed: Cannot allocate memory."),
    ],
)
def test_other_refusals_have_sentences_too(number: int, words: str) -> None:
    assert words in why_forbidden("a user namespace", refused(number), lambda _: "")


def test_a_chroot_is_named_with_its_remedy() -> None:
    said = why_forbidden(MOUNTS, refused(errno.EINVAL), lambda _: "")
    assert "as in a chroot" in said
    assert "mount --bind FOLDER FOLDER" in said


def test_a_switch_that_is_set_otherwise_is_not_blamed() -> None:
    said = why_forbidden("a user namespace", refused(errno.EPERM), lambda _: "7")
    assert "sysctl" not in said


def test_switches_are_read_where_they_are() -> None:
    assert read_switch("kernel/ostype") == "Linux"
    assert read_switch("kernel/no_such_switch") == ""


def test_an_end_by_signal_names_it() -> None:
    assert str(Terminated(signal.SIGTERM)) == "ended by SIGTERM"
    assert not isinstance(Terminated(signal.SIGTERM), Exception), "no `except Exception` may swallow it"
