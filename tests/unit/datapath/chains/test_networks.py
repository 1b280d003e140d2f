"""Many addresses as few networks: all are held, none beside them as long as the networks may be many."""

from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from pyvs.datapath.chains import networks as module
from pyvs.datapath.chains.networks import MOST, networks


def text(found: list[tuple[bytes, int]]) -> list[str]:
    return [f"{ip_address(address)}/{length}" for address, length in found]


def test_a_run_of_addresses_is_a_few_networks() -> None:
    run = [ip_address("198.18.0.0").packed[:2] + number.to_bytes(2, "big") for number in range(10_000)]
    assert text(networks(run)) == [
        "198.18.0.0/19",
        "198.18.32.0/22",
        "198.18.36.0/23",
        "198.18.38.0/24",
        "198.18.39.0/28",
    ]


def test_what_is_far_apart_is_taken_together_only_when_it_must_be() -> None:
    apart = [(number << 8).to_bytes(4, "big") for number in range(0, 4 * MOST, 4)]
    assert [length for _, length in networks(apart)] == [32] * MOST
    more = [*apart, (4 * MOST << 8).to_bytes(4, "big")]
    found = networks(more)
    assert len(found) <= MOST
    assert max(length for _, length in found) < 32


def test_none_is_none() -> None:
    assert networks([]) == []


addresses = st.lists(st.binary(min_size=4, max_size=4), min_size=1, max_size=40) | st.lists(
    st.binary(min_size=16, max_size=16), min_size=1, max_size=40
)


@given(addresses)
def test_all_are_held_and_no_others_while_there_is_room(found: list[bytes]) -> None:
    nets = [ip_network(line) for line in text(networks(found))]
    for address in found:
        assert sum(ip_address(address) in net for net in nets) == 1
    assert sum(net.num_addresses for net in nets) == len(set(found))


@given(addresses, st.integers(1, 8))
def test_all_are_held_by_at_most_so_many(found: list[bytes], most: int) -> None:
    before = module.MOST
    module.MOST = most  # type: ignore[misc]
    try:
        nets = [ip_network(line) for line in text(networks(found))]
    finally:
        module.MOST = before  # type: ignore[misc]
    assert len(nets) <= most
    for address in found:
        assert any(ip_address(address) in net for net in nets)
