"""Changes are told, refusals are not."""

from ipaddress import ip_address

import pytest

from pyvs.core.control.specs import DaemonSpec, DestKey, DestSpec, ServiceKey, ServiceSpec, Timeouts
from pyvs.core.engine import Engine
from pyvs.core.errors import ControlError
from pyvs.core.flags import Family, Forward, SyncState
from pyvs.daemon.control import ToldControl
from pyvs.testing.environment import FixedEnvironment

KEY = ServiceKey(Family.INET, 6, ip_address("192.0.2.1").packed, 80)
DEST = DestKey(ip_address("10.0.0.1").packed, 8080)
KEY6 = ServiceKey(Family.INET6, 17, ip_address("2001:db8::1").packed, 53)
DEST6 = DestKey(ip_address("2001:db8::2").packed, 53)


def test_every_change_is_a_line_and_says_whether_chains_change() -> None:
    told: list[tuple[str, bool]] = []
    control = ToldControl(Engine(FixedEnvironment()).ns, lambda what, chains: told.append((what(), chains)))
    control.new_service(ServiceSpec(KEY, "rr"), 0.0)
    control.new_dest(KEY, DestSpec(DEST, weight=3), 0.0)
    control.set_dest(KEY, DestSpec(DEST, forward=Forward.TUNNEL), 0.0)
    control.set_dest(KEY, DestSpec(DEST, forward=6), 0.0)
    control.set_service(ServiceSpec(KEY, "wlc"), 0.0)
    control.zero(KEY, 0.0)
    control.zero(None, 0.0)
    control.del_dest(KEY, DEST, 0.0)
    control.new_service(ServiceSpec(KEY6, "none", netmask=128), 0.0)
    control.new_dest(KEY6, DestSpec(DEST6, forward=Forward.DROUTE), 0.0)
    control.del_service(KEY, 0.0)
    control.set_config(Timeouts(tcp=100), 0.0)
    control.sysctl_write("conntrack", "1", 0.0)
    control.sysctl_write("snat_reroute", "0", 0.0)
    control.new_daemon(DaemonSpec(SyncState.MASTER, "eth0", 7), 0.0)
    control.del_daemon(SyncState.MASTER, 0.0)
    control.flush(0.0)
    assert told == [
        ("service TCP 192.0.2.1:80 added, scheduler rr", True),
        ("service TCP 192.0.2.1:80: server 10.0.0.1:8080 added, NAT, weight 3", True),
        ("service TCP 192.0.2.1:80: server 10.0.0.1:8080 changed, tunnel, weight 1", True),
        ("service TCP 192.0.2.1:80: server 10.0.0.1:8080 changed, method 6, weight 1", True),
        ("service TCP 192.0.2.1:80 changed, scheduler wlc", True),
        ("service TCP 192.0.2.1:80: counters set to zero", False),
        ("all counters set to zero", False),
        ("service TCP 192.0.2.1:80: server 10.0.0.1:8080 removed", True),
        ("service UDP [2001:db8::1]:53 added, scheduler none", True),
        ("service UDP [2001:db8::1]:53: server [2001:db8::2]:53 added, direct routing, weight 1", True),
        ("service TCP 192.0.2.1:80 removed", True),
        ("timeouts are TCP 100 s, TCP FIN 120 s, UDP 300 s", False),
        ("sysctl net.ipv4.vs.conntrack = 1", True),
        ("sysctl net.ipv4.vs.snat_reroute = 0", False),
        ("synchronisation: MASTER started on eth0, syncid 7", False),
        ("synchronisation: MASTER stopped", False),
        ("all services removed", True),
    ]


def test_a_refusal_is_not_told() -> None:
    told: list[str] = []
    control = ToldControl(Engine(FixedEnvironment()).ns, lambda what, chains: told.append(what()))
    with pytest.raises(ControlError):
        control.del_service(KEY, 0.0)
    with pytest.raises(ControlError):
        control.new_dest(KEY, DestSpec(DEST), 0.0)
    with pytest.raises(ControlError):
        control.sysctl_write("none", "1", 0.0)
    assert told == []
