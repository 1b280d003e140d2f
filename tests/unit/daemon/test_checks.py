"""Hints: what a newcomer gets wrong."""

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.environment import Route
from pyvs.core.flags import Family, Forward, Proto
from pyvs.core.masquerade.portfw import Command, Rule
from pyvs.core.masquerade.requests import ForwardingRequest, NetworkRequest
from pyvs.daemon.checks import firewall_hints, hints
from pyvs.datapath.chains.iptables import Iptables, read_saved
from pyvs.datapath.rtnetlink import Link
from pyvs.testing.environment import FixedEnvironment

VIP, RIP = ip_address("192.0.2.1").packed, ip_address("10.0.0.1").packed
VIP6, RIP6 = ip_address("2001:db8::1").packed, ip_address("2001:db8:1::1").packed


class Host(FixedEnvironment):
    """A host whose routes and devices can be spoilt."""

    def __init__(self) -> None:
        super().__init__([VIP, VIP6])
        self.missing: set[bytes] = set()
        self.gateways: dict[bytes, bytes] = {}
        self.up = [Link(1, "lo", 65536, True), Link(2, "eth0", 1500, True), Link(3, "eth1", 1500, True)]

    def route(
        self, destination: bytes, *, source: bytes | None = None, mark: int = 0, protocol: int = 0
    ) -> Route | None:
        if destination in self.missing:
            return None
        route = super().route(destination)
        assert route is not None
        return replace(route, gateway=self.gateways.get(destination))

    def links(self) -> list[Link]:
        return self.up


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """/proc/sys/net of a host where all is well."""
    for name, value in {
        "ipv4/ip_forward": 1,
        "ipv6/conf/all/forwarding": 1,
        "ipv4/conf/all/rp_filter": 0,
        "ipv4/conf/eth0/rp_filter": 2,
        "ipv4/conf/eth1/rp_filter": 0,
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{value}\n")
    return tmp_path


def engine(host: Host, forward: Forward = Forward.MASQ, *, six: bool = False) -> Engine:
    made = Engine(host)
    family, vip, rip = (Family.INET6, VIP6, RIP6) if six else (Family.INET, VIP, RIP)
    key = ServiceKey(family, 6, vip, 80)
    made.control.new_service(ServiceSpec(key, "rr", netmask=128 if six else 0xFFFFFFFF), 0.0)
    made.control.new_dest(key, DestSpec(DestKey(rip, 80), forward=forward), 0.0)
    return made


def found(target: Engine, host: Host, proc: Path) -> list[str]:
    return list(hints(target.ns, host, proc=proc))  # type: ignore[arg-type]


def test_no_hint_when_all_is_well(host: Host, proc: Path) -> None:
    assert found(engine(host), host, proc) == []
    assert found(engine(host, six=True), host, proc) == []
    assert found(Engine(host), host, proc) == []


def test_a_virtual_address_that_is_not_ours(host: Host, proc: Path) -> None:
    for six, text in ((False, "192.0.2.1/32"), (True, "2001:db8::1/128")):
        host.local.clear()
        (hint,) = found(engine(host, six=six), host, proc)
        assert "never reach the director" in hint
        assert f"ip addr add {text} dev lo" in hint


def test_forwarding_that_is_off_matters_to_nat_alone(host: Host, proc: Path) -> None:
    (proc / "ipv4/ip_forward").write_text("0\n")
    (proc / "ipv6/conf/all/forwarding").write_text("0\n")
    (hint,) = found(engine(host), host, proc)
    assert "sysctl -w net.ipv4.ip_forward=1" in hint
    (hint,) = found(engine(host, six=True), host, proc)
    assert "sysctl -w net.ipv6.conf.all.forwarding=1" in hint
    assert found(engine(host, Forward.DROUTE), host, proc) == []


def test_servers_out_of_reach(host: Host, proc: Path) -> None:
    host.gateways[RIP] = ip_address("10.9.9.9").packed
    for forward, words in (
        (Forward.DROUTE, "direct routing needs it in a network of this host"),
        (Forward.MASQ, "its replies must come back through this host"),
    ):
        (hint,) = found(engine(host, forward), host, proc)
        assert "10.0.0.1 is behind the gateway 10.9.9.9" in hint
        assert words in hint
    assert found(engine(host, Forward.TUNNEL), host, proc) == []
    host.missing.add(RIP)
    (hint,) = found(engine(host), host, proc)
    assert "there is no route to the server 10.0.0.1" in hint


def test_no_way_back(host: Host, proc: Path) -> None:
    host.missing.add(ip_address("198.51.100.1").packed)
    (hint,) = found(engine(host), host, proc)
    assert "no default route for IPv4" in hint
    assert found(engine(host, Forward.DROUTE), host, proc) == []  # those answer by ways of their own


def test_strict_reverse_path_filters(host: Host, proc: Path) -> None:
    (proc / "ipv4/conf/eth1/rp_filter").write_text("1\n")
    (hint,) = found(engine(host), host, proc)
    assert "rp_filter is strict on eth1:" in hint
    (proc / "ipv4/conf/all/rp_filter").write_text("2\n")
    assert found(engine(host), host, proc) == []


def test_a_firewall_that_drops_what_it_does_not_know(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    class Tool:
        name = "iptables"

        def save(self) -> object:
            return read_saved("*filter\n-A FORWARD -m conntrack --ctstate INVALID -j DROP\nCOMMIT\n")

    monkeypatch.setattr(Iptables, "all", lambda family: [Tool()])
    target = engine(host)
    (hint,) = firewall_hints(target.ns)
    assert "sysctl net.ipv4.vs.conntrack=1" in hint
    target.control.sysctl_write("conntrack", "1", 0.0)
    assert list(firewall_hints(target.ns)) == []
    assert list(firewall_hints(engine(host, Forward.DROUTE).ns)) == []


DROPS = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:MINE - [0:0]\n{}COMMIT\n"


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ("", True),
        ("-A FORWARD -j ACCEPT\n", False),
        ("-A FORWARD -s 10.0.0.0/24 -j ACCEPT\n", False),
        ("-A FORWARD -s 10.0.0.1/32 -i eth1 -p tcp -j ACCEPT\n", False),
        ("-A FORWARD -s 10.0.1.0/24 -j ACCEPT\n", True),
        ("-A FORWARD ! -s 10.0.0.0/24 -j ACCEPT\n", True),
        ("-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n", True),
        ("-A FORWARD -j REJECT --reject-with icmp-port-unreachable\n", True),
        ("-A FORWARD -j MINE\n", False),
        ("-A INPUT -j ACCEPT\n", True),
    ],
)
def test_a_chain_that_drops_what_has_to_be_forwarded(
    host: Host, monkeypatch: pytest.MonkeyPatch, rules: str, told: bool
) -> None:
    class Tool:
        name = "iptables"

        def save(self) -> object:
            return read_saved(DROPS.format(rules))

    monkeypatch.setattr(Iptables, "all", lambda family: [Tool()])
    hints_found = list(firewall_hints(engine(host).ns))
    line = (
        "the chain FORWARD of iptables drops what no rule accepts, and so replies of NAT servers: "
        "iptables -I FORWARD -s 10.0.0.1/32 -j ACCEPT"
    )
    assert hints_found == ([line] if told else [])
    assert list(firewall_hints(engine(host, Forward.DROUTE).ns)) == []


def test_masquerading_and_forwarded_ports_must_be_forwarded_too(
    host: Host, proc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Tool:
        name = "iptables"

        def save(self) -> object:
            return read_saved(DROPS.format("-A FORWARD -s 10.9.0.0/16 -j ACCEPT\n"))

    monkeypatch.setattr(Iptables, "all", lambda family: [Tool()])
    (proc / "ipv4/ip_forward").write_text("0\n")
    target = Engine(host)
    assert found(target, host, proc) == []
    rule = Rule(Proto.TCP, VIP, 80, RIP, 80)
    target.control.masquerade(ForwardingRequest(Command.ADD, rule), 0.0)
    (hint,) = found(target, host, proc)
    assert hint == (
        "net.ipv4.ip_forward is 0, so answers of forwarded ports are not forwarded to the clients: "
        "sysctl -w net.ipv4.ip_forward=1"
    )
    (hint,) = firewall_hints(target.ns)
    assert hint.endswith("and so answers of forwarded ports: iptables -I FORWARD -s 10.0.0.1/32 -j ACCEPT")
    target.control.masquerade(ForwardingRequest(Command.FLUSH), 0.0)
    target.control.masquerade(NetworkRequest(True, bytes((10, 9, 1, 0)), 24), 0.0)
    assert list(firewall_hints(target.ns)) == []
    target.control.masquerade(NetworkRequest(True, bytes((10, 8, 1, 0)), 24), 0.0)
    (hint,) = firewall_hints(target.ns)
    assert hint.endswith("packets of masqueraded networks: iptables -I FORWARD -s 10.8.1.0/24 -j ACCEPT")
