"""The listings of masquerading, as Linux 2.2 wrote them."""

from __future__ import annotations

import pytest

from pyvs.core.engine import Engine
from pyvs.core.flags import Hook
from pyvs.core.masquerade.portfw import Command, Rule
from pyvs.core.masquerade.requests import ForwardingRequest, NetworkRequest
from pyvs.core.packet.packet import Packet
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.packets import SYN, TCP, UDP, address, tcp

LOCAL, ONE = address("192.0.2.1"), address("10.1.0.11")
NETWORK = NetworkRequest(True, address("10.1.0.0"), 24, LOCAL)


@pytest.fixture
def engine() -> Engine:
    return Engine(FixedEnvironment([LOCAL]))


def rules(engine: Engine) -> list[str]:
    return engine.control.proc("ip_portfw").splitlines()[1:]


def test_listings(engine: Engine) -> None:
    assert engine.control.proc("ip_portfw") == f"{'Prot LAddr    LPort > RAddr    RPort PrCnt  Pref':<63}\n"
    engine.control.masquerade(NETWORK, 0.0)
    engine.control.masquerade(ForwardingRequest(Command.ADD, Rule(TCP, LOCAL, 80, ONE, 8080)), 0.0)
    engine.control.masquerade(ForwardingRequest(Command.ADD, Rule(UDP, LOCAL, 53, ONE, 53, 1)), 0.0)
    assert rules(engine) == [
        f"{'UDP  C0000201    53 > 0A01000B    53     1     1':<63}",
        f"{'TCP  C0000201    80 > 0A01000B  8080    10    10':<63}",
    ]
    engine.receive(Packet(tcp(ONE, 40000, "203.0.113.9", 80, SYN)), Hook.FORWARD, 0.0)
    heading, entry = engine.control.proc("ip_masquerade", 20.0).splitlines()
    assert heading.endswith("(free=40960,40959,40960)".ljust(127 - heading.index("(")))
    assert entry.rstrip() == "TCP 0A01000B:9C40 CB007109:0050 EE48 00000000      0      0   10000"
    assert len(entry) == 127
