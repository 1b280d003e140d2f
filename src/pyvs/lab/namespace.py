"""One network namespace without a name: it goes when its descriptor is closed and its processes have ended.

No name means no file below /run/netns, so that nothing can stay behind, whatever ends the lab.
"""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from typing import IO, Final, Generic, Self, TypeVar

from pyvs.datapath import system
from pyvs.lab.errors import LabError

T = TypeVar("T")
SECONDS: Final = 60.0
"""Until a program that does not end is given up."""


class _Errand(threading.Thread, Generic[T]):
    """A thread that keeps what its function returned or raised."""

    def __init__(self, function: Callable[[], T]) -> None:
        super().__init__(daemon=True)
        self.function = function
        self.result: list[T] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result.append(self.function())
        except BaseException as error:
            self.error = error

    def outcome(self) -> T:
        self.start()
        self.join()
        if self.error is not None:
            raise self.error
        return self.result[0]


class Namespace:
    """A network namespace of the lab, held by a descriptor."""

    def __init__(self, name: str) -> None:
        """A new namespace.

        Raises OSError where the kernel or the privilege doesn't allow one.
        """
        self.name = name
        self.descriptor = _Errand(self._create).outcome()

    @staticmethod
    def _create() -> int:
        system.unshare(system.CLONE_NEWNET)
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the namespace up. Harmless when done twice."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    @property
    def path(self) -> str:
        """A name for this namespace in a child that inherits the descriptor."""
        return f"/proc/self/fd/{self.descriptor}"

    def enter(self) -> None:
        """Put the calling thread into this namespace for the rest of its life."""
        system.setns(self.descriptor, system.CLONE_NEWNET)

    def call(self, function: Callable[[], T]) -> T:
        """What the function returns or raises when a thread runs it in this namespace."""

        def inside() -> T:
            self.enter()
            return function()

        return _Errand(inside).outcome()

    def popen(
        self,
        arguments: Sequence[str],
        *,
        stdin: int | IO[str] | None = subprocess.DEVNULL,
        stdout: int | IO[str] | None = None,
        stderr: int | IO[str] | None = None,
        descriptors: Sequence[int] = (),
        environment: dict[str, str] | None = None,
        own_session: bool = True,
    ) -> subprocess.Popen[str]:
        """A program started in this namespace, in a session of its own so that Ctrl-C is left to the lab."""
        return subprocess.Popen(
            ["nsenter", f"--net={self.path}", "--", *arguments],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            text=True,
            pass_fds=(self.descriptor, *descriptors),
            env=environment,
            start_new_session=own_session,
        )

    def run(
        self,
        arguments: Sequence[str],
        *,
        given: str | None = None,
        descriptors: Sequence[int] = (),
        timeout: float = SECONDS,
        environment: dict[str, str] | None = None,
    ) -> str:
        """What the program wrote, when it has ended well.

        Raises LabError with the program's own words when it ends otherwise or not at all.
        """
        process = self.popen(
            arguments,
            stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            descriptors=descriptors,
            environment=environment,
        )
        try:
            out, err = process.communicate(given, timeout=timeout)
        except subprocess.TimeoutExpired:
            kill(process)
            raise LabError(
                f"{' '.join(arguments)} on {self.name} did not end within {timeout:g} s."
            ) from None
        except BaseException:
            kill(process)
            raise
        if process.returncode != 0:
            words = (err or out).strip() or f"exit status {process.returncode}"
            raise LabError(f"{' '.join(arguments)} on {self.name} failed: {words}")
        return out


def kill(process: subprocess.Popen[str]) -> None:
    """End a process and all of its session at once, and close its pipes."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
