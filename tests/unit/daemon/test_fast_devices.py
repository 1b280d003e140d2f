"""Which devices have programs, and what the maps are told of them."""

import io
from pathlib import Path
from typing import Any, cast

import pytest
from tests.unit.daemon.fast.around import MAC, FakeLinks, FakeOnlookers, Host
from tests.unit.fastpath.memory import MemoryFast

from pyvs.daemon import fast_devices
from pyvs.daemon.across import Across
from pyvs.daemon.fast_devices import FastDevices
from pyvs.daemon.log import Log


class Case:
    """Devices of a host, of which those called eth are Ethernet."""

    def __init__(self, mode: str) -> None:
        self.host, self.maps, self.onlookers = Host(), MemoryFast(), FakeOnlookers()
        self.maps.mode = cast("Any", mode)
        self.links = FakeLinks(mode, 1, Path("nowhere"))
        self.written = io.StringIO()
        self.devices = FastDevices(
            cast("Any", self.maps), cast("Any", self.links), Across("auto", cast("Any", self.onlookers)),
            cast("Any", self.host), Log(self.written),
        )  # fmt: skip


@pytest.fixture(params=["tc", "xdp"])
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setattr(
        fast_devices, "ethernet_address", lambda name: MAC if name.startswith("eth") else None
    )
    return Case(request.param)


def test_only_ethernet_has_programs(case: Case) -> None:
    assert case.devices.attach() == ["eth0", "eth1"]
    assert case.maps.devices == {2: MAC, 3: MAC}
    assert case.links.attempts == [2, 3]
    assert case.devices.attach() == ["eth0", "eth1"]
    assert case.links.attempts == [2, 3], "once each"


def test_one_that_takes_none_is_told_of(case: Case) -> None:
    case.links.refuses = {3}
    assert case.devices.attach() == ["eth0"]
    assert "the fast path is not at eth1: [Errno 95] it takes no program" in case.written.getvalue()


def test_one_that_is_gone_is_let_go(case: Case) -> None:
    case.host.reaching_out = {3}
    case.devices.attach()
    case.host.there = [2]
    assert case.devices.attach() == ["eth0"]
    assert list(case.links.attached) == [2]
    assert case.devices.across.seen == {}


def test_hops_are_believed_until_somebody_looks(case: Case) -> None:
    case.host.reaching_out = {3}
    case.devices.attach()
    before = case.maps.setting("generation")
    case.devices.look()
    assert case.maps.setting("generation") == before
    case.onlookers.who[3] = "tc"
    case.devices.look()
    if case.maps.mode == "tc":
        assert case.maps.setting("generation") != before
        assert case.maps.reaching_out == {2: False, 3: False}
    else:
        assert case.maps.reaching_out == {2: False, 3: True}, (
            "by XDP that is what the device is, whoever looks"
        )
