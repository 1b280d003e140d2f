from __future__ import annotations

from ipaddress import ip_address

from pyvs.core.differences import KERNEL, OURS
from pyvs.core.namespace import Namespace
from pyvs.testing.environment import FixedEnvironment


def test_a_new_one_is_empty() -> None:
    ns = Namespace(FixedEnvironment())
    assert (len(ns.services), ns.connections.count, ns.commands, len(ns.trash), len(ns.reassembly)) == (
        0,
        0,
        [],
        0,
        0,
    )
    assert (ns.conn_tab_size, ns.differences, ns.note) == (4096, OURS, None)


def test_what_is_given_is_kept() -> None:
    ns = Namespace(FixedEnvironment(), differences=KERNEL, conn_tab_bits=8, now=100.0)
    assert (ns.conn_tab_size, ns.differences, ns.now) == (256, KERNEL, 100.0)
    assert ns.next_estimate == 102.0
    assert ns.next_defense == 101.0


def test_chance_comes_from_the_host() -> None:
    ns, again = (Namespace(FixedEnvironment(seed=3)) for _ in range(2))
    drawn = [ns.identification() for _ in range(50)]
    assert drawn == [again.random(0x10000) for _ in range(50)]
    assert max(drawn) > 0xFF


def test_steps_are_told_to_whom_listens() -> None:
    ns = Namespace(FixedEnvironment())
    ns.tell("room", "nobody hears this")
    heard: list[tuple[str, str]] = []
    ns.note = lambda room, sentence: heard.append((room, sentence))
    ns.tell("room", "a step")
    assert heard == [("room", "a step")]


def test_names_for_people() -> None:
    assert Namespace.name_of(ip_address("192.0.2.1").packed, 80) == "192.0.2.1:80"
    assert Namespace.name_of(ip_address("2001:db8::1").packed, 80) == "[2001:db8::1]:80"


def test_settings_are_read_by_name() -> None:
    ns = Namespace(FixedEnvironment())
    ns.sysctl.sloppy_tcp = 1
    assert ns.setting("sloppy_tcp") == 1
    ns.sysctl.bring({"lblc_expiration": 8640000})
    assert ns.setting("lblc_expiration") == 8640000
