"""Answers that are remembered until the host changes."""

import errno
from pathlib import Path

import pytest

from pyvs.daemon import environment as module
from pyvs.daemon.environment import PMTU_SECONDS, LiveEnvironment, _free_kb
from pyvs.datapath.rtnetlink import FoundRoute, Link, RouteType, RtnetlinkError

HERE, NEAR, FAR, NOWHERE = b"\x0a\0\0\1", b"\x0a\0\0\2", b"\xc0\0\2\1", b"\xc0\0\2\2"
DARK, ALL = b"\xc0\0\2\3", b"\x0a\0\0\xff"


class Kernel:
    """Stands in for rtnetlink."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, bytes | None, int]] = []
        self.news = False
        self.policy = False
        self.routes = {
            HERE: FoundRoute(RouteType.LOCAL, 1, None, HERE, 0),
            NEAR: FoundRoute(RouteType.UNICAST, 2, None, HERE, 0),
            FAR: FoundRoute(RouteType.UNICAST, 2, NEAR, HERE, 1400),
            DARK: FoundRoute(RouteType.BLACKHOLE, 0, None, b"", 0),
            ALL: FoundRoute(RouteType.BROADCAST, 2, None, HERE, 0),
        }

    def route(self, destination: bytes, *, source: bytes | None = None, mark: int = 0) -> FoundRoute:
        self.asked.append((destination, source, mark))
        if source not in {None, HERE}:
            raise RtnetlinkError(errno.EINVAL, "route")
        if destination not in self.routes:
            raise RtnetlinkError(errno.ENETUNREACH, "route")
        return self.routes[destination]

    def links(self) -> list[Link]:
        return [Link(1, "lo", 65536, True), Link(2, "eth0", 1500, True)]

    def has_policy(self) -> bool:
        return self.policy

    def changed(self) -> bool:
        news, self.news = self.news, False
        return news

    def fileno(self) -> int:
        return 7


class Clock:
    """Time that is set by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def host(kernel: Kernel, clock: Clock) -> LiveEnvironment:
    return LiveEnvironment(kernel, clock)  # type: ignore[arg-type]


def test_routes_of_every_kind(host: LiveEnvironment) -> None:
    here, near, far = host.route(HERE), host.route(NEAR), host.route(FAR)
    assert here is not None
    assert near is not None
    assert far is not None
    assert (here.local, here.device, here.mtu) == (True, "lo", 65536)
    assert (near.local, near.device, near.gateway, near.mtu) == (False, "eth0", None, 1500)
    assert (far.gateway, far.mtu, far.source) == (NEAR, 1400, HERE)
    assert host.route(NOWHERE) is None
    assert host.route(DARK) is None
    everyone = host.route(ALL)
    assert everyone is not None
    assert not everyone.unicast
    assert host.is_local(HERE)
    assert not host.is_local(NEAR)
    assert not host.is_local(NOWHERE)


def test_the_kernel_is_asked_once_until_something_changes(host: LiveEnvironment, kernel: Kernel) -> None:
    for _ in range(3):
        host.route(NEAR)
        host.route(NOWHERE)
    assert len(kernel.asked) == 2
    generation = host.generation
    assert not host.look()
    assert host.generation == generation
    kernel.news = kernel.policy = True
    del kernel.routes[NEAR]
    assert host.look()
    assert host.generation > generation
    assert host.policy_routing
    assert host.route(NEAR) is None


def test_answers_differ_by_source_and_mark(host: LiveEnvironment, kernel: Kernel) -> None:
    host.route(NEAR, source=HERE)
    host.route(NEAR, mark=5)
    assert kernel.asked == [(NEAR, HERE, 0), (NEAR, None, 5)]


def test_a_source_that_is_not_ours_counts_as_none(host: LiveEnvironment) -> None:
    assert host.route(NEAR, source=FAR) == host.route(NEAR)


def test_a_learnt_path_mtu_counts_for_ten_minutes(host: LiveEnvironment, clock: Clock) -> None:
    def mtu() -> int:
        route = host.route(FAR)
        assert route is not None
        return route.mtu

    generation = host.generation
    host.update_pmtu(FAR, 1450)  # more than known
    assert (mtu(), host.generation) == (1400, generation)
    for _ in range(2):  # as known: who holds the route looks again, once
        host.update_pmtu(FAR, 1400)
        assert (mtu(), host.generation) == (1400, generation + 1)
    host.update_pmtu(FAR, 1300)
    assert mtu() == 1300
    assert host.generation == generation + 2
    host.update_pmtu(FAR, 1)
    assert mtu() == 552
    clock.now += PMTU_SECONDS - 1
    host.expire()
    assert mtu() == 552
    clock.now += 1
    host.expire()
    assert mtu() == 1400
    assert host.generation == generation + 4


def test_a_path_mtu_is_no_change_of_tables(host: LiveEnvironment, kernel: Kernel) -> None:
    def tables() -> int:
        route = host.route(FAR)
        assert route is not None
        return route.tables

    before = tables()
    host.update_pmtu(FAR, 1300)
    assert tables() == before
    kernel.news = True
    host.look()
    assert tables() != before


def test_answers_are_bounded(host: LiveEnvironment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWERS_MAX", 10)
    for number in range(100):
        host.route(number.to_bytes(4, "big"))
        host.update_pmtu(number.to_bytes(4, "big"), 1000)
        assert len(host._routes) <= 10
        assert len(host._pmtu) <= 10


def test_memory_is_asked_once_a_second(
    host: LiveEnvironment, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [4000, 8000]
    monkeypatch.setattr(module, "_free_kb", lambda: answers.pop(0))
    monkeypatch.setattr(module, "PAGE_KB", 4)
    assert [host.available_pages(), host.available_pages()] == [1000, 1000]
    clock.now += 1
    assert host.available_pages() == 2000


def test_free_and_buffer_memory(tmp_path: Path) -> None:
    file = tmp_path / "meminfo"
    file.write_text("MemTotal: 100 kB\nMemFree:   30 kB\nBuffers:  5 kB\nCached: 7 kB\n")
    assert _free_kb(str(file)) == 35
    assert _free_kb(str(tmp_path / "none")) > 0


def test_devices_and_chance(host: LiveEnvironment) -> None:
    assert host.device_mtu("eth0") == 1500
    assert host.device_mtu("eth9") is None
    assert host.names == {0: "", 1: "lo", 2: "eth0"}
    assert {host.random(3) for _ in range(200)} == {0, 1, 2}
    assert host.fileno() == 7
