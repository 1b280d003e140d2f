"""A director in this process, and `pyvs` at it: no socket, no thread, time is handed in."""

from collections.abc import Callable
from ipaddress import ip_address

import pytest
from click.testing import CliRunner, Result

from pyvs.cli import asking
from pyvs.cli.main import main
from pyvs.core.engine import Engine
from pyvs.core.flags import Hook
from pyvs.core.packet.packet import Packet
from pyvs.netlink.server import Server
from pyvs.netlink.transport import DirectTransport
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import tcp

LOCAL = [ip_address(each).packed for each in ("192.0.2.100", "2001:db8::100")]


@pytest.fixture
def clock() -> list[float]:
    """The director's time, to be changed."""
    return [1.0]


@pytest.fixture
def engine() -> Engine:
    """A director without services."""
    return Engine(FixedEnvironment(LOCAL), now=1.0)


@pytest.fixture
def pyvs(engine: Engine, clock: list[float], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a command line, with a text on stdin."""

    def transport(path: str) -> DirectTransport:
        return DirectTransport(Server(engine.control), lambda: clock[0])

    monkeypatch.setattr(asking, "UnixTransport", transport)

    def run(line: str, given: str | None = None) -> Result:
        result = CliRunner().invoke(main, line.split(), input=given)
        assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
        return result

    return run


@pytest.fixture
def call(engine: Engine, clock: list[float]) -> Callable[[int], None]:
    """A client's connection from this port to 192.0.2.100:80 is opened."""

    def calling(port: int) -> None:
        for flags in (2, 16):
            packet = Packet(tcp("198.51.100.7", "192.0.2.100", port, 80, flags), iif="eth0")
            engine.receive(packet, Hook.LOCAL_IN, clock[0])
        engine.drain()

    return calling
