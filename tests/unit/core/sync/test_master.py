"""The master: what it gathers, when it sends, what overflows."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest

from pyvs.core.command import Multicast
from pyvs.core.connections.connection import Connection, Sequence
from pyvs.core.connections.table import in_key
from pyvs.core.control.specs import DaemonSpec
from pyvs.core.differences import KERNEL
from pyvs.core.flags import ConnFlag, Family, SyncState
from pyvs.core.namespace import Namespace
from pyvs.core.reasons import Reason
from pyvs.core.sync import message_v0, message_v1
from pyvs.core.sync.entry import SyncEntry
from pyvs.core.sync.master import CHECK_PERIOD
from pyvs.core.sync.state import Sync
from pyvs.testing.environment import FixedEnvironment


def sync(maxlen: int = 0, channels: int = 1, differences: Any = None, **knobs: Any) -> Sync:
    ns = Namespace(FixedEnvironment(), **({"differences": differences} if differences else {}))
    for name, value in {"sync_threshold": (0, 1), "sync_ports": channels, **knobs}.items():
        setattr(ns.sysctl, name, value)
    daemon = Sync(ns)
    daemon.start(DaemonSpec(SyncState.MASTER, "eth1", 5, maxlen))
    return daemon


def connection(number: int = 0, **attributes: Any) -> Connection:
    conn = Connection(
        Family.INET,
        17,
        bytes((10, 0, number >> 8, number & 255)),
        1000,
        b"\xc0\0\2\1",
        53,
        Family.INET,
        b"\x0a\1\0\1",
        53,
        0,
    )
    conn.timeout = 300.0
    for name, value in attributes.items():
        setattr(conn, name, value)
    conn.in_key = in_key(conn)
    return conn


def sent(daemon: Sync) -> list[bytes]:
    messages = [command.message for command in daemon.ns.commands if isinstance(command, Multicast)]
    assert len(messages) == len(daemon.ns.commands)
    daemon.ns.commands.clear()
    return messages


def clients(message: bytes) -> list[int]:
    found = (message_v1 if message_v1.is_v1(message) else message_v0).parse(message)
    return [
        int.from_bytes(entry.caddr, "big") & 0xFFFF
        for entry in found
        if isinstance(entry, SyncEntry) or pytest.fail(str(entry))
    ]


def test_a_lone_entry_waits_two_to_three_seconds() -> None:
    daemon = sync()
    daemon.ns.now = 0.3
    daemon.note_packet(connection(7), 1)
    due = daemon.next_timeout()
    assert due is not None
    assert due == pytest.approx(3 * CHECK_PERIOD), "looks about once a second, sends at 2 s of age"
    daemon.handle(due - 0.001)
    assert not sent(daemon)
    daemon.handle(due)
    (message,) = sent(daemon)
    assert message[:8] == bytes((0, 5, 0, 44, 1, 1, 0, 0))
    assert clients(message) == [7]
    assert daemon.next_timeout() is None


def test_looks_stay_in_step() -> None:
    daemon = sync()
    for start, looks in ((0.3, 3), (7.95, 10), (20.0, 22)):
        daemon.ns.now = start
        daemon.note_packet(connection(), 1)
        due = daemon.next_timeout()
        assert due is not None
        assert due == pytest.approx(looks * CHECK_PERIOD)
        daemon.handle(due)
        assert len(sent(daemon)) == 1


def test_a_full_buffer_leaves_after_twenty_milliseconds() -> None:
    daemon = sync(maxlen=8 + 36 * 2)
    for number in range(3):
        daemon.note_packet(connection(number), 1)
    assert not sent(daemon)
    assert daemon.next_timeout() == pytest.approx(0.02)
    daemon.handle(0.02)
    (message,) = sent(daemon)
    assert clients(message) == [0, 1]
    daemon.handle(9.0)
    assert [clients(message) for message in sent(daemon)] == [[2]]


def test_eight_full_buffers_leave_at_once() -> None:
    daemon = sync(maxlen=44)
    for number in range(8):
        daemon.note_packet(connection(number), 1)
    assert not sent(daemon)
    daemon.note_packet(connection(8), 1)
    assert [clients(message) for message in sent(daemon)] == [[n] for n in range(8)]


def test_queue_limit() -> None:
    daemon = sync(maxlen=44, sync_qlen_max=3)
    daemon.set_writable(0, False, 0.0)
    for number in range(20):
        daemon.note_packet(connection(number), 1)
    daemon.handle(100.0)
    assert not sent(daemon)
    assert daemon.ns.reasons[Reason.SYNC_QUEUE_FULL] == 19 - 3
    daemon.set_writable(0, True, 101.0)
    assert [clients(message) for message in sent(daemon)] == [[0], [1], [2], [19]]


def test_an_entry_larger_than_maxlen_still_goes() -> None:
    daemon = sync(maxlen=10)
    daemon.note_packet(connection(1), 1)
    daemon.handle(10.0)
    assert [len(message) for message in sent(daemon)] == [44]


def test_versions_do_not_share_a_buffer() -> None:
    daemon = sync()
    daemon.note_packet(connection(1), 1)
    daemon.ns.sysctl.sync_version = 0
    daemon.note_packet(connection(2), 1)
    daemon.ns.sysctl.sync_version = 1
    daemon.note_packet(connection(3), 1)
    daemon.handle(10.0)
    daemon.handle(20.0)
    messages = sent(daemon)
    assert [(message_v1.is_v1(message), clients(message)) for message in messages] == [
        (True, [1]),
        (False, [2]),
        (True, [3]),
    ]


def test_version_0_knows_no_ipv6() -> None:
    daemon = sync(sync_version=0)
    six = Connection(Family.INET6, 17, bytes(16), 1, bytes(16), 2, Family.INET6, bytes(16), 3, 0)
    daemon.note_packet(six, 1)
    assert daemon.next_timeout() is None
    daemon.ns.sysctl.sync_version = 1
    daemon.note_packet(six, 1)
    daemon.handle(10.0)
    assert [len(message) for message in sent(daemon)] == [8 + 72]


def test_one_packet_connections_are_not_told_but_their_template_is() -> None:
    daemon = sync()
    template = connection(1, flags=int(ConnFlag.TEMPLATE))
    daemon.note_packet(connection(2, flags=int(ConnFlag.ONE_PACKET), control=template), 1)
    daemon.handle(10.0)
    assert [clients(message) for message in sent(daemon)] == [[1]]
    assert template.in_pkts == 1


def test_version_0_tells_of_a_template_only_with_its_connection() -> None:
    daemon = sync(sync_version=0, sync_threshold=(3, 50))
    template = connection(1, flags=int(ConnFlag.TEMPLATE))
    child = connection(2, control=template)
    daemon.note_packet(child, 1)
    assert daemon.next_timeout() is None
    daemon.note_packet(child, 3)
    daemon.handle(10.0)
    assert [clients(message) for message in sent(daemon)] == [[2, 1]]


def test_channels_keep_a_connection_s_order() -> None:
    daemon = sync(channels=4)
    for _ in range(3):
        for number in range(64):
            daemon.note_packet(connection(number), 1)
    daemon.handle(10.0)
    by_channel: dict[int, list[int]] = {}
    for command in daemon.ns.commands:
        assert isinstance(command, Multicast)
        by_channel.setdefault(command.channel, []).extend(clients(command.message))
    assert len(by_channel) == 4
    assert sorted(chain.from_iterable(by_channel.values())) == sorted(list(range(64)) * 3)
    for told in by_channel.values():
        assert told == told[: len(told) // 3] * 3


@pytest.mark.parametrize("version", [0, 1])
def test_more_than_255_entries(version: int) -> None:
    ours = sync(maxlen=20000, sync_version=version)
    for number in range(300):
        ours.note_packet(connection(number), 1)
    ours.handle(1.0)
    ours.handle(10.0)
    assert list(chain.from_iterable(clients(message) for message in sent(ours))) == list(range(300))


def test_more_than_255_entries_as_recorded() -> None:
    """The real kernel, 300 connections and --sync-maxlen 20000: counts 44 in one, 0 and 44 in two messages."""
    v1, v0 = sync(20000, differences=KERNEL), sync(20000, differences=KERNEL, sync_version=0)
    for number in range(300):
        v1.note_packet(connection(number), 1)
        v0.note_packet(connection(number), 1)
    v1.handle(10.0)
    v0.handle(1.0)
    v0.handle(10.0)
    assert [message[:8].hex() for message in sent(v1)] == ["00052a382c010000"]
    assert [message[:4].hex() for message in sent(v0)] == ["00051804", "2c050424"]


@pytest.mark.parametrize("version", [0, 1])
def test_shifted_sequence_numbers(version: int) -> None:
    conn = connection(1, flags=int(ConnFlag.OUT_SEQ), out_seq=Sequence(5000, 2, 0))
    for differences, expected in ((None, (5000, 2, 0)), (KERNEL, None)):
        daemon = sync(sync_version=version, differences=differences)
        daemon.note_packet(conn, 1)
        daemon.handle(10.0)
        (message,) = sent(daemon)
        (entry,) = (message_v1 if version else message_v0).parse(message)
        assert isinstance(entry, SyncEntry)
        assert entry.out_seq == expected
        assert bool(entry.flags & ConnFlag.OUT_SEQ) is (expected is not None)


def test_what_a_stopped_master_has_not_sent_is_forgotten() -> None:
    daemon = sync()
    daemon.note_packet(connection(1), 1)
    daemon.stop(SyncState.MASTER)
    daemon.handle(10.0)
    daemon.note_packet(connection(1), 1)
    assert not sent(daemon)
    assert daemon.next_timeout() is None
