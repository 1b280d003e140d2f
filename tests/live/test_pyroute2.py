"""pyroute2's IPVS classes under `pyvs exec`: a client in Python that knows only the kernel."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyvs.lab.director import Director, program
from pyvs.lab.lab import Lab
from pyvs.lab.topology import Host, Interface, Topology

pytestmark = [pytest.mark.live, pytest.mark.root]

NETWORK = Topology("one", (Host("director", (Interface("lan", ("10.1.1.1/24",)),)),))
SCRIPT = """
import errno, json
from pyroute2 import IPVS, IPVSDest, IPVSService, NetlinkError

said = {}
def refused(call, *arguments):
    try:
        call(*arguments)
    except NetlinkError as error:
        return errno.errorcode[error.code]

with IPVS() as ipvs:
    service = IPVSService(addr="10.1.1.1", port=80, protocol=6, sched_name="wrr")
    ipvs.service("add", service)
    said["again"] = refused(ipvs.service, "add", service)
    said["no protocol"] = refused(ipvs.service, "add", IPVSService(addr="10.1.1.1", port=81))
    for weight in (3, 7):
        ipvs.dest("add", service, IPVSDest(addr=f"10.1.1.{weight}", port=8080, weight=weight, fwd_method=0))
    said["services"] = [
        dict(message.get("attrs"))["IPVS_CMD_ATTR_SERVICE"].get("sched_name") for message in ipvs.service("dump")
    ]
    said["servers"] = sorted(
        [
            nest.get("addr"), nest.get("port"), nest.get("weight"), nest.get("fwd_method")
        ]
        for nest in (dict(message.get("attrs"))["IPVS_CMD_ATTR_DEST"] for message in ipvs.dest("dump", service))
    )
    ipvs.dest("del", service, IPVSDest(addr="10.1.1.3", port=8080))
    said["no server"] = refused(ipvs.dest, "del", service, IPVSDest(addr="10.1.1.3", port=8080))
    said["left"] = len(list(ipvs.dest("dump", service)))
    said["no service"] = refused(ipvs.service, "del", IPVSService(addr="10.1.1.9", port=80, protocol=6))
with IPVS() as one, IPVS() as two:
    one.service("add", IPVSService(addr="10.1.1.1", port=443, protocol=6, sched_name="rr"))
    said["two clients"] = [len(list(client.service("dump"))) for client in (one, two)]
print(json.dumps(said))
"""


@pytest.fixture
def director() -> Iterator[Director]:
    with Lab(NETWORK) as lab, Director(lab) as director:
        yield director


@pytest.mark.parametrize("option", [(), ("--supervise",)], ids=["preloaded", "supervised"])
def test_services_and_servers(director: Director, tmp_path: Path, option: tuple[str, ...]) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    python = str(Path(program("pyvs")).with_name("python"))
    said = json.loads(
        director.lab.run(
            "director",
            [program("pyvs"), "exec", *option, "--", python, str(script)],
            timeout=180,
            environment=director.environment,
        )
    )
    assert said == {
        "again": "EEXIST",
        "no protocol": "EINVAL",
        "services": ["wrr"],
        "servers": [["10.1.1.3", 8080, 3, 0], ["10.1.1.7", 8080, 7, 0]],
        "no server": "ENOENT",
        "left": 1,
        "no service": "ESRCH",
        "two clients": [2, 2],
    }
    assert director.adm("-Sn") == (
        "-A -t 10.1.1.1:80 -s wrr\n-a -t 10.1.1.1:80 -r 10.1.1.7:8080 -m -w 7\n-A -t 10.1.1.1:443 -s rr\n"
    )
