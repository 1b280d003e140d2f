"""What the programs report becomes messages of the master."""

from __future__ import annotations

import pytest
from tests.unit.fastpath.memory import MemoryFast, in_memory

from pyvs.core.command import Multicast
from pyvs.core.control.specs import DaemonSpec
from pyvs.core.flags import SyncState
from pyvs.core.protocols.tcp_states import TcpState
from pyvs.core.sync import message_v1
from pyvs.core.sync.entry import SyncEntry
from pyvs.fastpath.entries import OffloadedConnection, to_entries
from pyvs.fastpath.relay import TURN, Relay
from pyvs.fastpath.reports import Report
from pyvs.testing.shared import CLIENT, SERVERS, VIP, Shared, packed

FLUSH = 5.0


class Case:
    """A master with maps in memory."""

    def __init__(self) -> None:
        self.shared: Shared
        self.maps: MemoryFast
        self.shared, self.maps, _ = in_memory()
        self.shared.service()
        self.relay = Relay(self.shared.engine.ns, self.maps, self.shared.table)

    def master(self) -> None:
        self.shared.engine.control.new_daemon(DaemonSpec(SyncState.MASTER, "eth0", 7), self.shared.now)

    def report(self, port: int, *, needed: bool = True, dest: int = 0) -> Report:
        """Of an established connection to the first server."""
        conn = OffloadedConnection(
            6, packed(CLIENT), port, packed(VIP), 80, SERVERS[0], 8080, 0,
            TcpState.ESTABLISHED, self.maps.jiffies.length(900.0), self.maps.jiffies.at(self.shared.now), dest, 3,
            inactive=False,
        )  # fmt: skip
        key, value = to_entries(conn)[-1]
        return Report(key, value, needed)

    def told(self) -> list[SyncEntry]:
        """What the master has sent after a while."""
        engine = self.shared.engine
        engine.handle_timeouts(self.shared.now + FLUSH)
        messages = [command.message for command in engine.drain() if isinstance(command, Multicast)]
        return [entry for message in messages for entry in message_v1.parse(message)]  # type: ignore[misc]


@pytest.fixture
def case() -> Case:
    return Case()


def test_a_master_tells_what_is_reported_in_order(case: Case) -> None:
    case.master()
    case.maps.ring.waiting = [case.report(port) for port in (40002, 40000, 40001)]
    assert not case.relay.read(case.shared.now)
    told = case.told()
    assert [entry.cport for entry in told] == [40002, 40000, 40001]
    assert {(entry.daddr, entry.dport, entry.state, entry.timeout) for entry in told} == {
        (SERVERS[0], 8080, TcpState.ESTABLISHED, 900)
    }
    assert case.relay.told == 3


def test_one_turn_has_an_end(case: Case) -> None:
    case.master()
    case.maps.ring.waiting = [case.report(port) for port in range(1000, 1000 + TURN + 5)]
    assert case.relay.read(case.shared.now)
    assert len(case.maps.ring.waiting) == 5
    assert not case.relay.read(case.shared.now)
    assert case.relay.told == TURN + 5
    assert len(case.told()) == TURN + 5


def test_without_a_master_reports_are_forgotten(case: Case) -> None:
    case.maps.ring.waiting = [case.report(40000)]
    case.relay.read(case.shared.now)
    assert case.told() == []
    case.master()
    assert case.told() == []


def test_a_destination_that_nobody_knows(case: Case) -> None:
    case.master()
    case.maps.ring.waiting = [case.report(40000, dest=99), case.report(40001)]
    case.relay.read(case.shared.now)
    assert [entry.cport for entry in case.told()] == [40001]


def test_what_is_reported_for_its_template_alone(case: Case) -> None:
    case.master()
    case.maps.ring.waiting = [case.report(40000, needed=False)]
    case.relay.read(case.shared.now)
    assert case.told() == []
