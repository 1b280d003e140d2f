"""Routes, links and rules of the host that the tests run on: every host has a loopback."""

import errno
import os
import select
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.datapath.rtnetlink import RouteType, Rtnetlink, RtnetlinkError, _attribute, attributes
from pyvs.lab.namespace import Namespace


@pytest.fixture
def rtnetlink() -> Iterator[Rtnetlink]:
    asked = Rtnetlink()
    yield asked
    asked.close()


def test_the_loopback_device(rtnetlink: Rtnetlink) -> None:
    (loopback,) = [link for link in rtnetlink.links() if link.name == "lo"]
    assert loopback.index == socket.if_nametoindex("lo")
    assert loopback.mtu > 1500


def test_an_address_of_this_host_is_local(rtnetlink: Rtnetlink) -> None:
    found = rtnetlink.route(b"\x7f\0\0\1")
    assert found.type == RouteType.LOCAL
    assert found.device == socket.if_nametoindex("lo")
    assert found.source == b"\x7f\0\0\1"
    assert found.gateway is None


def test_a_source_that_is_not_ours_is_refused(rtnetlink: Rtnetlink) -> None:
    with pytest.raises(RtnetlinkError) as refused:
        rtnetlink.route(b"\x7f\0\0\1", source=b"\xc0\0\2\x63")
    assert refused.value.errno in {errno.EINVAL, errno.ENETUNREACH}
    assert rtnetlink.route(b"\x7f\0\0\1").type == RouteType.LOCAL  # the next question gets its own answer


def test_nothing_has_changed_and_rules_can_be_asked_for(rtnetlink: Rtnetlink) -> None:
    assert rtnetlink.has_policy() in {True, False}
    rtnetlink.changed()
    assert rtnetlink.fileno() >= 0


@given(st.lists(st.tuples(st.integers(0, 0x3FFF), st.binary(max_size=30))))
def test_attributes_are_read_as_they_were_written(wanted: list[tuple[int, bytes]]) -> None:
    assert list(attributes(b"".join(_attribute(kind, value) for kind, value in wanted))) == wanted


@given(st.binary(max_size=100))
def test_garbage_is_never_an_exception(garbage: bytes) -> None:
    assert sum(len(value) + 4 for _, value in attributes(garbage)) <= len(garbage) + 3


@pytest.mark.root
def test_an_address_that_is_added_is_a_change() -> None:
    if os.geteuid() != 0:
        pytest.skip("network namespaces are root's")
    with Namespace("changes") as namespace:
        namespace.popen(["ip", "link", "set", "lo", "up"]).wait(10)
        heard = namespace.call(Rtnetlink)
        try:
            assert not heard.changed()
            namespace.popen(["ip", "address", "add", "192.0.2.1/32", "dev", "lo"]).wait(10)
            assert select.select([heard], [], [], 5)[0] == [heard]
            assert heard.changed()
            assert not heard.changed()
        finally:
            heard.close()


@pytest.mark.root
def test_a_pair_that_reaches_into_another_namespace() -> None:
    if os.geteuid() != 0:
        pytest.skip("network namespaces are root's")
    with Namespace("near") as near, Namespace("far") as far:
        stays = far.popen(["sleep", "60"])
        try:
            for pair in (
                ["out", "peer", "name", "far", "netns", str(stays.pid)],
                ["one", "peer", "name", "two"],
            ):
                name, *rest = pair
                near.popen(["ip", "link", "add", name, "type", "veth", *rest]).wait(10)
            asked = near.call(Rtnetlink)
            try:
                pairs = {link.name: (link.veth, link.reaches_out) for link in asked.links()}
            finally:
                asked.close()
        finally:
            stays.kill()
            stays.wait()
    assert pairs == {"lo": (False, False), "out": (True, True), "one": (True, False), "two": (True, False)}
