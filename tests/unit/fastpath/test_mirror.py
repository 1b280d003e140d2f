import pytest

from pyvs.core.control.specs import DestKey, DestSpec
from pyvs.core.flags import Forward
from pyvs.fastpath.change import Changes
from pyvs.fastpath.layout import DEST, STATS
from pyvs.fastpath.mirror import Mirror
from pyvs.fastpath.tables import Flag
from pyvs.fastpath.takeover import left_behind
from pyvs.testing.shared import KEY, SERVERS, Shared

pytestmark = pytest.mark.root


def count(shared: Shared, number: int, **counters: int) -> None:
    """As a program on the first processor would."""
    one = STATS.pack(**counters)
    shared.fast.stats.set(number, one + bytes(shared.fast.stats.size - len(one)))


def test_what_an_administrator_says_is_in_the_maps(shared: Shared) -> None:
    shared.service()
    place = shared.mirror.places[shared.dest(0)]
    spec = DestSpec(DestKey(SERVERS[0], 8080), weight=7, u_threshold=9, l_threshold=3)
    shared.engine.control.set_dest(KEY, spec, shared.now)
    shared.mirror.renew()
    seen = shared.fast.destination(place.number)
    assert (seen["weight"], seen["u_threshold"], seen["l_threshold"]) == (7, 9, 3)
    assert seen["addr"][:4] == SERVERS[0]
    assert seen["method"] == Forward.MASQ
    assert seen["flags"] == Flag.AVAILABLE
    shared.engine.control.del_dest(KEY, DestKey(SERVERS[0], 8080), shared.now)
    shared.mirror.renew()
    assert not shared.fast.destination(place.number)["flags"] & Flag.AVAILABLE


def test_a_change_leaves_what_programs_count(shared: Shared) -> None:
    shared.service()
    place = shared.mirror.places[shared.dest(0)]
    shared.count(place.number, active=5, inactive=2)
    shared.engine.control.set_dest(KEY, DestSpec(DestKey(SERVERS[0], 8080), weight=3), shared.now)
    shared.mirror.renew()
    seen = shared.fast.destination(place.number)
    assert (seen["weight"], seen["active"], seen["inactive"]) == (3, 5, 2)
    shared.count(place.number, active=-5, inactive=-2)


def test_counts_and_counters_come_back_once(shared: Shared) -> None:
    shared.service()
    dest = shared.dest(0)
    place = shared.mirror.places[dest]
    shared.count(place.number, active=2, inactive=1)
    count(shared, place.number, conns=3, inpkts=10, outpkts=8, inbytes=1000, outbytes=800)
    for _ in range(2):
        shared.mirror.pull()
        assert (dest.activeconns, dest.inactconns, dest.refcnt) == (2, 1, 3)
        ns, service = shared.engine.ns, place.service
        for stats in (dest.stats, service.stats, ns.stats):
            assert stats.live() == (3, 10, 8, 1000, 800)
    shared.count(place.number, active=-2)
    count(shared, place.number, conns=3, inpkts=11, outpkts=8, inbytes=1100, outbytes=800)
    shared.mirror.pull()
    assert (dest.activeconns, dest.inactconns, dest.refcnt) == (0, 1, 1)
    assert dest.stats.live() == (3, 11, 8, 1100, 800)
    shared.count(place.number, inactive=-1)


def test_a_threshold_reached_in_the_maps_is_reached(shared: Shared) -> None:
    shared.service()
    dest = shared.dest(0)
    place = shared.mirror.places[dest]
    shared.engine.control.set_dest(KEY, DestSpec(DestKey(SERVERS[0], 8080), u_threshold=4), shared.now)
    shared.mirror.renew()
    for inactive, overloaded in ((4, True), (2, False)):  # as the programs write it
        row = shared.fast.destination(place.number)
        flags = row["flags"] | Flag.OVERLOAD if overloaded else row["flags"] & ~Flag.OVERLOAD
        shared.fast.dests.set(place.number, DEST.pack(**{**row, "inactive": inactive, "flags": flags}))
        shared.mirror.pull()
        assert dest.overloaded is overloaded
    shared.count(place.number, inactive=-2)


def test_another_daemon_finds_destinations_connections_and_counters_again(shared: Shared) -> None:
    shared.service()
    dest = shared.dest(0)
    place = shared.mirror.places[dest]
    for port in range(40000, 40004):
        shared.from_client(port)
    shared.settle()
    count(shared, place.number, inpkts=10, outpkts=8, inbytes=1000, outbytes=800)
    shared.mirror.pull()
    before = dest.stats.live()
    assert before.conns == 2
    assert before.inpkts == 12

    other = Shared.made(shared.fast)
    changes: Changes = shared.changes
    other.mirror = mirror = Mirror(other.engine.ns, shared.fast, changes)
    other.table.mirror = mirror
    mirror.inherit(left_behind(changes, shared.fast.dests))
    assert sorted(mirror.waiting.values()) == [0, 1]
    other.service()
    assert mirror.waiting == {}
    found = other.dest(0)
    assert mirror.places[found].number == place.number
    assert found.stats.live() == before
    assert (found.activeconns, found.refcnt) == (2, 2)
    assert len(list(other.engine.ns.connections)) == 4
    other.changes.close()


def test_a_number_is_free_again_when_nobody_needs_it(shared: Shared) -> None:
    shared.service(servers=1)
    dest = shared.dest(0)
    number = shared.mirror.places[dest].number
    shared.engine.control.del_service(KEY, shared.now)
    shared.mirror.renew()
    shared.mirror.pull()
    assert dest in shared.mirror.places, "it lies in the trash"
    list(shared.engine.ns.trash.sweep(shared.now))
    list(shared.engine.ns.trash.sweep(shared.now + 200))
    shared.mirror.pull()
    assert shared.mirror.places == {}
    assert shared.fast.destination(number)["af"] == 0
    shared.service(servers=1)
    assert shared.mirror.places[shared.dest(0)].number == number


@pytest.mark.parametrize("knob", ["conntrack", "snat_reroute"])
def test_a_director_that_may_not_offload_gets_its_connections_back(shared: Shared, knob: str) -> None:
    shared.service()
    shared.engine.ns.environment.policy_routing = True  # type: ignore[attr-defined]
    shared.from_client(40000)
    shared.settle()
    value = "1" if knob == "conntrack" else "0"
    shared.engine.control.sysctl_write(knob, value, shared.now)
    back, again = shared.mirror.renew()
    assert shared.mirror.refused
    assert again == []
    assert [place.active + place.inactive for place in back] == [1], (
        "of the other there is nothing to come back"
    )
    assert {shared.fast.destination(place.number)["flags"] for place in shared.mirror.places.values()} == {
        Flag.RESTS
    }
    list(shared.table.come_back(back))
    shared.settle()
    assert shared.offloaded() == 0
    shared.engine.control.sysctl_write(knob, "0" if knob == "conntrack" else "1", shared.now)
    back, again = shared.mirror.renew()
    assert (back, len(again)) == ([], 2)


def test_settings_follow_sysctls_and_timeouts(shared: Shared) -> None:
    shared.service()
    control, hz = shared.engine.control, shared.fast.jiffies.hz
    for name, value in (("conn_reuse_mode", "3"), ("expire_nodest_conn", "1"), ("sloppy_tcp", "1")):
        control.sysctl_write(name, value, shared.now)
    shared.engine.ns.protocols[17].timeouts[0] = 77.0
    shared.mirror.configure()
    seen = shared.fast.settings.at(0)
    assert (seen["reuse_mode"], seen["expire_nodest"], seen["sloppy_tcp"]) == (3, 1, 1)
    assert seen["udp_timeout"] == 77 * hz
