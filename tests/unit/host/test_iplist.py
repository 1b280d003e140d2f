import pytest

from pyvs.host import iproute
from pyvs.host.host import Host
from pyvs.host.routing import RouteError


def shown(host: Host, line: str) -> list[str]:
    return iproute.command(host, line.split()).splitlines()


def test_routes(host: Host) -> None:
    assert shown(host, "route") == [
        "default via 192.0.2.254 dev eth0 ",
        "10.1.0.0/24 dev eth1 proto kernel scope link src 10.1.0.1 ",
        "192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.1 ",
    ]
    assert "default via 2001:db8::fe dev eth0 metric 1024 " in shown(host, "-6 route show")
    shown(host, "route add local 203.0.113.0/24 dev lo table 99")
    assert shown(host, "route show table 99") == ["local 203.0.113.0/24 dev lo "]
    assert "local 192.0.2.100 dev eth0 src 192.0.2.100 " in shown(host, "route ls table local")


def test_rules(host: Host) -> None:
    shown(host, "rule add fwmark 3 lookup 99 pref 10")
    shown(host, "rule add fwmark 1/0xf from 10.0.0.0/8 to 10.1.0.0/16 iif eth1 lookup 98 pref 11")
    assert shown(host, "rule show")[:3] == [
        "0:\tfrom all lookup local",
        "10:\tfrom all fwmark 0x3 lookup 99",
        "11:\tfrom 10.0.0.0/8 to 10.1.0.0/16 fwmark 0x1/0xf iif eth1 lookup 98",
    ]


def test_addresses_and_neighbours(host: Host) -> None:
    lines = shown(host, "addr show dev eth1")
    assert lines[0].startswith("3: eth1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500")
    assert "    inet 10.1.0.1/24 scope global" in lines
    assert not any("inet6" in line for line in shown(host, "-4 addr"))
    assert "10.1.0.11 dev eth1 lladdr 02:00:00:00:02:01 PERMANENT " in shown(host, "neigh show")


@pytest.mark.parametrize("line", ["frob show", "addr show dev nosuch", "route show cache"])
def test_refusals(host: Host, line: str) -> None:
    with pytest.raises(RouteError):
        shown(host, line)
