"""A director that masquerades 10.1.0.0/24 behind 192.0.2.1, and its packets."""

from __future__ import annotations

import pytest

from pyvs.core.masquerade.state import Masquerade
from pyvs.core.namespace import Namespace
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.packets import address

OUTSIDE, SECOND = address("192.0.2.1"), address("192.0.2.2")


@pytest.fixture
def masquerading() -> Masquerade:
    masquerade = Masquerade(Namespace(FixedEnvironment([OUTSIDE, SECOND])))
    masquerade.add_network(address("10.1.0.0"), 24, OUTSIDE)
    masquerade.ns.now = 100.0
    return masquerade
