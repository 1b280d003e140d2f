from hypothesis import given
from hypothesis import strategies as st

from pyvs.cli.ipvsadm.order import sort_dests, sort_services
from pyvs.core.control.specs import DestKey, DestSpec, DestView, ServiceKey, ServiceSpec, ServiceView
from pyvs.core.flags import Family


def dest(text: str, port: int = 80) -> DestView:
    addr = bytes(int(part) for part in text.split("."))
    return DestView(DestSpec(DestKey(addr, port, Family.INET)), 0, 0, 0)


def service(fwmark: int = 0, *, protocol: int = 6, port: int = 80, af: Family = Family.INET) -> ServiceView:
    addr = bytes(4 if af == Family.INET else 16)
    return ServiceView(ServiceSpec(ServiceKey(af, protocol, addr, port, fwmark)), 0)


def test_servers_by_address_then_port() -> None:
    views = [dest("10.0.0.2"), dest("10.0.0.1", 81), dest("10.0.0.1", 80), dest("10.0.0.1", 40000)]
    assert [(view.spec.key.addr[3], view.spec.key.port) for view in sort_dests(views)] == [
        (1, 80), (1, 81), (1, 40000), (2, 80),
    ]  # fmt: skip


def test_high_addresses_come_before_low_ones() -> None:
    views = [dest("10.0.0.1"), dest("192.0.2.1")]
    assert [view.spec.key.addr[0] for view in sort_dests(views)] == [192, 10]


def test_services_by_mark_family_protocol_and_port() -> None:
    views = [
        service(7), service(4294967295), service(port=81), service(protocol=17, port=1), service(af=Family.INET6),
        service(),
    ]  # fmt: skip
    assert sort_services(views) == [
        service(4294967295), service(), service(port=81), service(protocol=17, port=1), service(af=Family.INET6),
        service(7),
    ]  # fmt: skip


@given(st.lists(st.tuples(st.binary(min_size=4, max_size=4), st.integers(0, 65535))))
def test_nothing_is_lost(servers: list[tuple[bytes, int]]) -> None:
    views = [DestView(DestSpec(DestKey(addr, port)), 0, 0, 0) for addr, port in servers]
    key = lambda view: (view.spec.key.addr, view.spec.key.port)  # noqa: E731
    assert sorted(map(key, sort_dests(views))) == sorted(map(key, views))


@given(st.lists(st.integers(0, 0x7FFFFFFF)))
def test_within_half_of_all_addresses_the_order_is_plain(numbers: list[int]) -> None:
    views = [
        DestView(DestSpec(DestKey(number.to_bytes(4, "big"), 80, Family.INET)), 0, 0, 0) for number in numbers
    ]
    assert [view.spec.key.addr for view in sort_dests(views)] == sorted(view.spec.key.addr for view in views)
