"""Two processors have packets of the same connections at the same moment: nothing is counted twice, or not at all."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from tests.fastpath.network import Network
from tests.fastpath.twin import SENT, packed

from pyvs.core.engine import Engine
from pyvs.core.flags import Forward, Proto
from pyvs.core.protocols.tcp_states import TcpState
from pyvs.fastpath.change import Changes
from pyvs.fastpath.claims import Claims
from pyvs.fastpath.entries import OffloadedConnection, client_key, from_entry, to_entries
from pyvs.fastpath.fast import FastPath, Mode
from pyvs.fastpath.mirror import Mirror
from pyvs.fastpath.selection import Selection
from pyvs.fastpath.server import Server
from pyvs.fastpath.tables import Selector
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.repeat import Repeat
from pyvs.testing.wire import tcp

pytestmark = pytest.mark.root

Load = Callable[[Mode], FastPath]
VIP, CLIENT, SERVERS = "192.0.2.100", "198.51.100.1", ("10.9.0.11", "10.9.0.12", "10.9.0.13")
FLOWS = "10.0.0.0"
"""The first address of many flows."""
SYN, RST, ACK = 0x02, 0x04, 0x10
PROCESSORS = sorted(os.sched_getaffinity(0))[:2]
TIMES = 1 << 18


class Both:
    """A program at two processors."""

    def __init__(self, network: Network, fast: FastPath) -> None:
        self.network = network
        self.fast = fast
        self.repeats = [Repeat(fast.mode, fast.program) for _ in PROCESSORS]

    def run(self, *packets: bytes, times: int = TIMES, mask: int = 0) -> list[int]:
        """Each processor its packet, so many times; the last verdicts."""
        ready = threading.Barrier(len(packets), timeout=60)

        def work(processor: int, repeat: Repeat, data: bytes) -> None:
            os.sched_setaffinity(0, {processor})
            frame = self.network.mac + b"\2\0\0\0\0\x77\x08\0" + data
            ready.wait()
            outcomes.append(repeat.run(frame, self.network.ifindex, times=times, mask=mask).verdict)

        outcomes: list[int] = []
        threads = [
            threading.Thread(target=work, args=each)
            for each in zip(PROCESSORS, self.repeats, packets, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return outcomes

    def compare(self) -> None:
        """What servers count is what there is."""
        there: Counter[tuple[int, bool]] = Counter()
        for conn in self.fast.connections():
            there[conn.dest, conn.inactive] += 1
        for number in range(1, len(SERVERS) + 1):
            row = self.fast.destination(number)
            assert (row["active"], row["inactive"]) == (there[number, False], there[number, True]), number

    def close(self) -> None:
        for repeat in self.repeats:
            repeat.close()


@pytest.fixture(scope="module")
def made(network: Network) -> Iterator[Callable[[Mode], Both]]:
    """A larger table than others have, made once and emptied each time."""
    there: dict[Mode, Both] = {}

    def make(mode: Mode) -> Both:
        if mode not in there:
            fast = FastPath.open(mode, connections=1 << 17)
            fast.set_device(network.ifindex, network.mac)
            there[mode] = Both(network, fast)
        fast = there[mode].fast
        fast.clear(len(SERVERS) + 1)
        fast.configure(redirect_load=0, reuse_mode=0, new=1)
        for number, address in enumerate(SERVERS, 1):
            fast.set_destination(number, Server(addr=packed(address), port=80))
        fast.services.set(
            Proto.TCP, packed(VIP), 80, Selection(Selector.CURSOR, [1, 2, 3], [(0,), (1,), (2,)])
        )
        return there[mode]

    yield make
    for both in there.values():
        both.close()
        both.fast.close()


@pytest.fixture(params=["tc", "xdp"])
def both(request: pytest.FixtureRequest, made: Callable[[Mode], Both]) -> Both:
    if len(PROCESSORS) < 2:
        pytest.skip("there is one processor")
    return made(request.param)


def test_states_from_both_directions(both: Both) -> None:
    data = b"x" * 10
    syn = tcp(CLIENT, VIP, 1024, 80, SYN, data=data)
    both.run(syn, syn, times=1)
    (conn,) = both.fast.connections()
    server = SERVERS[conn.dest - 1]
    verdicts = both.run(syn, tcp(server, CLIENT, 80, 1024, RST, data=data))
    assert set(verdicts) <= set(SENT[both.fast.mode])
    both.compare()


def test_the_same_flows_begin(both: Both) -> None:
    syn = tcp(FLOWS, VIP, 1024, 80, SYN, data=b"x" * 10)
    both.run(syn, syn, times=1 << 15, mask=(1 << 15) - 1)
    both.compare()


def test_one_that_is_over_begins_anew(both: Both) -> None:
    both.fast.configure(reuse_mode=1)
    data = b"x" * 10
    both.run(*[tcp(CLIENT, VIP, 1024, 80, SYN, data=data)] * 2, times=1)
    both.run(tcp(CLIENT, VIP, 1024, 80, SYN, data=data), tcp(CLIENT, VIP, 1024, 80, RST, data=data))
    both.compare()


def test_connections_that_the_engine_takes_meanwhile(both: Both) -> None:
    fast = both.fast
    fast.configure(new=0)
    changes = Changes(fast.loaded, None)
    mirror = Mirror(Engine(FixedEnvironment([packed(VIP)])).ns, fast, changes)
    claims = Claims(fast, mirror)
    conn = OffloadedConnection(
        Proto.TCP, packed(CLIENT), 1024, packed(VIP), 80, packed(SERVERS[0]), 80, Forward.MASQ,
        TcpState.SYN_RECV, fast.jiffies.length(60.0), dest=1, inactive=False,
    )  # fmt: skip
    raw = client_key(conn)
    over = threading.Event()

    def take() -> None:
        while not over.is_set():
            conn.seen = fast.jiffies.at(time.monotonic())
            assert changes.give(to_entries(conn))
            time.sleep(0.0001)
            value = claims.take(raw, Proto.TCP, conn.vaddr, conn.vport)
            assert value is not None
            taken = from_entry(raw, value)
            assert taken is not None
            fast.take_reply(taken)

    taker = threading.Thread(target=take)
    taker.start()
    try:
        syn = tcp(CLIENT, VIP, 1024, 80, SYN, data=b"x" * 10)
        both.run(syn, tcp(SERVERS[0], CLIENT, 80, 1024, RST, data=b"x" * 10), times=TIMES * 8)
    finally:
        over.set()
        taker.join()
        changes.close()
    both.compare()
