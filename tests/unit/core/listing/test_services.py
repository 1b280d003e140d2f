"""/proc/net/ip_vs, rebuilt from each text that was recorded and printed again."""

import json
import re
from pathlib import Path

import pytest

from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.control.verbs import Control
from pyvs.core.flags import Family, Forward, Proto
from pyvs.core.namespace import Namespace
from pyvs.testing.environment import FixedEnvironment

RECORDINGS = sorted((Path(__file__).parents[3] / "recordings").glob("*.json"))
PROTOCOLS = {"TCP": Proto.TCP, "UDP": Proto.UDP, "SCTP": Proto.SCTP}
METHODS = {
    "Masq": Forward.MASQ,
    "Local": Forward.LOCALNODE,
    "Tunnel": Forward.TUNNEL,
    "Route": Forward.DROUTE,
}

WEB6 = bytes.fromhex("20010db8000000000000000000000100")


def texts(path: Path) -> set[str]:
    """Every text of the file in one recording."""
    recording = json.loads(path.read_text())
    states = [recording["final"], *(event["state"] for event in recording["log"] if event["ev"] == "snap")]
    return {state["/proc/net/ip_vs"] for state in states}


def packed(text: str) -> bytes:
    return bytes.fromhex(text.strip("[]").replace(":", ""))


def key(line: str) -> ServiceKey:
    protocol, place = line.split()[:2]
    if protocol == "FWM":
        return ServiceKey(Family.INET, fwmark=int(place, 16))
    host, port = place.rsplit(":", 1)
    return ServiceKey(
        Family.INET6 if "[" in host else Family.INET, PROTOCOLS[protocol], packed(host), int(port, 16)
    )


def rebuild(text: str) -> str:
    """Set up what the text tells, and print it."""
    ns = Namespace(FixedEnvironment())
    control = Control(ns)
    service = ServiceKey(Family.INET)
    servers: list[tuple[ServiceKey, re.Match[str]]] = []
    for line in text.splitlines()[3:]:
        server = re.fullmatch(r"  -> (\S+):(\w{4}) +(\w+) +(\d+) +(\d+) +(\d+) +", line)
        if server is not None:
            servers.append((service, server))
            continue
        service = key(line)
        persistent = re.search(r"persistent (\d+) (\w+)$", line)
        flags = (4 if " ops " in line else 0) | (1 if persistent else 0)
        control.new_service(
            ServiceSpec(
                service,
                line.split()[2],
                flags=flags,
                timeout=int(persistent[1]) // 100 if persistent else 0,
                netmask=int(persistent[2], 16) if persistent else 128,
            ),
            0.0,
        )
    for service, server in reversed(servers):  # the oldest is the last
        control.new_dest(
            service,
            DestSpec(
                DestKey(
                    packed(server[1]), int(server[2], 16), Family.INET6 if "[" in server[1] else Family.INET
                ),
                METHODS[server[3]],
                int(server[4]),
            ),
            0.0,
        )
        found = ns.services.exact(service.af, service.protocol, service.addr, service.port, service.fwmark)
        assert found is not None
        found.destinations[0].activeconns = int(server[5])
        found.destinations[0].inactconns = int(server[6])
    return control.proc("ip_vs")


def blocks(text: str) -> list[str]:
    """A block a service, in any order: the kernel's is that of a hash."""
    return sorted(re.split(r"\n(?=\w)", text))


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recorded(path: Path) -> None:
    for text in texts(path):
        assert blocks(rebuild(text)) == blocks(text)


def test_odd_services() -> None:
    """Recorded: ops is not told of IPv6 services by address, and prefix lengths are printed swapped."""
    control = Control(Namespace(FixedEnvironment()))
    for spec in (
        ServiceSpec(ServiceKey(Family.INET6, Proto.UDP, WEB6, 82), "rr", flags=4, netmask=128),
        ServiceSpec(ServiceKey(Family.INET6, Proto.TCP, WEB6, 81), "rr", flags=1, timeout=70, netmask=48),
        ServiceSpec(ServiceKey(Family.INET6, fwmark=9), "rr", flags=1, timeout=70, netmask=64),
        ServiceSpec(ServiceKey(Family.INET, fwmark=10), "rr", flags=5, timeout=70),
        ServiceSpec(ServiceKey(Family.INET, 99, bytes((192, 0, 2, 101)), 80), "rr"),
        ServiceSpec(
            ServiceKey(Family.INET, Proto.TCP, bytes((192, 0, 2, 100)), 85), "none", 1, timeout=2678400
        ),
    ):
        control.new_service(spec, 0.0)
    assert control.proc("ip_vs").splitlines()[3:] == [
        "UDP  [2001:0db8:0000:0000:0000:0000:0000:0100]:0052 rr ",
        "TCP  [2001:0db8:0000:0000:0000:0000:0000:0100]:0051 rr persistent 7000 30000000",
        "IP_99  C0000265:0050 rr  ",
        "TCP  C0000264:0055 none  persistent 267840000 FFFFFFFF",
        "FWM  00000009 rr persistent 7000 40000000",
        "FWM  0000000A rr ops persistent 7000 FFFFFFFF",
    ]


def test_odd_methods() -> None:
    """Recorded: unknown methods and bypass are shown as Masq."""
    control = Control(Namespace(FixedEnvironment()))
    web = ServiceKey(Family.INET, Proto.TCP, bytes((192, 0, 2, 100)), 80)
    control.new_service(ServiceSpec(web, "rr"), 0.0)
    for method in (1, 4, 5, 7):
        control.new_dest(web, DestSpec(DestKey(bytes((10, 1, 0, method)), 80), method), 0.0)
    shown = [line.split()[2] for line in control.proc("ip_vs").splitlines()[4:]]
    assert shown == ["Masq", "Masq", "Masq", "Local"]
