from io import StringIO

import pytest

from pyvs.cli.ipvsadm.execute import Executor, daemon_spec, dest_spec, service_key, service_spec
from pyvs.cli.ipvsadm.invocation import Stop
from pyvs.cli.ipvsadm.names import WELL_KNOWN
from pyvs.cli.ipvsadm.parse import parse
from pyvs.core.control.specs import DaemonSpec, DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.flags import Family, Forward, Proto, ServiceFlag, SyncState, TunType
from pyvs.netlink.client import Client

VIP = bytes((192, 0, 2, 100))
SERVER = bytes((10, 1, 0, 11))


def words(line: str) -> list[str]:
    return line.split()


def test_a_service_by_address() -> None:
    asked = parse(words("-A -t 192.0.2.100:80 -s rr -p 90 -M 255.255.255.0"), "ipvsadm", WELL_KNOWN)
    key = ServiceKey(Family.INET, Proto.TCP, VIP, 80)
    assert service_key(asked) == key
    assert service_spec(asked) == ServiceSpec(
        key, "rr", flags=ServiceFlag.PERSISTENT, timeout=90, netmask=0xFFFFFF00
    )


def test_a_service_by_mark_has_no_address() -> None:
    asked = parse(words("-A -f 7 -6"), "ipvsadm", WELL_KNOWN)
    assert service_key(asked) == ServiceKey(Family.INET6, fwmark=7)


def test_a_server() -> None:
    line = "-a -t 192.0.2.100:80 -r 10.1.0.11 -i --tun-type gue --tun-port 6080 -w 3 -x 9 -y 2"
    spec = dest_spec(parse(words(line), "ipvsadm", WELL_KNOWN))
    assert spec == DestSpec(
        DestKey(SERVER, 80, Family.INET),
        forward=Forward.TUNNEL,
        weight=3,
        u_threshold=9,
        l_threshold=2,
        tun_type=TunType.GUE,
        tun_port=6080,
    )


def test_a_daemon() -> None:
    asked = parse(words("--start-daemon backup --mcast-interface eth1 --syncid 5"), "ipvsadm", WELL_KNOWN)
    assert daemon_spec(asked) == DaemonSpec(SyncState.BACKUP, "eth1", syncid=5)


@pytest.fixture
def streams() -> tuple[StringIO, StringIO]:
    return StringIO(), StringIO()


def executor(client: Client, streams: tuple[StringIO, StringIO]) -> Executor:
    return Executor(client, *streams, WELL_KNOWN)


def test_what_the_director_refuses_is_told_with_status_255(
    client: Client, streams: tuple[StringIO, StringIO]
) -> None:
    line = parse(words("-D -t 192.0.2.100:80"), "ipvsadm", WELL_KNOWN)
    assert executor(client, streams).execute(line) == 255
    assert streams[1].getvalue() == "No such service\n"


def test_a_change_is_carried_out_and_listed(client: Client, streams: tuple[StringIO, StringIO]) -> None:
    own = executor(client, streams)
    assert own.execute(parse(words("-A -t 192.0.2.100:80 -s rr"), "ipvsadm", WELL_KNOWN)) == 0
    assert own.execute(parse(words("-Ln"), "ipvsadm", WELL_KNOWN)) == 0
    assert "TCP  192.0.2.100:80 rr" in streams[0].getvalue()


def test_a_listing_of_what_is_not_there_ends_with_status_1(
    client: Client, streams: tuple[StringIO, StringIO]
) -> None:
    with pytest.raises(Stop) as stop:
        executor(client, streams).execute(parse(words("-L -t 192.0.2.100:80"), "ipvsadm", WELL_KNOWN))
    assert stop.value.status == 1
