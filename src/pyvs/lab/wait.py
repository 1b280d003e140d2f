"""Waiting for what the lab needs, by trying it: nothing sleeps for a fixed time."""

import socket
import threading
import time
from collections.abc import Callable
from typing import Final

from pyvs.lab.errors import LabError
from pyvs.lab.namespace import Namespace

PAUSE: Final = 0.02
"""Seconds between two tries."""
SECONDS: Final = 30.0
"""Until what is waited for is given up: on a busy machine programs take ten times as long to start."""


def until(condition: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
    """Return as soon as the condition holds.

    Raises LabError with `what` in it when it doesn't within the time.
    """
    end = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        if time.monotonic() > end:
            raise LabError(f"{what} within {seconds:g} s.")
        pause.wait(PAUSE)


def answers(namespace: Namespace, address: str, port: int) -> bool:
    """Whether a TCP connection from the namespace is accepted there at once."""

    def connect() -> bool:
        try:
            socket.create_connection((address, port), timeout=0.5).close()
        except OSError:
            return False
        return True

    return namespace.call(connect)
