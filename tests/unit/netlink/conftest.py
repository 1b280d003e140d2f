"""A director in this process, and a client of it."""

import pytest

from pyvs.core.engine import Engine
from pyvs.netlink.client import Client
from pyvs.netlink.server import Server
from pyvs.netlink.transport import DirectTransport
from pyvs.testing.environment import FixedEnvironment


@pytest.fixture
def engine() -> Engine:
    local = [bytes([127, 0, 0, 1]), bytes([192, 0, 2, 1]), bytes([192, 0, 2, 100]), bytes(15) + b"\1"]
    return Engine(FixedEnvironment(local))


@pytest.fixture
def server(engine: Engine) -> Server:
    return Server(engine.control)


@pytest.fixture
def client(server: Server) -> Client:
    return Client(DirectTransport(server, lambda: 0.0))
