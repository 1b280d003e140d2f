import pytest
from tests.unit.fastpath.memory import MemoryChanges, MemoryFast

from pyvs.core.control.specs import ServiceSpec
from pyvs.core.control.verbs import Control
from pyvs.core.engine import Engine
from pyvs.core.flags import Hook
from pyvs.core.packet.packet import Packet
from pyvs.fastpath.partner import Partner
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.shared import CLIENT, KEY, NOW, SYN, VIP, Shared, packed
from pyvs.testing.wire import tcp


@pytest.fixture(params=[False, True], ids=["new-off", "new-on"])
def partner(request: pytest.FixtureRequest) -> Partner:
    fast = MemoryFast()
    engine = Engine(FixedEnvironment([packed(VIP), packed("10.1.0.1")]), now=NOW)
    changes = MemoryChanges(fast)
    partner = Partner(fast, engine, changes, new=request.param)
    Shared(engine, fast, changes, partner.mirror, partner.table).service()
    partner.changed()
    return partner


def engine_of(partner: Partner) -> Engine:
    engine = Engine.__new__(Engine)
    engine.ns = partner.ns
    return engine


def syn(partner: Partner, port: int) -> None:
    partner.before_packets(NOW)
    engine_of(partner).receive(Packet(tcp(CLIENT, VIP, port, 80, SYN)), Hook.LOCAL_IN, NOW)
    partner.after_packets(NOW)


def test_the_engine_has_the_table_of_both(partner: Partner) -> None:
    assert partner.ns.connections is partner.table


def test_connections_are_handed_over_after_packets(partner: Partner) -> None:
    syn(partner, 40000)
    assert [conn.cport for conn in partner.fast.connections()] == [40000]
    assert partner.table.handover.count == 1


def test_services_are_offered_if_the_programs_schedule(partner: Partner) -> None:
    partner.before_packets(NOW)
    offered = len(list(partner.fast.services))
    assert offered == (partner.newcomers is not None)


def test_verbs_see_what_the_programs_counted(partner: Partner) -> None:
    partner.before_packets(NOW)
    place = partner.mirror.by_number[0]
    fast = partner.fast
    assert isinstance(fast, MemoryFast)
    fast.count(0, inactive=1, conns=1, inpkts=1)
    partner.before_verbs()
    assert (place.dest.inactconns, place.dest.stats.conns, place.dest.stats.inpkts) == (1, 1, 1)
    assert place.dest.route is not None  # that its packets took


def test_what_changes_is_written_before_the_next_look(partner: Partner) -> None:
    partner.before_packets(NOW)
    partner.ns.sysctl.expire_nodest_conn = 1
    partner.before_packets(NOW)
    assert partner.fast.settings.at(0)["expire_nodest"] == 0
    partner.changed()
    partner.before_packets(NOW)
    assert partner.fast.settings.at(0)["expire_nodest"] == 1


def test_connections_come_back_when_the_fast_path_must_rest(partner: Partner) -> None:
    syn(partner, 40000)
    partner.ns.sysctl.conntrack = 1
    partner.renew()
    assert list(partner.fast.connections()) == []
    assert partner.table.came_back == 1
    partner.ns.sysctl.conntrack = 0
    partner.renew()
    partner.after_packets(NOW)
    assert [conn.cport for conn in partner.fast.connections()] == [40000]


def test_what_the_engine_has_is_handed_over_before_services_are_offered(partner: Partner) -> None:
    """Else the programs would begin a connection anew that the engine still has."""
    syn(partner, 40000)
    control = Control(partner.ns)
    before = control.get_dests(KEY)
    control.del_service(KEY, NOW)
    partner.renew()
    assert list(partner.fast.connections()) == []
    assert partner.table.came_back == 1
    control.new_service(ServiceSpec(KEY, "rr"), NOW)
    for dest in before:
        control.new_dest(KEY, dest.spec, NOW)
    partner.renew()
    handed_over = [conn.cport for conn in partner.fast.connections()]
    assert handed_over == ([] if partner.newcomers is None else [40000])
    assert len(list(partner.fast.services)) == (partner.newcomers is not None)


def test_drop_packet_counts_on_where_the_programs_stand(partner: Partner) -> None:
    partner.ns.defense.drop_rate = 3
    partner.changed()
    partner.before_packets(NOW)
    partner.fast.configure(drop_counter=2)
    syn(partner, 40000)
    counter = partner.fast.settings.at(0)["drop_counter"]
    if partner.newcomers is None:
        assert counter == 2
    else:
        assert (counter, partner.ns.defense.drop_counter) == (1, 1)
        syn(partner, 40001)  # dropped
        assert partner.fast.settings.at(0)["drop_counter"] == 3
