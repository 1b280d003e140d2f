from ipaddress import ip_address

import pytest

from pyvs.fastpath.fast import FastPath
from pyvs.fastpath.selection import Selection
from pyvs.fastpath.services import SlotsFull
from pyvs.fastpath.tables import LIMITS, SELECT_FALLBACK, SELECT_KIND, Selector

pytestmark = pytest.mark.root
FOUR, SIX = ip_address("192.0.2.1").packed, ip_address("2001:db8::1").packed


def test_services_and_their_slots(fast: FastPath) -> None:
    services = fast.services
    services.set(6, FOUR, 80, Selection(Selector.CURSOR, [5, 6, 7]))
    services.set(17, SIX, 53, Selection(Selector.SOURCE, list(range(256))))
    rows = dict(services)
    assert set(rows) == {(6, FOUR, 80), (17, SIX, 53)}
    ranges = sorted((row["base"], row["base"] + row["size"]) for row in rows.values())
    assert ranges[0][1] <= ranges[1][0]
    # New slots come beside the old, which a packet may be looking at.
    old = rows[6, FOUR, 80]["base"]
    services.set(6, FOUR, 80, Selection(Selector.CURSOR, [8]), cursor=1)
    assert dict(services)[6, FOUR, 80]["base"] != old
    assert services.cursor(6, FOUR, 80) == 1
    assert services.stop(6, FOUR, 80) == 1
    assert dict(services)[6, FOUR, 80]["selector"] == Selector.NONE
    assert services.remove(6, FOUR, 80)
    assert not services.remove(6, FOUR, 80)
    assert services.cursor(6, FOUR, 80) == 0
    services.remove(17, SIX, 53)


def test_a_fallback_stands_beside_the_kind(fast: FastPath) -> None:
    fast.services.set(6, FOUR, 80, Selection(Selector.SOURCE, [1] * 256, fallback=True))
    (row,) = dict(fast.services).values()
    assert row["selector"] & SELECT_KIND == Selector.SOURCE
    assert row["selector"] & SELECT_FALLBACK
    fast.services.remove(6, FOUR, 80)


def test_more_slots_than_there_are(fast: FastPath) -> None:
    with pytest.raises(SlotsFull, match="no room"):
        fast.services.set(6, FOUR, 80, Selection(Selector.WLC, [1] * (LIMITS["MAX_SLOTS"] + 1)))
    assert dict(fast.services) == {}
