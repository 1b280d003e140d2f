"""A director without services, as scenarios have it."""

from typing import Any

import pytest

from pyvs.cli.play import ipvsadm
from pyvs.play.director import Director
from pyvs.play.scenario import parse

SCENARIO: dict[str, Any] = {
    "name": "bare",
    "interfaces": {
        "eth0": {
            "mac": "02:00:00:00:00:01",
            "addresses": ["192.0.2.1/24", "192.0.2.100/32", "2001:db8::1/64"],
            "neighbours": {"192.0.2.254": "02:00:00:00:00:fe"},
        },
        "eth1": {
            "mac": "02:00:00:00:01:01",
            "addresses": ["10.1.0.1/24"],
            "neighbours": {"10.1.0.11": "02:00:00:00:02:01"},
        },
    },
    "routes": ["default via 192.0.2.254"],
    "sysctls": {"net.ipv4.ip_forward": 1, "net.ipv4.icmp_ratelimit": 0, "net.ipv4.conf.all.rp_filter": 0},
    "setup": [],
    "steps": [],
}


@pytest.fixture
def bare() -> dict[str, Any]:
    """A scenario without setup and steps, to be filled."""
    return {**SCENARIO, "setup": [], "steps": []}


@pytest.fixture
def director() -> Director:
    return Director(parse(SCENARIO), ipvsadm)
