import os
import subprocess

import pytest

from pyvs.lab.errors import LabError
from pyvs.lab.namespace import Namespace, kill


class Here(Namespace):
    """The namespace that this process is in already, so that no privilege is needed."""

    @staticmethod
    def _create() -> int:
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def test_a_process_and_its_session_are_ended_and_its_pipes_closed() -> None:
    process = subprocess.Popen(
        ["sh", "-c", "sleep 60 & echo ready; wait"], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    pipe = process.stdout
    assert pipe is not None
    spare = os.dup(pipe.fileno())
    assert os.read(spare, 100) == b"ready\n"
    kill(process)
    assert process.returncode == -9
    assert pipe.closed
    assert os.read(spare, 100) == b"", "its child had the pipe too, and is gone"
    os.close(spare)


def test_a_process_that_has_ended_is_no_trouble() -> None:
    process = subprocess.Popen(["true"], text=True)
    process.wait()
    kill(process)
    assert process.returncode == 0


def test_a_call_hands_back_what_was_returned_and_raised() -> None:
    with Here("here") as here:
        here.enter = lambda: None  # type: ignore[method-assign]
        assert here.call(lambda: 7) == 7
        with pytest.raises(ZeroDivisionError):
            here.call(lambda: 1 // 0)


def test_closing_twice_is_harmless() -> None:
    here = Here("here")
    here.close()
    here.close()
    assert here.descriptor == -1


@pytest.mark.root
def test_a_program_that_fails_is_quoted() -> None:
    with Here("here") as here, pytest.raises(LabError, match=r"sh -c .* on here failed: no such luck"):
        here.run(["sh", "-c", "echo no such luck >&2; exit 3"])


@pytest.mark.root
def test_a_program_that_does_not_end_is_ended() -> None:
    with Here("here") as here, pytest.raises(LabError, match=r"sleep 60 on here did not end within 0\.1 s\."):
        here.run(["sleep", "60"], timeout=0.1)


@pytest.mark.root
def test_a_program_is_given_what_it_reads() -> None:
    with Here("here") as here:
        assert here.run(["cat"], given="a line\n") == "a line\n"


@pytest.mark.root
def test_a_new_namespace_is_another_one() -> None:
    with Namespace("new") as new:
        inside = new.call(lambda: os.stat("/proc/thread-self/ns/net").st_ino)
    assert inside != os.stat("/proc/thread-self/ns/net").st_ino
