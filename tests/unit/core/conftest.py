"""An engine with one service and its servers, for the rooms of the core."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

import pytest

from pyvs.core.connections.birth import new_connection
from pyvs.core.connections.connection import Connection
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Proto
from pyvs.core.namespace import Namespace
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service
from pyvs.testing.environment import FixedEnvironment

Make = Callable[..., Connection]


def packed(address: str) -> bytes:
    return ip_address(address).packed


@pytest.fixture
def environment() -> FixedEnvironment:
    return FixedEnvironment([packed(a) for a in ("192.0.2.100", "10.1.0.1", "2001:db8::100", "fd00::1")])


@pytest.fixture
def engine(environment: FixedEnvironment) -> Engine:
    return Engine(environment)


@pytest.fixture
def ns(engine: Engine) -> Namespace:
    return engine.ns


@pytest.fixture
def service(ns: Namespace) -> Service:
    """TCP 192.0.2.100:80."""
    one = Service(Family.INET, Proto.TCP, packed("192.0.2.100"), 80, 0)
    ns.services.add(one)
    return one


@pytest.fixture
def dest(service: Service) -> Destination:
    """10.1.0.11:8080 of that service, by NAT."""
    one = Destination(Family.INET, packed("10.1.0.11"), 8080, service)
    one.available = True
    service.destinations.append(one)
    return one


@pytest.fixture
def make(ns: Namespace, dest: Destination) -> Make:
    """Make a connection from 198.51.100.7:40000 to that server; whatever is to be otherwise can be said."""

    def connection(
        *,
        protocol: int = Proto.TCP,
        caddr: str = "198.51.100.7",
        cport: int = 40000,
        vaddr: str = "192.0.2.100",
        vport: int = 80,
        daddr: str = "10.1.0.11",
        dport: int = 8080,
        flags: int = 0,
        dest: Destination | None = dest,
    ) -> Connection:
        af = Family.INET6 if ":" in caddr else Family.INET
        daf = Family.INET6 if ":" in daddr else Family.INET
        ends = (packed(caddr), cport, packed(vaddr), vport, daf, packed(daddr), dport)
        return new_connection(ns, af, protocol, *ends, flags, dest)

    return connection
