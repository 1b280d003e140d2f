"""What `pyvs fast` shows, of maps in memory."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.unit.fastpath.memory import MemoryFast, in_memory

from pyvs.core.control.specs import DaemonSpec, DestKey, ServiceSpec
from pyvs.core.flags import Forward, SyncState
from pyvs.daemon.fast import Fast
from pyvs.daemon.fast_account import account
from pyvs.fastpath.newcomers import Newcomers
from pyvs.fastpath.relay import Relay
from pyvs.fastpath.tables import LIMITS, Miss
from pyvs.testing.shared import KEY, Shared


class Case:
    """The parts of a `Fast` that are told of."""

    def __init__(self, *, new: bool = False) -> None:
        self.shared: Shared
        self.maps: MemoryFast
        self.shared, self.maps, _ = in_memory()
        shared = self.shared
        self.newcomers = Newcomers(shared.engine.ns, self.maps, shared.mirror) if new else None
        self.relay = Relay(shared.engine.ns, self.maps, shared.table)
        self.links: dict[int, str] = {2: "tcx", 3: "clsact"}
        self.seen: dict[int, str] = {}

    def text(self) -> str:
        shared = self.shared
        fast = SimpleNamespace(
            fast=self.maps, mirror=shared.mirror, table=shared.table, newcomers=self.newcomers,
            relay=self.relay, many=False, devices=SimpleNamespace(across=SimpleNamespace(seen=self.seen)),
            environment=SimpleNamespace(names={2: "eth0"}), links=SimpleNamespace(attached=self.links),
        )  # fmt: skip
        return "".join(account(cast("Fast", cast("Any", fast))))

    def under(self, head: str) -> list[list[str]]:
        """The words of the lines that are indented below one."""
        lines = self.text().splitlines()
        found = []
        for line in lines[lines.index(head) + 1 :]:
            if not line.startswith("  "):
                break
            found.append(line.split())
        return found


def test_before_anything_is_there() -> None:
    assert Case().text() == (
        "programs: tc at eth0 (tcx), 3 (clsact)\n"
        "state: serving\n"
        "new connections: scheduled by the engine, after the host's filter\n"
        "connections in the maps: 0\n"
        "templates in the maps: 0\n"
        "handed over by the engine: 0\n"
        "came back to the engine: 0\n"
        "ended in the maps: 0\n"
        "served: 0 packets\n"
        "maps:\n"
        "  conns4       0 of 1024 entries, room for 512 connections with NAT\n"
        "  conns6       0 of 512 entries, room for 256 connections with NAT\n"
        "  templates    0 of 256 entries\n"
        f"  dests        0 of {LIMITS['MAX_DESTS']} entries\n"
    )


def test_no_device() -> None:
    case = Case()
    case.links = {}
    assert case.text().startswith("programs: tc at no device\n")


def test_which_devices_hand_over() -> None:
    case = Case()
    case.seen = {2: "", 3: "tc"}
    assert case.text().splitlines()[1] == "straight across: eth0, 3 (no: tc)"


@pytest.mark.parametrize(("method", "entries"), [(Forward.MASQ, "10"), (Forward.DROUTE, "5")])
def test_connections_and_packets(method: Forward, entries: str) -> None:
    case = Case()
    case.shared.service(method=method)
    for port in (40000, 40001):
        case.shared.from_client(port)
    case.shared.settle()
    case.maps.count(0, active=3, inpkts=30, outpkts=12)
    case.shared.table.came_back, case.shared.table.ended = 7, 8
    lines = case.text().splitlines()
    assert "connections in the maps: 5" in lines
    assert "handed over by the engine: 2" in lines
    assert "came back to the engine: 7" in lines
    assert "ended in the maps: 8" in lines
    assert "served: 42 packets" in lines
    port = 8080 if method == Forward.MASQ else 80
    # The service's newest server comes first.
    assert [" ".join(words) for words in case.under("servers:")] == [
        f"0 service TCP 192.0.2.100:80 -> 10.1.0.12:{port}: offloaded, 4 active, 0 inactive in the maps",
        f"1 service TCP 192.0.2.100:80 -> 10.1.0.11:{port}: offloaded, 1 active, 0 inactive in the maps",
    ]
    assert [" ".join(words) for words in case.under("maps:")] == [
        f"conns4 {entries} of 1024 entries, room for 512 connections with NAT",
        "conns6 0 of 512 entries, room for 256 connections with NAT",
        "templates 0 of 256 entries",
        f"dests 2 of {LIMITS['MAX_DESTS']} entries",
    ]


def test_only_reasons_that_happened_are_told() -> None:
    case = Case()
    case.maps.missed.add(Miss.FRAGMENT.number, count=3)
    case.maps.missed.add(Miss.TTL.number, count=123_456)
    case.shared.table.handover.kept.update(["this", "that", "that"])
    assert case.under("not served, by reason:") == [
        ["3", *Miss.FRAGMENT.sentence.split()],
        ["123456", *Miss.TTL.sentence.split()],
    ]
    stayed = case.under("connections that stayed with the engine, by reason:")
    assert stayed == [["2", "that"], ["1", "this"]]


def test_a_removed_server_is_told_of_while_it_has_connections() -> None:
    case = Case()
    case.shared.service()
    kept = case.shared.dest(0)
    case.maps.count(case.shared.mirror.places[kept].number, active=1)
    case.shared.mirror.pull()
    case.shared.engine.control.del_dest(KEY, DestKey(kept.addr, kept.port), case.shared.now)
    case.shared.mirror.renew()
    told = [" ".join(words) for words in case.under("servers:")]
    removed = "10.1.0.11:8080: removed, its clients' packets are dropped, 1 active, 0 inactive in the maps"
    assert f"1 service TCP 192.0.2.100:80 -> {removed}" in told
    case.shared.engine.control.sysctl_write("expire_nodest_conn", "1", case.shared.now)
    assert "8080: removed, its connections end, 1 active" in case.text()


def test_what_was_served_for_a_server_that_is_gone_is_not_forgotten() -> None:
    case = Case()
    case.shared.service()
    case.maps.count(0, inpkts=30, outpkts=12)
    assert "served: 42 packets\n" in case.text()
    case.shared.engine.control.flush(case.shared.now)
    case.shared.mirror.renew()
    assert case.shared.mirror.places, "they lie in the trash"
    assert "servers:" not in case.text(), "of which nobody needs to hear"
    for later in (0, 200):
        list(case.shared.engine.ns.trash.sweep(case.shared.now + later))
    case.shared.mirror.pull()
    assert not case.shared.mirror.places
    assert "served: 42 packets\n" in case.text()


def test_a_server_that_drains() -> None:
    case = Case()
    case.shared.service()
    engine = case.shared.engine
    engine.ns.drains.start(next(iter(engine.ns.services)), case.shared.dest(0), None)
    case.shared.mirror.renew()
    told = [" ".join(words) for words in case.under("servers:")]
    assert "10.1.0.11:8080: it drains, 0 active" in told[1]
    assert "offloaded" in told[0]


def test_resting() -> None:
    case = Case()
    case.shared.engine.control.sysctl_write("conntrack", "1", case.shared.now)
    case.shared.mirror.renew()
    assert "state: resting: sysctl conntrack is 1: netfilter is to see each packet\n" in case.text()
    case.shared.service()
    case.shared.mirror.renew()
    assert [" ".join(words[5:]) for words in case.under("servers:")] == [
        "10.1.0.12:8080: rests, 0 active, 0 inactive in the maps",
        "10.1.0.11:8080: rests, 0 active, 0 inactive in the maps",
    ]


def test_a_master() -> None:
    case = Case()
    assert "synchronisation master" not in case.text()
    case.shared.engine.control.new_daemon(DaemonSpec(SyncState.MASTER, "eth0", 1), case.shared.now)
    case.relay.told = 7
    case.maps.lost.add(0, count=2)
    assert "\nreported to the synchronisation master: 7, lost: 2\n" in case.text()


def test_new_connections_by_the_programs() -> None:
    case = Case(new=True)
    assert case.newcomers is not None
    case.shared.engine.control.new_service(ServiceSpec(KEY, "none"), case.shared.now)
    case.shared.mirror.renew()
    case.newcomers.renew()
    assert "new connections: scheduled by the programs\n" in case.text()
    assert [" ".join(words) for words in case.under("services whose new connections go up, by reason:")] == [
        "service TCP 192.0.2.100:80: its scheduler is not one of the programs'"
    ]
