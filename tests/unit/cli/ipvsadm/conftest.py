"""A director in this process, and ipvsadm's command line at it."""

import shlex
from collections.abc import Callable
from io import StringIO

import pytest

from pyvs.cli.ipvsadm.main import run
from pyvs.cli.ipvsadm.names import WELL_KNOWN
from pyvs.core.engine import Engine
from pyvs.netlink.client import Client
from pyvs.netlink.server import Server
from pyvs.netlink.transport import DirectTransport
from pyvs.testing.environment import FixedEnvironment

Adm = Callable[..., tuple[int, str]]
"""Takes a command line and the text on stdin; exit status and all that was printed."""
LOCAL = (bytes([127, 0, 0, 1]), bytes([192, 0, 2, 1]), bytes([192, 0, 2, 100]), bytes(15) + b"\1")


@pytest.fixture
def client() -> Client:
    engine = Engine(FixedEnvironment(LOCAL))
    return Client(DirectTransport(Server(engine.control), lambda: 0.0))


@pytest.fixture
def adm(client: Client) -> Adm:
    def line(text: str, stdin: str = "") -> tuple[int, str]:
        out = StringIO()
        argv = shlex.split(text)[1:]
        return run(argv, client, StringIO(stdin), out, out, names=WELL_KNOWN), out.getvalue()

    return line
