from ipaddress import ip_address

from pyvs.core.environment import Environment
from pyvs.replay.places import Place, Places
from pyvs.replay.surroundings import Surroundings, is_unicast


def packed(text: str) -> bytes:
    return ip_address(text).packed


def made(mtu: int = 1500) -> Surroundings:
    places = Places()
    places.fixed[packed("10.1.0.11")] = Place("eth1", 1)
    places.default = Place("eth0", 1)
    around = Surroundings(places, lambda below: below - 1, mtu=mtu)
    around.add_virtual(packed("192.0.2.100"))
    return around


def test_virtual_addresses_are_local_and_the_rest_is_reached() -> None:
    around: Environment = made()
    assert around.is_local(packed("192.0.2.100"))
    assert around.is_local(packed("127.0.0.1"))
    assert around.is_local(packed("::1"))
    assert not around.is_local(packed("10.1.0.11"))
    local = around.route(packed("192.0.2.100"))
    assert local is not None
    assert (local.local, local.device) == (True, "lo")
    route = around.route(packed("10.1.0.11"))
    assert route is not None
    assert (route.device, route.mtu, route.source, route.gateway) == (
        "eth1",
        1500,
        packed("192.0.2.100"),
        None,
    )
    assert around.random(10) == 9
    assert around.available_pages() > 1024
    assert (around.device_mtu("eth0"), around.device_mtu("lo")) == (1500, 65536)


def test_own_addresses_give_sources_and_devices() -> None:
    around = made()
    around.add_address("eth1", packed("10.1.0.1"), 24)
    around.add_address("eth2", packed("10.2.0.1"), 16)
    around.add_address("eth2", packed("10.2.3.1"), 24)

    def of(text: str) -> tuple[str, bytes]:
        route = around.route(packed(text))
        assert route is not None
        return route.device, route.source

    assert of("10.1.0.11") == ("eth1", packed("10.1.0.1"))
    assert of("10.2.3.4") == ("eth2", packed("10.2.3.1"))
    assert of("10.2.4.4") == ("eth2", packed("10.2.0.1"))
    assert of("203.0.113.9") == ("eth0", packed("192.0.2.100"))
    assert of("2001:db8::1") == ("eth0", bytes(16))


def test_a_path_mtu_is_noted_once_and_not_too_small() -> None:
    around = made()
    around.update_pmtu(packed("10.1.0.11"), 1400)
    around.update_pmtu(packed("10.1.0.11"), 1450)
    assert around.generation == 1
    route = around.route(packed("10.1.0.11"))
    assert route is not None
    assert route.mtu == 1400
    around.update_pmtu(packed("2001:db8::1"), 600)
    six = around.route(packed("2001:db8::1"))
    assert six is not None
    assert six.mtu == 1280


def test_unicast() -> None:
    assert is_unicast(packed("10.0.0.1"))
    assert not is_unicast(packed("224.0.0.81"))
    assert not is_unicast(packed("255.255.255.255"))
    assert not is_unicast(packed("0.0.0.0"))
    assert not is_unicast(packed("ff02::1"))
    route = made().route(packed("224.0.0.81"))
    assert route is not None
    assert not route.unicast
