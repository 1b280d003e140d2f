"""Requests to masquerading as words: there and back, and anything else."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.engine import Engine
from pyvs.core.errors import ControlError
from pyvs.core.masquerade.portfw import Command, Rule
from pyvs.core.masquerade.requests import AgentRequest, ForwardingRequest, NetworkRequest, Request
from pyvs.netlink.client import Client
from pyvs.netlink.masquerade import read, write
from pyvs.netlink.server import Server
from pyvs.netlink.transport import DirectTransport
from pyvs.testing.environment import FixedEnvironment

address = st.binary(min_size=4, max_size=4)
port = st.integers(0, 65535)
rule = st.builds(Rule, st.sampled_from([6, 17]), address, port, address, port, st.integers(-9, 99999))
requests: st.SearchStrategy[Request] = st.one_of(
    st.builds(NetworkRequest, st.booleans(), address, st.integers(0, 32), st.none() | address),
    st.builds(AgentRequest, st.booleans(), address, port),
    st.builds(ForwardingRequest, st.sampled_from([Command.ADD, Command.EDIT, Command.DELETE]), rule),
    st.just(ForwardingRequest(Command.FLUSH)),
)


@given(requests)
def test_there_and_back(request: Request) -> None:
    assert read(write(request)) == request


WORD = st.sampled_from(
    ["network", "add", "portfw", "agent", "tcp", "1.2.3.4", "1.2.3.4/8", "80", "-1", "", "x"]
)


@given(st.text(max_size=80) | st.lists(WORD, max_size=9).map("\0".join))
def test_anything_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ControlError):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "network",
        "network add",
        "network\0add\0" + "10.1.0.0/99999999999",
        "network\0grow\0" + "10.1.0.0/24",
        "network\0add\0" + "10.1.0/24",
        "agent\0add\0" + "10.1.0.1\0x",
        "portfw\0add\0tcp\0" + "1.2.3.4\0" + "80",
        "portfw\0flush\0x",
        "portfw\0grow\0tcp\0" + "1.2.3.4\0" + "80\0" + "1.2.3.4\0" + "80\0" + "1",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(ControlError):
        read(text)


def test_by_a_client() -> None:
    engine = Engine(FixedEnvironment([bytes((192, 0, 2, 1))]))
    client = Client(DirectTransport(Server(engine.control), lambda: 1.0))
    client.masquerade(NetworkRequest(True, bytes((10, 1, 0, 0)), 24, bytes((192, 0, 2, 1))))
    assert client.proc("ip_masq_networks") == "network 10.1.0.0/24 address 192.0.2.1\n"
    with pytest.raises(ControlError, match="is masqueraded already"):
        client.masquerade(NetworkRequest(True, bytes((10, 1, 0, 0)), 24))
