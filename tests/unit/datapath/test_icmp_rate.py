"""How many ICMP errors may leave."""

from hypothesis import given
from hypothesis import strategies as st

from pyvs.datapath import icmp_rate
from pyvs.datapath.icmp_rate import IcmpRate


def error4(kind: int, code: int = 0, receiver: int = 1) -> bytes:
    return (
        b"\x45" + bytes(8) + b"\x01" + bytes(6) + receiver.to_bytes(4, "big") + bytes((kind, code)) + bytes(6)
    )


def error6(kind: int, receiver: int = 1) -> bytes:
    return (
        b"\x60" + bytes(5) + b"\x3a" + bytes(17) + receiver.to_bytes(16, "big") + bytes((kind, 0)) + bytes(6)
    )


def test_six_at_once_then_one_a_second() -> None:
    for error in (error4(3, 3), error6(1)):
        rate = IcmpRate()
        assert [rate.allow(error, 100.0) for _ in range(8)] == [True] * 6 + [False] * 2
        assert not rate.allow(error, 100.9)
        assert rate.allow(error, 101.0)
        assert not rate.allow(error, 101.0)
        assert [rate.allow(error, 200.0) for _ in range(8)] == [True] * 6 + [False] * 2


def test_each_receiver_has_its_own() -> None:
    rate = IcmpRate()
    for receiver in range(5):
        assert sum(rate.allow(error4(11, 0, receiver), 1.0) for _ in range(9)) == 6


def test_path_mtu_discovery_is_never_limited() -> None:
    rate = IcmpRate(global_burst=1)
    assert all(rate.allow(error4(3, 4), 1.0) for _ in range(100))
    assert all(rate.allow(error6(2), 1.0) for _ in range(100))


def test_types_outside_the_mask_are_not_limited() -> None:
    rate = IcmpRate(mask=1 << 11)
    assert all(rate.allow(error4(3, 1), 1.0) for _ in range(100))
    assert sum(rate.allow(error4(11), 1.0) for _ in range(100)) == 6


def test_an_interval_of_zero_is_no_limit_a_receiver_but_all_have_one() -> None:
    rate = IcmpRate(interval=0, global_burst=50)
    assert sum(rate.allow(error4(3, 1), 1.0) for _ in range(100)) == 50
    assert sum(rate.allow(error4(3, 1), 1.01) for _ in range(100)) == 10


def test_it_forgets_when_there_are_too_many_receivers() -> None:
    rate = IcmpRate(global_rate=10**9, global_burst=10**9)
    for receiver in range(icmp_rate.RECEIVERS_MAX * 2 + 5):
        rate.allow(error4(3, 1, receiver), 1.0)
    assert len(rate._tokens) <= icmp_rate.RECEIVERS_MAX


@given(st.lists(st.floats(0, 3), max_size=60))
def test_never_more_than_the_burst_and_one_a_second(waits: list[float]) -> None:
    rate = IcmpRate(global_rate=10**9, global_burst=10**9)
    now, allowed = 50.0, 0
    for wait in waits:
        now += wait
        allowed += rate.allow(error4(3, 1), now)
    assert allowed <= 6 + (now - 50.0) + 1e-6


def test_the_hosts_sysctls_are_read() -> None:
    rate = IcmpRate.of_host()
    assert rate.interval >= 0
    assert rate.global_burst >= 0


def test_resets_and_other_packets_of_ours_are_not_limited() -> None:
    rate = IcmpRate(global_burst=1)
    reset4 = b"\x45" + bytes(8) + b"\x06" + bytes(10) + b"\x03\x03" + bytes(18)
    reset6 = b"\x60" + bytes(5) + b"\x06" + bytes(33) + b"\x01\x00" + bytes(18)
    assert all(rate.allow(packet, 1.0) for _ in range(50) for packet in (reset4, reset6))
