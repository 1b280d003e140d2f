"""A flood of half-open connections: bounded memory, counted, and what is established goes on."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from tests.fastpath.network import Network
from tests.fastpath.twin import DROPPED, SENT, UP, Course, Twins, packed

from pyvs.core.flags import Proto
from pyvs.fastpath.fast import FastPath, Mode
from pyvs.fastpath.tables import Miss
from pyvs.testing.wire import tcp

pytestmark = pytest.mark.root
Load = Callable[[Mode], FastPath]
ENTRIES = 1 << 10
SEED = 7


def frame(network: Network, packet: bytes) -> bytes:
    return network.mac + b"\2\0\0\0\0\x77\x08\0" + packet


def syns(count: int) -> list[bytes]:
    chance = Random(SEED)
    return [
        tcp(f"198.51.100.{chance.randrange(10, 250)}", "192.0.2.100", chance.randrange(1024, 65536), 80, 0x02)
        for _ in range(count)
    ]


@pytest.mark.parametrize("mode", ["tc", "xdp"])
def test_a_full_table_drops_what_is_new_and_keeps_what_is_there(
    mode: Mode, network: Network, load: Load
) -> None:
    fast = load(mode)
    twins = Twins(Course(mode), network, fast)
    client = twins.course.client(0)
    for flags in (0x02, 0x10):
        assert (
            twins.send(tcp(client, "192.0.2.100", 40000, 80, flags), inward=True, excuse=lambda _: False)
            is None
        )
    before = fast.misses()[Miss.TABLE_FULL]
    verdicts = [
        fast.test_run(frame(network, packet), network.ifindex).verdict for packet in syns(3 * ENTRIES)
    ]
    dropped = verdicts.count(DROPPED[mode])
    assert dropped > ENTRIES
    assert set(verdicts) <= {DROPPED[mode], *SENT[mode]}
    assert fast.misses()[Miss.TABLE_FULL] == before + dropped
    assert (
        sum(1 for _ in fast.conns4.items()) <= ENTRIES + 256
    )  # the kernel keeps a few more for each processor
    outcome = fast.test_run(frame(network, tcp(client, "192.0.2.100", 40000, 80, 0x10)), network.ifindex)
    assert outcome.verdict in SENT[mode]
    established = [conn for conn in fast.connections() if conn.state == 1]
    assert [(conn.caddr, conn.packets) for conn in established] == [(packed(client), 3)]


def test_no_entry_is_left_behind_by_what_found_no_room(network: Network, load: Load) -> None:
    fast = load("xdp")
    twins = Twins(Course("xdp"), network, fast)
    for packet in syns(2 * ENTRIES):
        fast.test_run(frame(network, packet), network.ifindex)
    twins.fast.configure(now=fast.jiffies.at(twins.now + 1000))
    for _ in range(6):
        for _stretch in fast.sweep():
            pass
    assert list(fast.conns4.items()) == []
    for number in twins.numbers.values():
        row = fast.destination(number)
        assert (row["active"], row["inactive"]) == (0, 0)


def test_drop_packet_takes_one_in_so_many(network: Network, load: Load) -> None:
    fast = load("tc")
    Twins(Course("tc"), network, fast)
    fast.configure(drop_rate=4, drop_counter=4)
    verdicts = [fast.test_run(frame(network, packet), network.ifindex).verdict for packet in syns(40)]
    fast.configure(drop_rate=0)
    assert [number for number, verdict in enumerate(verdicts) if verdict == DROPPED["tc"]] == list(
        range(3, 40, 4)
    )


def test_the_wary_table(network: Network, load: Load) -> None:
    fast = load("tc")
    twins = Twins(Course("tc"), network, fast)
    fast.configure(secure=1)
    server = twins.course.servers[-1]
    client = twins.course.client(0)
    states = []
    for packet in (
        tcp(client, "192.0.2.100", 40000, 80, 0x02),
        tcp(server, client, 80, 40000, 0x12),
        tcp(client, "192.0.2.100", 40000, 80, 0x10),
        tcp(server, client, 80, 40000, 0x10),
    ):
        fast.test_run(frame(network, packet), network.ifindex)
        (conn,) = fast.connections()
        states.append(conn.state)
    fast.configure(secure=0)
    # SYN_RECV, SYNACK by the server's answer, and only its next packet makes it ESTABLISHED.
    assert states == [3, 10, 10, 1]


def test_new_connections_can_be_left_to_the_hooks(network: Network, load: Load) -> None:
    fast = load("tc")
    Twins(Course("tc"), network, fast)
    fast.configure(new=0)
    (packet,) = syns(1)
    outcome = fast.test_run(frame(network, packet), network.ifindex)
    assert (outcome.verdict, outcome.frame) == (UP["tc"], frame(network, packet))
    assert dict(fast.services)[Proto.TCP, packed("192.0.2.100"), 80]["cursor"] == 0
