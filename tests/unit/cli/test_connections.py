"""`pyvs connections`: the table, and a JSON object a line."""

import json
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address

import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st

from pyvs.cli.connections import place, record
from pyvs.core.control.native_specs import ConnectionView
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Forward, Hook, Proto, ServiceFlag
from pyvs.core.packet.packet import Packet
from pyvs.testing.wire import tcp

Pyvs = Callable[..., Result]
SERVER = bytes((10, 1, 0, 11))
VIEW = ConnectionView(
    Proto.TCP, bytes((198, 51, 100, 7)), 40000, bytes((192, 0, 2, 100)), 80, SERVER, 8080,
    "ESTABLISHED", Forward.TUNNEL, 90.0, 3.5, 12, 0, False,
)  # fmt: skip


def serve(engine: Engine, key: ServiceKey, flags: int = 0) -> None:
    engine.control.new_service(ServiceSpec(key, "rr", flags, timeout=300), 1.0)
    engine.control.new_dest(key, DestSpec(DestKey(SERVER, 80), Forward.DROUTE), 1.0)


def test_places() -> None:
    assert place(SERVER, 80) == "10.1.0.11:80"
    assert place(ip_address("2001:db8::1").packed, 443) == "[2001:db8::1]:443"


def test_a_record() -> None:
    assert record(VIEW) == {
        "protocol": "tcp",
        "caddr": "198.51.100.7",
        "cport": 40000,
        "vaddr": "192.0.2.100",
        "vport": 80,
        "daddr": "10.1.0.11",
        "dport": 8080,
        "state": "ESTABLISHED",
        "method": "tunnel",
        "left": 90.0,
        "idle": 3.5,
        "packets": 12,
        "fwmark": 0,
        "template": False,
    }


@given(st.integers(0, 255), st.integers(0, 7))
def test_a_record_of_whatever_a_master_has_told(protocol: int, method: int) -> None:
    found = json.loads(json.dumps(record(replace(VIEW, protocol=protocol, method=method))))
    assert isinstance(found["protocol"], str)
    assert isinstance(found["method"], str)
    names = {0: "ip", 6: "tcp", 17: "udp", 132: "sctp"}
    assert found["protocol"] == names.get(protocol, str(protocol))


def test_the_table(pyvs: Pyvs, engine: Engine, clock: list[float], call: Callable[[int], None]) -> None:
    serve(engine, ServiceKey(Family.INET, Proto.TCP, bytes((192, 0, 2, 100)), 80))
    assert len(pyvs("connections").stdout.splitlines()) == 1
    call(40000)
    call(40001)
    clock[0] = 4.0
    head, *lines = pyvs("connections").stdout.splitlines()
    assert head.split() == ["proto", "client", "service", "server", "state", "left", "idle"]
    left = f"{next(iter(engine.ns.connections)).expires - 4.0:.0f}s"
    assert sorted(line.split() for line in lines) == [
        ["tcp", f"198.51.100.7:{port}", "192.0.2.100:80", "10.1.0.11:80", "ESTABLISHED", left, "3s"]
        for port in (40000, 40001)
    ]
    assert len({line.index("10.1.0.11") for line in [*lines, head.replace("server", "10.1.0.11")]}) == 1


def test_a_template_of_a_mark_has_no_address(pyvs: Pyvs, engine: Engine) -> None:
    serve(engine, ServiceKey(Family.INET, Proto.TCP, bytes(4), 0, 5), ServiceFlag.PERSISTENT)
    packet = Packet(tcp("198.51.100.7", "192.0.2.100", 40000, 80, 2), iif="eth0", mark=5)
    engine.receive(packet, Hook.LOCAL_IN, 1.0)
    (line,) = [each for each in pyvs("connections").stdout.splitlines() if each.startswith("ip ")]
    assert " fwm 5 " in line
    rows = [json.loads(each) for each in pyvs("connections --json").stdout.splitlines()]
    assert sorted((row["template"], row["fwmark"], row["method"]) for row in rows) == [
        (False, 5, "direct"),
        (True, 5, "direct"),
    ]


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ("client=198.51.100.0/24", 3),
        ("client=203.0.113.0/24", 0),
        ("state=established,proto=tcp", 3),
        ("older=1h", 0),
    ],
)
def test_a_filter(pyvs: Pyvs, engine: Engine, call: Callable[[int], None], wanted: str, count: int) -> None:
    serve(engine, ServiceKey(Family.INET, Proto.TCP, bytes((192, 0, 2, 100)), 80))
    for port in range(3):
        call(40000 + port)
    assert len(pyvs(f"connections --json --filter {wanted}").stdout.splitlines()) == count


def test_a_filter_that_says_nothing_is_refused(pyvs: Pyvs) -> None:
    result = pyvs("connections --filter state")
    assert result.exit_code == 1
    assert result.stderr.startswith("pyvs connections: 'state' is no part of a filter: write service=")
    assert result.stdout == ""


def test_a_state_that_there_is_not_is_refused(pyvs: Pyvs) -> None:
    result = pyvs("connections --filter state=estab")
    assert result.exit_code == 1
    assert "there is no state 'estab': take one of ASSURED, " in result.stderr
    assert pyvs("connections --json --filter state=c-wait").exit_code == 0  # of SCTP
