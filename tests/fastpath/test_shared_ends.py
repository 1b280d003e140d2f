"""Two connections whose server's packets are alike: a client's port is of use at each virtual address.

The server's entry is the newest one's, as the kernel finds the newest. The older one must leave it alone.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.fastpath.network import Network
from tests.fastpath.twin import SENT, UP, packed

from pyvs.core.flags import Proto
from pyvs.core.protocols.tcp_states import TcpState
from pyvs.fastpath.fast import FastPath, Mode
from pyvs.fastpath.selection import Selection
from pyvs.fastpath.server import Server
from pyvs.fastpath.tables import Miss, Selector
from pyvs.fastpath.testrun import Outcome
from pyvs.testing.wire import tcp

pytestmark = pytest.mark.root

SYN, SYN_ACK, ACK, FIN, RST = 0x02, 0x12, 0x10, 0x11, 0x04
ENDS = {
    False: ("198.51.100.1", "10.9.0.11", ("192.0.2.100", "192.0.2.101")),
    True: ("2001:db8:3::1", "2001:db8:2::11", ("2001:db8:1::100", "2001:db8:1::101")),
}
"""Client, server and virtual addresses; with IPv6 or not."""


class Ends:
    def __init__(self, network: Network, fast: FastPath, six: bool) -> None:
        self.network, self.fast, self.six = network, fast, six
        self.client, self.server, self.vips = ENDS[six]
        fast.set_destination(1, Server(addr=packed(self.server), port=80))
        for vip in self.vips:
            fast.services.set(Proto.TCP, packed(vip), 80, Selection(Selector.CURSOR, [1], [(0,)]))
        for vip in self.vips:
            self.send(vip, SYN)
            self.reply(SYN_ACK)
            self.send(vip, ACK)

    def send(self, vip: str, flags: int) -> None:
        """The client's."""
        self._served(tcp(self.client, vip, 40000, 80, flags))

    def reply(self, flags: int) -> None:
        """The server's."""
        self._served(tcp(self.server, self.client, 80, 40000, flags))

    def _served(self, data: bytes) -> None:
        assert self.run(data).verdict in SENT[self.fast.mode]

    def run(self, data: bytes) -> Outcome:
        kind = b"\x86\xdd" if self.six else b"\x08\0"
        return self.fast.test_run(self.network.mac + b"\2\0\0\0\0\x77" + kind + data, self.network.ifindex)

    def states(self) -> list[int]:
        """Of the connections, by virtual address."""
        found = {conn.vaddr: conn.state for conn in self.fast.connections()}
        return [found[packed(vip)] for vip in self.vips]


@pytest.fixture(params=[False, True], ids=["IPv4", "IPv6"])
def ends(request: pytest.FixtureRequest, network: Network, load: Callable[[Mode], FastPath]) -> Ends:
    return Ends(network, load("tc"), request.param)


def test_the_older_one_does_not_change_the_state_of_the_newer_one(ends: Ends) -> None:
    ends.send(ends.vips[0], RST)
    assert ends.states() == [TcpState.CLOSE, TcpState.ESTABLISHED]
    ends.reply(FIN)
    assert ends.states() == [TcpState.CLOSE, TcpState.FIN_WAIT]


def test_the_older_one_does_not_live_by_the_newer_ones_packets(ends: Ends) -> None:
    fast, hz = ends.fast, ends.fast.jiffies.hz
    start = 5_000_000
    for at, vips in ((start, ends.vips), (start + 800 * hz, ends.vips[1:])):
        fast.configure(now=at)
        for vip in vips:
            ends.send(vip, ACK)
            ends.reply(ACK)
    assert {conn.vaddr: conn.seen for conn in fast.connections()} == {
        packed(ends.vips[0]): start,
        packed(ends.vips[1]): start + 800 * hz,
    }
    fast.configure(now=start + 901 * hz)
    before = fast.misses()[Miss.NOT_AN_OPENER]
    outcome = ends.run(tcp(ends.client, ends.vips[0], 40000, 80, ACK))
    fast.configure(now=0)
    assert outcome.verdict == UP[fast.mode]
    assert fast.misses()[Miss.NOT_AN_OPENER] == before + 1
    assert [conn.vaddr for conn in fast.connections()] == [packed(ends.vips[1])]
    assert fast.destination(1)["active"] == 1
