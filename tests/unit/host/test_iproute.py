import pytest

from pyvs.core.errors import PyvsError
from pyvs.host import iproute
from pyvs.host.host import Host


def run(host: Host, line: str) -> None:
    iproute.command(host, line.split())


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("route add 1.2.3.0/24 via 9.9.9.9.9", "inet address is expected"),
        ("route add 192.0.2.0/24 via 192.0.2.100", "Nexthop has invalid gateway"),
        ("route add 1.2.3.0/24 dev nosuch", 'Cannot find device "nosuch"'),
        ("route add 1.2.3.0/24", "No such device"),
        ("route add 1.2.3.4/24 dev eth0", "inet prefix is expected"),
        ("route add 1.2.3.0/24 dev eth0 table x", "table id value is invalid"),
        ("route add 1.2.3.0/24 dev", "not complete"),
        ("route add 1.2.3.0/24 dev eth0 frobnicate", "frobnicate"),
        ("route del 1.2.3.0/24", "No such process"),
        ("route add", "not known here"),
        ("rule del fwmark 7 lookup 7", "No such file"),
        ("addr add 1.2.3.4/99 dev eth0", "any valid prefix"),
        ("addr add 1.2.3.4/24", '"dev" argument'),
        ("addr del 1.2.3.4/24 dev eth0", "Cannot assign"),
        ("neigh add 10.1.0.11 lladdr 02:00:00:00:02:01 dev eth1", "File exists"),
        ("neigh add 10.1.0.99 lladdr zz dev eth1", "no hardware address"),
        ("neigh del 10.1.0.99 dev eth1", "No such file"),
        ("link set eth0 down", "not known here"),
        ("link set nosuch up", "Cannot find device"),
        ("frobnicate", 'Object "frobnicate" is unknown'),
        ("-json route add default dev eth0", "'-json'"),
    ],
)
def test_refusals_change_nothing(host: Host, line: str, what: str) -> None:
    before = host.generation
    with pytest.raises(PyvsError, match=what):
        iproute.command(host, line.split())
    assert host.generation == before


def test_what_is_not_seen_is_ignored(host: Host) -> None:
    run(host, "route add 203.0.113.0/24 dev eth1 proto static scope link onlink metric 5")
    entry = host.routing.find(bytes([203, 0, 113, 1]))
    assert entry is not None
    assert (entry.device, entry.metric) == ("eth1", 5)


def test_replace_changes_the_way(host: Host) -> None:
    run(host, "route add 203.0.113.0/24 dev eth1")
    run(host, "route replace 203.0.113.0/24 via 192.0.2.254 mtu 1400 src 192.0.2.100")
    route = host.route(bytes([203, 0, 113, 1]))
    assert route is not None
    assert (route.device, route.mtu, route.source) == ("eth0", 1400, bytes([192, 0, 2, 100]))


def test_six(host: Host) -> None:
    run(host, "-6 route replace default dev eth1")
    route = host.route(bytes.fromhex("20010db8000c") + bytes(10))
    assert route is not None
    assert (route.device, route.gateway) == ("eth1", None)


def test_link_mtu_and_neighbours(host: Host) -> None:
    run(host, "link set dev eth1 mtu 1400")
    assert host.device_mtu("eth1") == 1400
    run(host, "neigh replace 10.1.0.11 lladdr 02:00:00:00:02:99 dev eth1")
    assert host.interfaces["eth1"].neighbours[bytes([10, 1, 0, 11])] == bytes.fromhex("020000000299")
    run(host, "neigh del 10.1.0.11 dev eth1")
    assert bytes([10, 1, 0, 11]) not in host.interfaces["eth1"].neighbours
