from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.flags import SCHED_MH_PORT, SCHED_SH_FALLBACK, Family, Proto
from pyvs.core.schedulers import SCHEDULERS
from pyvs.core.schedulers.scheduler import Request
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service
from pyvs.fastpath.selection import NOT_HERE, select
from pyvs.fastpath.tables import LEAST_MOST, Selector

SURROUNDINGS: Any = SimpleNamespace(now=0.0, random=lambda below: 0, setting=lambda name: 60)
ANY = Request(6, b"\1\2\3\4", b"\1\2\3\5", 1000, 80)


def service(name: str, weights: list[int], flags: int = 0) -> Service:
    made = Service(Family.INET, Proto.TCP, ip_address("192.0.2.1").packed, 80, 0)
    made.flags = flags
    for number, weight in enumerate(weights):
        dest = Destination(Family.INET, (0x0A000001 + number).to_bytes(4, "big"), 80, made)
        dest.weight = dest.last_weight = weight
        dest.available = True
        made.destinations.append(dest)
    made.scheduler = SCHEDULERS[name](made, SURROUNDINGS)
    return made


def number(dest: Destination) -> int:
    return int.from_bytes(dest.addr, "big")


@given(
    st.sampled_from(("rr", "wrr")), st.lists(st.integers(0, 6), min_size=1, max_size=6), st.integers(0, 20)
)
def test_a_round_is_what_the_scheduler_picks(name: str, weights: list[int], before: int) -> None:
    made = service(name, weights)
    assert made.scheduler is not None
    for _ in range(before):
        made.scheduler.pick(ANY)
    selection = select(made.scheduler, number)
    picked = [made.scheduler.pick(ANY) for _ in range(3 * len(selection.slots) or 1)]
    expected: list[int | None] = [*selection.slots * 3] or [None]
    assert [None if dest is None else number(dest) for dest in picked] == expected


@given(
    st.sampled_from(("rr", "wrr")), st.lists(st.integers(1, 6), min_size=1, max_size=6), st.integers(0, 30)
)
def test_a_cursor_is_carried_back(name: str, weights: list[int], picks: int) -> None:
    ours, theirs = service(name, weights), service(name, weights)
    assert ours.scheduler is not None
    assert theirs.scheduler is not None
    selection = select(ours.scheduler, number)
    for _ in range(picks):
        theirs.scheduler.pick(ANY)
    size = len(selection.slots)
    selection.carry_back(ours.scheduler, (picks - 1) % size + 1 if picks else 0)
    mine, other = ours.scheduler.pick(ANY), theirs.scheduler.pick(ANY)
    assert mine is not None
    assert other is not None
    assert number(mine) == number(other)


@pytest.mark.parametrize(
    ("name", "flags", "selector", "slots"),
    [
        ("sh", 0, Selector.SOURCE, 256),
        ("sh", SCHED_MH_PORT, Selector.SOURCE_PORT, 256),
        ("dh", 0, Selector.DESTINATION, 256),
        ("mh", 0, Selector.MAGLEV, 4093),
        ("mh", SCHED_MH_PORT, Selector.MAGLEV_PORT, 4093),
        ("wlc", 0, Selector.WLC, 2),
        ("fo", 0, Selector.FO, 2),
    ],
)
def test_selectors(name: str, flags: int, selector: Selector, slots: int) -> None:
    selection = select(service(name, [1, 2], flags).scheduler, number)
    assert (selection.selector, len(selection.slots)) == (selector, slots)
    assert not selection.fallback


def test_a_fallback_is_told() -> None:
    assert select(service("mh", [1], SCHED_SH_FALLBACK).scheduler, number).fallback


def test_what_stays_with_the_engine() -> None:
    assert select(None, number) is NOT_HERE
    assert select(service("lblc", [1]).scheduler, number) is NOT_HERE
    assert select(service("wlc", [1] * (LEAST_MOST + 1)).scheduler, number) is NOT_HERE
    assert select(service("wrr", [65521, 65519]).scheduler, number) is NOT_HERE
