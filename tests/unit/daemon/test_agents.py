"""The agents' poller against agents on loopback: time is handed in, the loop is the test's."""

from __future__ import annotations

import io
import select
import socket
from collections.abc import Callable, Iterator

import pytest

from pyvs.core.control.verbs import Control
from pyvs.core.engine import Engine
from pyvs.core.masquerade.portfw import Command, Rule
from pyvs.core.masquerade.requests import AgentRequest, ForwardingRequest
from pyvs.core.reasons import Reason
from pyvs.daemon.agents import INTERVAL, PATIENCE, Agents
from pyvs.daemon.log import Log
from pyvs.daemon.loop import HasDescriptor, Loop
from pyvs.testing.environment import FixedEnvironment

LOCAL = bytes((192, 0, 2, 1))
ONE, TWO = bytes((127, 0, 0, 11)), bytes((127, 0, 0, 12))


class Watched(Loop):
    """A loop that is turned by hand."""

    def __init__(self) -> None:
        super().__init__(lambda: 0.0)
        self.calls: dict[int, Callable[[], None]] = {}

    def watch(self, source: HasDescriptor | int, handler: Callable[[], None]) -> None:
        assert not isinstance(source, int)
        self.calls[source.fileno()] = handler

    def forget(self, source: HasDescriptor | int) -> None:
        assert not isinstance(source, int)
        self.calls.pop(source.fileno(), None)

    def turn(self, seconds: float = 5.0) -> None:
        """Wait until something can be read, and let it be read."""
        ready, _, _ = select.select(list(self.calls), [], [], seconds)
        assert ready
        for descriptor in ready:
            if descriptor in self.calls:
                self.calls[descriptor]()


class Stage:
    """An engine whose forwarded port two machines may serve, with the poller of their agents."""

    def __init__(self) -> None:
        self.now = 0.0
        self.loop = Watched()
        self.engine = Engine(FixedEnvironment([LOCAL]))
        self.control: Control = self.engine.control
        self.told = io.StringIO()
        self.agents = Agents(
            self.engine.ns, self.control, self.loop, Log(self.told, clock=lambda: 0.0), lambda: self.now
        )
        self.doors: dict[bytes, socket.socket] = {}

    def machine(self, address: bytes) -> socket.socket:
        door = socket.create_server((socket.inet_ntoa(address), 0))
        self.doors[address] = door
        self.control.masquerade(ForwardingRequest(Command.ADD, Rule(6, LOCAL, 80, address, 80)), 0.0)
        self.control.masquerade(AgentRequest(True, address, door.getsockname()[1]), 0.0)
        return door

    def round(self, lines: dict[bytes, bytes]) -> None:
        """The next round, with what each machine's agent answers."""
        self.now += INTERVAL
        self.agents.tick()
        for address, line in lines.items():
            asker, _ = self.doors[address].accept()
            with asker:
                asker.sendall(line)
        while self.loop.calls:
            self.loop.turn()

    @property
    def serving(self) -> list[bytes]:
        assert self.engine.ns.masquerade is not None
        return [rule.raddr for rule in self.engine.ns.masquerade.portfw]


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.agents.close()
    for door in stage.doors.values():
        door.close()
    stage.loop.close()


def test_nothing_is_due_without_agents(stage: Stage) -> None:
    assert stage.agents.due is None


def test_the_machine_with_the_most_percent_serves(stage: Stage) -> None:
    stage.machine(ONE)
    stage.machine(TWO)
    stage.round({ONE: b"30%\n", TWO: b"40%\n"})
    assert stage.serving == [TWO]
    stage.round({ONE: b"50%\r\n", TWO: b"40%\n"})
    assert stage.serving == [ONE]
    assert "127.0.0.11: it gets all new requests" in stage.told.getvalue()


def test_a_line_in_pieces(stage: Stage) -> None:
    stage.machine(ONE)
    door = stage.machine(TWO)
    stage.now += INTERVAL
    stage.agents.tick()
    quick, _ = stage.doors[ONE].accept()
    quick.close()
    asker, _ = door.accept()
    with asker:
        asker.sendall(b"dow")
        stage.loop.turn()
        asker.sendall(b"n\n")
        while stage.loop.calls:
            stage.loop.turn()
    assert stage.serving == [ONE]


def test_a_silent_agent_is_given_up_and_changes_nothing(stage: Stage) -> None:
    stage.machine(ONE)
    stage.round({ONE: b"70%\n"})
    stage.now += INTERVAL
    stage.agents.tick()
    assert stage.agents.due == stage.now + PATIENCE
    stage.now += PATIENCE
    stage.agents.tick()
    assert not stage.loop.calls
    assert "gave no line in time; what it said last still counts" in stage.told.getvalue()
    assert stage.serving == [ONE]


@pytest.mark.parametrize("line", [b"", b"hello\n", b"x" * 5000, b"75%"])
def test_a_line_that_says_nothing(stage: Stage, line: bytes) -> None:
    stage.machine(ONE)
    stage.round({ONE: line})
    assert "agent of 127.0.0.11, port" in stage.told.getvalue()
    assert stage.engine.ns.reasons == {Reason.AGENT_LINE: 1}
    assert stage.serving == [ONE]


def test_an_agent_that_is_not_there(stage: Stage) -> None:
    stage.machine(ONE)
    stage.doors[ONE].close()
    stage.now += INTERVAL
    stage.agents.tick()
    while stage.loop.calls:
        stage.loop.turn()
    assert "refused" in stage.told.getvalue()


def test_one_that_is_forgotten_is_asked_no_more(stage: Stage) -> None:
    stage.machine(ONE)
    stage.round({ONE: b"70%\n"})
    stage.control.masquerade(AgentRequest(False, ONE), stage.now)
    stage.round({})
    assert stage.agents.due is None
    assert not stage.loop.calls
