from pyvs.testing.environment import FixedEnvironment

HOST, FAR, FAR6 = bytes((10, 1, 0, 1)), bytes((10, 1, 0, 11)), bytes(15) + b"\x02"


def test_own_addresses_are_local_and_others_on_the_first_link() -> None:
    host = FixedEnvironment([HOST], {"eth1": 1400, "eth2": 9000})
    assert host.is_local(HOST)
    assert not host.is_local(FAR)
    here, there = host.route(HOST), host.route(FAR)
    assert here is not None
    assert there is not None
    assert (here.local, here.device, here.source) == (True, "lo", HOST)
    assert (there.local, there.device, there.source, there.mtu) == (False, "eth1", HOST, 1400)
    assert (host.device_mtu("eth2"), host.device_mtu("eth9")) == (9000, None)


def test_the_source_asked_for_is_given_and_families_are_not_mixed() -> None:
    host = FixedEnvironment([HOST])
    asked, other = host.route(FAR, source=FAR), host.route(FAR6)
    assert asked is not None
    assert other is not None
    assert (asked.source, other.source) == (FAR, b"")


def test_a_learnt_mtu_makes_a_new_generation() -> None:
    host = FixedEnvironment([HOST])
    host.update_pmtu(FAR, 1300)
    route, other = host.route(FAR), host.route(HOST[:3] + b"\x0c")
    assert route is not None
    assert other is not None
    assert (route.mtu, other.mtu, host.generation) == (1300, 1500, 1)


def test_chance_is_the_same_each_time() -> None:
    one, other, third = FixedEnvironment(seed=4), FixedEnvironment(seed=4), FixedEnvironment(seed=5)
    drawn = [one.random(1000) for _ in range(20)]
    assert drawn == [other.random(1000) for _ in range(20)]
    assert drawn != [third.random(1000) for _ in range(20)]
    assert FixedEnvironment(pages=7).available_pages() == 7
