"""Which servers' addresses were taken, recorded from Linux 6.1."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from pyvs.core.environment import Route
from pyvs.core.flags import Family
from pyvs.core.services.address import is_unicast
from pyvs.testing.environment import FixedEnvironment


class Host(FixedEnvironment):
    """Knows the broadcast address of 10.1.0.0/24, and no way to 10.9.0.0/24."""

    def route(
        self, destination: bytes, *, source: bytes | None = None, mark: int = 0, protocol: int = 0
    ) -> Route | None:
        if destination[:3] == bytes((10, 9, 0)):
            return None
        route = super().route(destination)
        if route is not None and destination == bytes((10, 1, 0, 255)):
            return replace(route, unicast=False)
        return route


HOST = Host(ip_address(own).packed for own in ("127.9.9.9", "::1", "fe80::77"))


@pytest.mark.parametrize(
    ("address", "taken"),
    [
        ("10.1.0.11", True),
        ("10.1.0.0", True),
        ("10.1.0.255", False),
        ("10.9.0.1", True),
        ("224.0.0.5", False),
        ("239.255.255.255", False),
        ("240.0.0.1", True),
        ("255.255.255.255", False),
        ("0.0.0.0", False),
        ("0.0.0.1", True),
        ("127.9.9.9", True),
        ("::", False),
        ("::1", True),
        ("::2", True),
        ("::ffff:1.2.3.4", False),
        ("fe80::1", False),
        ("fe80::77", True),
        ("febf::1", False),
        ("fec0::1", True),
        ("ff02::1", False),
        ("2001:db8:1::11", True),
    ],
)
def test_recorded(address: str, taken: bool) -> None:
    family = Family.INET6 if ":" in address else Family.INET
    assert is_unicast(HOST, family, ip_address(address).packed) is taken
