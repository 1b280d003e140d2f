"""Pinned tables that get another size, with programs that go on in the old ones meanwhile."""

from __future__ import annotations

import errno
import os
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from tests.unit.fastpath.memory import MemoryMap

from pyvs.core.flags import Forward
from pyvs.core.protocols.tcp_states import TcpState
from pyvs.fastpath import resize as room
from pyvs.fastpath import sizes
from pyvs.fastpath.entries import OffloadedConnection, client_key, server_key, to_entries
from pyvs.fastpath.errors import FastPathUnavailable
from pyvs.fastpath.fast import FastPath
from pyvs.fastpath.layout import CONN4, KEY4
from pyvs.fastpath.maps import BpfMap
from pyvs.fastpath.resize import Resize
from pyvs.fastpath.tables import CLAIMED, Status

CLIENT, VIP, SERVER = (ip_address(text).packed for text in ("198.51.100.7", "192.0.2.1", "10.0.0.9"))
SIX = [ip_address(text).packed for text in ("2001:db8::7", "2001:db8::1", "fd00::9")]
NOW = 10_000
NAMES = ("conns4", "conns6")


def connection(
    port: int, seen: int = NOW - 5000, state: int = TcpState.ESTABLISHED, ends: Any = (CLIENT, VIP, SERVER)
) -> OffloadedConnection:
    caddr, vaddr, daddr = ends
    return OffloadedConnection(6, caddr, port, vaddr, 80, daddr, 8080, Forward.MASQ, state, 10**6, seen, 9)


def entry(
    port: int, seen: int, status: int = int(TcpState.ESTABLISHED), dest: int = 9
) -> tuple[bytes, bytes]:
    key = KEY4.pack(saddr=CLIENT, daddr=VIP, sport=port.to_bytes(2, "big"), dport=b"\0P", protocol=6)
    return key, CONN4.pack(seen=seen, status=status, timeout=1000, dest=dest)


class Case:
    """Two tables in memory, of which one is reached by its pin."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, space: int = 1 << 20) -> None:
        self.old = MemoryMap(KEY4.size, CONN4)
        self.new = MemoryMap(KEY4.size, CONN4, space)
        self.calls: list[tuple[str, Any]] = []

        def call(name: str, *arguments: Any) -> int:
            self.calls.append((name, arguments[-1]))
            if name == "bpf_obj_pin":
                Path(os.fsdecode(arguments[-1])).touch()
            return -1

        monkeypatch.setattr(room, "call", call)
        monkeypatch.setattr(room, "BpfMap", lambda descriptor, key_size, values: self.old)


def test_what_happens_after_the_copy_follows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    case = Case(monkeypatch)
    (tmp_path / "conns4").write_text("the old")
    quiet, lively, newer, closing, claimed = (entry(port, NOW - 10) for port in range(1, 6))
    closing = closing[0], entry(4, NOW - 10, TcpState.TIME_WAIT)[1]
    claimed = claimed[0], entry(5, NOW - 10, Status.CLAIMED, CLAIMED)[1]
    case.old.put_many([quiet, lively, newer, closing, claimed])
    resize = Resize(tmp_path, {"conns4": case.new}, NOW)
    assert case.new.held == case.old.held

    case.old.put(*entry(2, NOW + 3, TcpState.FIN_WAIT))  # went on in the old one
    case.old.put(*entry(3, NOW + 3, TcpState.FIN_WAIT))  # and then in the new one
    case.new.put(*entry(3, NOW + 4, TcpState.TIME_WAIT))
    case.old.put(*entry(6, NOW + 1))  # began in the old one
    case.new.put(*entry(7, NOW + 2))  # began in the new one
    case.new.put(*entry(8, NOW - 9, TcpState.CLOSE))  # the engine's
    case.old.delete(closing[0])  # its place was taken
    case.old.delete(claimed[0])
    resize.finish()

    assert case.new.held == dict(
        [
            quiet, entry(2, NOW + 3, TcpState.FIN_WAIT), entry(3, NOW + 4, TcpState.TIME_WAIT), entry(6, NOW + 1),
            entry(7, NOW + 2), entry(8, NOW - 9, TcpState.CLOSE), claimed,
        ]
    )  # fmt: skip
    assert case.calls == [
        ("bpf_obj_get", os.fsencode(tmp_path / "conns4")),
        ("bpf_obj_pin", os.fsencode(tmp_path / "conns4_new")),
    ]
    assert [file.name for file in tmp_path.iterdir()] == ["conns4"]
    assert (tmp_path / "conns4").read_text() == "", "the new one is pinned in its place"


def test_what_is_just_ending_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another processor has found it over: it is uncounted, and must not be so once more."""
    case = Case(monkeypatch)
    ending = TcpState.ESTABLISHED | Status.CLAIMED
    case.old.put_many([entry(1, NOW - 10), entry(2, NOW - 10, ending)])
    resize = Resize(tmp_path, {"conns4": case.new}, NOW)
    case.old.put(*entry(3, NOW + 1, ending))
    resize.finish()
    assert case.new.held == dict([entry(1, NOW - 10)])


def test_times_go_round(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    case = Case(monkeypatch)
    case.old.put(*entry(1, 0xFFFF_FF00))
    resize = Resize(tmp_path, {"conns4": case.new}, 0xFFFF_FFF0)
    case.old.put(*entry(1, 5, TcpState.CLOSE))
    case.old.put(*entry(2, 0xFFFF_FFF8))
    resize.finish()
    assert case.new.held == dict([entry(1, 5, TcpState.CLOSE), entry(2, 0xFFFF_FFF8)])


def test_less_room_than_connections(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    case = Case(monkeypatch, space=2)
    case.old.put_many(entry(port, NOW) for port in range(3))
    with pytest.raises(FastPathUnavailable, match="more connections"):
        Resize(tmp_path, {"conns4": case.new}, NOW)
    case.old.delete(entry(1, NOW)[0])
    case.new.held.clear()
    resize = Resize(tmp_path, {"conns4": case.new}, NOW)
    case.old.put(*entry(7, NOW + 1))
    resize.finish()  # that one has no room, as any that comes now
    assert len(case.new.held) == 2


def test_other_failures_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    case = Case(monkeypatch)

    def put(*_: object) -> None:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    case.old.put(*entry(1, NOW))
    monkeypatch.setattr(case.new, "put", put)
    with pytest.raises(OSError, match="memory"):
        Resize(tmp_path, {"conns4": case.new}, NOW)


def opened(pins: Path, connections: int) -> FastPath:
    try:
        return FastPath.open("tc", pins=pins, connections=connections)
    except FastPathUnavailable as why:
        pytest.skip(str(why))


@pytest.mark.root
def test_real_tables_grow_and_shrink(pins: Path) -> None:
    first = opened(pins, 1000)
    first.configure(now=NOW + 1000)
    kept = [*(connection(port) for port in range(200)), *(connection(port, ends=SIX) for port in range(300))]
    first.insert_many(kept)
    for asked in (5000, 700):
        second = opened(pins, asked)
        assert second.kept_size == ""
        assert [second.loaded.entries(name) for name in NAMES] == [asked, asked]
        assert second.loaded.entries("templates") == 500
        before = sizes.pinned(pins, NAMES)["conns4"]
        assert before != asked, "until the programs at the devices are others all stays as it was"
        late = connection(40000 + asked, NOW + 1000)
        first.insert(late)
        kept.append(late)
        assert second.find(client_key(late)) is None
        assert second.follow_tables()
        assert not second.follow_tables()
        assert sizes.pinned(pins, NAMES) == dict.fromkeys(NAMES, asked)
        for conn in kept:
            assert second.find(client_key(conn)) == conn
            assert second.table_of(server_key(conn)).get(server_key(conn)) == to_entries(conn)[0][1]
        first.close()
        first = second
    first.close()


@pytest.mark.root
def test_real_tables_without_room_keep_their_size(pins: Path) -> None:
    first = opened(pins, 1000)
    kept = [connection(port) for port in range(300)]
    first.insert_many(kept)
    first.close()
    second = opened(pins, 400)
    assert second.kept_size == "there are more connections than that"
    assert second.loaded.entries("conns4") == 1000
    assert not second.follow_tables()
    assert all(second.find(client_key(conn)) for conn in kept)
    assert isinstance(second.conns4, BpfMap)
    second.close()
    third = opened(pins, 700)
    third.close()  # before its programs were at any device
    assert sizes.pinned(pins, NAMES) == dict.fromkeys(NAMES, 1000)
