import pytest

from pyvs.core.flags import Family, Forward, Proto, ServiceFlag, TunType
from pyvs.core.persistence.engine import PersistenceEngine
from pyvs.core.services.destination import Destination
from pyvs.core.services.registry import Registry
from pyvs.core.services.service import Service

VIP = bytes((192, 0, 2, 100))
SERVER = bytes((10, 1, 0, 11))


def service(port: int = 80, *, protocol: int = Proto.TCP, addr: bytes = VIP, fwmark: int = 0) -> Service:
    return Service(Family.INET, protocol, addr, port, fwmark)


@pytest.fixture
def registry() -> Registry:
    return Registry()


def find(registry: Registry, port: int, mark: int = 0, protocol: int = Proto.TCP) -> Service | None:
    return registry.find(Family.INET, mark, protocol, VIP, port)


def test_mark_goes_before_address(registry: Registry) -> None:
    marked, web = service(0, addr=bytes(4), fwmark=7), service()
    for each in (marked, web):
        registry.add(each)
    assert find(registry, 80, 7) is marked
    assert find(registry, 80, 8) is web
    assert find(registry, 80) is web
    assert find(registry, 53, 7, Proto.UDP) is marked
    assert registry.find(Family.INET6, 7, Proto.TCP, bytes(16), 80) is None
    assert list(registry) == [web, marked]


def test_all_ports_after_the_exact_one(registry: Registry) -> None:
    whole, web = service(0), service()
    registry.add(whole)
    registry.add(web)
    assert find(registry, 80) is web
    assert find(registry, 81) is whole
    assert find(registry, 81, protocol=Proto.UDP) is None
    registry.remove(whole)
    assert find(registry, 81) is None


@pytest.mark.parametrize(
    ("port", "found"), [(20, True), (1024, True), (65535, True), (1023, False), (22, False)]
)
def test_ftp_service_takes_its_data_ports(registry: Registry, port: int, found: bool) -> None:
    ftp = service(21)
    registry.add(ftp)
    assert (find(registry, port) is ftp) is found
    assert find(registry, port, protocol=Proto.UDP) is None
    registry.remove(ftp)
    assert find(registry, port) is None


def test_families_and_flags(registry: Registry) -> None:
    web = service()
    registry.add(web)
    assert web.flags == ServiceFlag.HASHED
    assert registry.families[Family.INET] == 1
    assert len(registry) == 1
    registry.remove(web)
    assert web.flags == 0
    assert registry.families[Family.INET] == 0
    assert len(registry) == 0


def test_exact(registry: Registry) -> None:
    ftp, marked = service(21), service(0, addr=bytes(4), fwmark=7)
    registry.add(ftp)
    registry.add(marked)
    assert registry.exact(Family.INET, Proto.TCP, VIP, 21) is ftp
    assert registry.exact(Family.INET, Proto.TCP, VIP, 20) is None
    assert registry.exact(Family.INET, 0, b"", 0, 7) is marked


class Caller(PersistenceEngine):
    name = "caller"
    servers_begin = True


class Plain(PersistenceEngine):
    name = "plain"


def test_engines_that_let_servers_begin(registry: Registry) -> None:
    web = service()
    web.pe = Caller()
    registry.add(web)
    assert registry.conn_out_services == 1
    registry.set_pe(web, Plain())
    assert registry.conn_out_services == 0
    registry.set_pe(web, Caller())
    assert registry.conn_out_services == 1
    registry.remove(web)
    assert registry.conn_out_services == 0


def destination(of: Service, method: Forward, port: int = 80, **more: int) -> Destination:
    made = Destination(Family.INET, SERVER, port, of)
    made.conn_flags = method
    for name, value in more.items():
        setattr(made, name, value)
    return made


def test_servers_of_nat(registry: Registry) -> None:
    direct, nat = destination(service(), Forward.DROUTE), destination(service(), Forward.MASQ)
    for each in (direct, nat):
        registry.add_server(each)
    assert registry.find_server(Family.INET, Proto.TCP, SERVER, 80) is nat
    assert registry.find_server(Family.INET, Proto.UDP, SERVER, 80) is None
    assert registry.find_server(Family.INET, Proto.TCP, SERVER, 81) is None
    marked = destination(service(0, addr=bytes(4), fwmark=7), Forward.MASQ)
    registry.add_server(marked)
    assert registry.find_server(Family.INET, Proto.UDP, SERVER, 80) is marked
    for each in (direct, nat, marked, marked):
        registry.remove_server(each)
    assert registry.find_server(Family.INET, Proto.TCP, SERVER, 80) is None


@pytest.mark.parametrize(
    ("kind", "tun_port", "found_at"),
    [
        (TunType.IPIP, 0, 0),
        (TunType.IPIP, 9, 0),
        (TunType.GRE, 0, 0),
        (TunType.GUE, 6080, 6080),
        (9, 0, None),
    ],
)
def test_tunnels(registry: Registry, kind: int, tun_port: int, found_at: int | None) -> None:
    tunnel = destination(service(), Forward.TUNNEL, tun_type=kind, tun_port=tun_port)
    registry.add_server(tunnel)
    for port in (0, 6080, 80):
        assert (registry.find_tunnel(Family.INET, SERVER, port) is tunnel) is (port == found_at)
