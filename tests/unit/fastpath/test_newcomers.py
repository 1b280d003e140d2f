import pytest

from pyvs.core.control.specs import ServiceSpec
from pyvs.core.flags import ServiceFlag
from pyvs.fastpath.newcomers import Newcomers, name_of, standing
from pyvs.fastpath.tables import Selector
from pyvs.testing.shared import KEY, Shared

pytestmark = pytest.mark.root


@pytest.fixture
def newcomers(shared: Shared) -> Newcomers:
    return Newcomers(shared.engine.ns, shared.fast, shared.mirror)


def offered(shared: Shared) -> dict[str, int]:
    return {str(name): row["selector"] for name, row in shared.fast.services}


def test_services_are_offered_and_withdrawn(shared: Shared, newcomers: Newcomers) -> None:
    shared.service()
    newcomers.renew()
    assert list(offered(shared).values()) == [Selector.CURSOR]
    shared.engine.control.set_service(ServiceSpec(KEY, "wlc"), shared.now)
    newcomers.renew()
    assert list(offered(shared).values()) == [Selector.WLC]
    shared.engine.control.set_service(ServiceSpec(KEY, "lblc"), shared.now)
    newcomers.renew()
    assert offered(shared) == {}
    assert list(newcomers.refused.values()) == ["its scheduler is not one of the programs'"]


def test_persistent_services_and_those_that_drain_are_the_engines(
    shared: Shared, newcomers: Newcomers
) -> None:
    shared.service()
    service = next(iter(shared.engine.ns.services))
    service.flags |= int(ServiceFlag.PERSISTENT)
    newcomers.renew()
    assert offered(shared) == {}
    service.flags &= ~int(ServiceFlag.PERSISTENT)
    newcomers.renew()
    assert len(offered(shared)) == 1
    shared.mirror.places[shared.dest(1)].refused = "it drains"
    newcomers.renew()
    assert offered(shared) == {}
    assert "it drains" in next(iter(newcomers.refused.values()))


def test_engine_and_programs_take_turns_in_one_order(shared: Shared, newcomers: Newcomers) -> None:
    shared.service()
    newcomers.renew()
    service = next(iter(shared.engine.ns.services))
    name = name_of(service)
    before = standing(service)
    # The engine picks one: the programs are told.
    shared.from_client(40000)
    assert standing(service) != before
    newcomers.settle()
    offer = newcomers.offers[name]
    picked = next(conn for conn in shared.engine.ns.connections if conn.cport == 40000).dest
    assert picked is not None
    assert offer.selection.slots[0] != shared.mirror.places[picked].number, "the other one is next"
    # A program picks one: the engine is told.
    row = dict(shared.fast.services)[name]
    shared.fast.services.set(*name, offer.selection, cursor=1)
    assert row["cursor"] == 0
    newcomers.carry_back()
    shared.from_client(40001)
    again = next(conn for conn in shared.engine.ns.connections if conn.cport == 40001).dest
    assert again is picked
