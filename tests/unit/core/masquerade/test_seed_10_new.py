"""The seed's function (10) `ip_masq_new`, each numbered step."""

from __future__ import annotations

from itertools import count

import pytest

from pyvs.core.masquerade.entry import Entry, MasqueradeFlag
from pyvs.core.masquerade.new import new_entry
from pyvs.core.masquerade.state import Masquerade
from pyvs.core.masquerade.states import TIMEOUTS, MasqueradeState
from pyvs.testing.packets import TCP, UDP, address

MADDR, INSIDE, OUT = address("192.0.2.1"), address("10.1.0.5"), address("203.0.113.9")
GRE = 47


def new(
    masquerading: Masquerade, *, proto: int = TCP, mport: int = 0, sport: int = 40000, flags: int = 0
) -> Entry | None:
    return new_entry(masquerading, proto, MADDR, mport, INSIDE, sport, OUT, 80, flags)


def made(
    masquerading: Masquerade, *, proto: int = TCP, mport: int = 0, sport: int = 40000, flags: int = 0
) -> Entry:
    entry = new(masquerading, proto=proto, mport=mport, sport=sport, flags=flags)
    assert entry is not None
    return entry


def test_step_1_without_a_free_port_there_is_nothing(masquerading: Masquerade) -> None:
    masquerading.pool.free[TCP] = 0
    assert new(masquerading) is None
    assert len(masquerading.table) == 0
    assert new(masquerading, proto=UDP) is not None, "each protocol has its own ports"
    assert new(masquerading, mport=8080) is not None, "a port that is given needs none of the range"


def test_step_2_a_user_may_use_the_reserve_a_packet_may_not(masquerading: Masquerade) -> None:
    masquerading.most_entries, masquerading.reserve = 2, 1
    made(masquerading, sport=1)
    made(masquerading, sport=2)
    assert new(masquerading, sport=3) is None
    made(masquerading, sport=3, flags=MasqueradeFlag.USER)


def test_step_3_without_memory_there_is_nothing(masquerading: Masquerade) -> None:
    masquerading.most_entries, masquerading.reserve = 0, 0
    free = dict(masquerading.pool.free)
    assert new(masquerading) is None
    assert new(masquerading, flags=MasqueradeFlag.USER) is None
    assert masquerading.pool.free == free


def test_step_4_the_use_count_rises(masquerading: Masquerade) -> None:
    for number in range(1, 4):
        made(masquerading, sport=number)
        assert len(masquerading.table) == number


def test_step_5_nothing_of_another_entry_is_left(masquerading: Masquerade) -> None:
    entry = made(masquerading)
    assert (entry.in_seq, entry.out_seq, entry.app) == (None, None, None)
    assert entry.control is None


def test_step_6_its_timer_is_ready_but_does_not_run_while_it_is_held(masquerading: Masquerade) -> None:
    entry = made(masquerading)
    assert entry.slot == -1
    assert masquerading.next_timeout() is None
    masquerading.put(entry)
    assert entry.slot >= 0
    assert masquerading.next_timeout() is not None


def test_step_7_the_fields(masquerading: Masquerade) -> None:
    entry = made(masquerading)
    assert (entry.protocol, entry.saddr, entry.sport) == (TCP, INSIDE, 40000)
    assert (entry.daddr, entry.dport, entry.maddr) == (OUT, 80, MADDR)
    assert entry.flags & ~MasqueradeFlag.HASHED == MasqueradeFlag.NO_REPLY
    assert (entry.app_data, entry.control, entry.n_control) == (None, None, 0)
    masquerading.put(entry)
    masquerading.handle(100.0 + TIMEOUTS[MasqueradeState.NONE] + 1)
    assert len(masquerading.table) == 0, "the timer's function is the entry's end"


@pytest.mark.parametrize(("proto", "mport"), [(TCP, 8080), (UDP, 53), (GRE, 0)])
def test_step_8_a_given_port_is_taken(masquerading: Masquerade, proto: int, mport: int) -> None:
    entry = made(masquerading, proto=proto, mport=mport)
    assert entry.mport == mport
    assert masquerading.table.find_in(proto, OUT, 80, MADDR, mport) is entry


def test_step_9_a_given_port_that_is_free(masquerading: Masquerade) -> None:
    free = dict(masquerading.pool.free)
    bound: list[Entry] = []
    masquerading.helpers[TCP, 80] = helper = Recorder(bound)
    entry = made(masquerading, mport=8080)
    assert entry.flags & MasqueradeFlag.MPORT
    assert masquerading.table.pinned == 1
    assert entry.flags & MasqueradeFlag.HASHED
    assert bound == [entry]
    assert entry.app is helper
    assert entry.references == masquerading.table.DIRECTIONS + 1
    assert (entry.state, entry.timeout) == (MasqueradeState.NONE, 1800.0)
    assert masquerading.pool.free == free


def test_step_10_a_given_port_that_is_in_use(masquerading: Masquerade) -> None:
    first = made(masquerading, mport=8080)
    references = first.references
    assert new(masquerading, mport=8080, sport=40001) is None
    assert first.references == references, "the entry that was found is put back"
    assert len(masquerading.table) == 1
    assert masquerading.table.pinned == 1


def test_step_11_the_next_port_that_is_free_is_searched(masquerading: Masquerade) -> None:
    assert [made(masquerading, sport=sport).mport for sport in (1, 2, 3)] == [61000, 61001, 61002]
    masquerading.pool.begin_at(61001)
    assert made(masquerading, sport=4).mport == 61003, "those in use are stepped over"


def test_step_11_the_search_ends_after_4097_tries(masquerading: Masquerade) -> None:
    for number in range(4096):
        made(masquerading, sport=number + 1)
    tries = count()
    take = masquerading.pool.next_port
    masquerading.pool.next_port = lambda: (next(tries), take())[1]  # type: ignore[method-assign]
    assert new(masquerading, sport=50000) is None
    assert next(tries) == 4097
    other = new_entry(masquerading, TCP, MADDR, 0, INSIDE, 50000, OUT, 443)
    assert other is not None, "a port serves connections to different places"


def test_step_12_the_entry_has_the_port_that_was_found(masquerading: Masquerade) -> None:
    entry = made(masquerading)
    assert entry.mport == 61000
    assert masquerading.table.find_in(TCP, OUT, 80, MADDR, 61000) is entry
    assert not entry.flags & MasqueradeFlag.MPORT
    assert masquerading.pool.free[TCP] == masquerading.pool.free[UDP] - 1


def test_step_13_the_helper_is_bound(masquerading: Masquerade) -> None:
    bound: list[Entry] = []
    masquerading.helpers[TCP, 80] = Recorder(bound)
    assert bound == [made(masquerading)] == bound


def test_step_14_the_count_of_failures_is_zero_again(masquerading: Masquerade) -> None:
    masquerading.pool.free[TCP] = 0
    for _ in range(9):
        assert new(masquerading) is None
    assert masquerading.failures == 9
    assert len(masquerading.ns.commands) == 4, "only the first of a row of failures are logged"
    masquerading.pool.free[TCP] = 1
    made(masquerading)
    assert masquerading.failures == 0


def test_step_15_whoever_made_it_holds_it(masquerading: Masquerade) -> None:
    assert made(masquerading).references == masquerading.table.DIRECTIONS + 1


def test_step_16_it_has_the_time_of_state_none(masquerading: Masquerade) -> None:
    entry = made(masquerading)
    assert (entry.state, entry.timeout) == (MasqueradeState.NONE, 30 * 60)


def test_step_17_the_entry_is_returned(masquerading: Masquerade) -> None:
    assert isinstance(new(masquerading), Entry)


class Recorder:
    """A helper that notes to what it was bound."""

    def __init__(self, bound: list[Entry]) -> None:
        self.entries = bound

    def bound(self, masquerade: Masquerade, entry: Entry) -> None:
        self.entries.append(entry)

    def unbound(self, masquerade: Masquerade, entry: Entry) -> None:
        self.entries.remove(entry)

    def outgoing(self, masquerade: Masquerade, entry: Entry, data: bytes) -> bytes:
        return data

    def incoming(self, masquerade: Masquerade, entry: Entry, data: bytes) -> bytes:
        return data
