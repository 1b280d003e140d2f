"""XDP on veth pairs: senders finish their checksums, and the far ends poll (GRO on)."""

from pathlib import Path

import pytest
from tests.live.fast_clients import KeptAlive, bpf_file_system, fast_account

from pyvs.lab import course
from pyvs.lab.director import Director
from pyvs.lab.howto import PLANS, ipvsadm_lines, topology
from pyvs.lab.lab import Lab

pytestmark = [pytest.mark.live, pytest.mark.root]
SETTINGS = ("tx", "off", "tso", "off", "gso", "off", "gro", "on")


@pytest.mark.parametrize("new", ["off", "on"])
def test_http_over_nat_by_xdp(tmp_path: Path, new: str) -> None:
    folder = tmp_path / "bpf"
    folder.mkdir()
    with bpf_file_system(folder), Lab(topology("nat", (4,))) as lab:
        course.start_servers(lab, "nat", (4,))
        for namespace in lab.namespaces.values():
            for line in namespace.run(["ip", "-o", "link", "show", "type", "veth"]).splitlines():
                namespace.run(["ethtool", "-K", line.split(": ")[1].split("@")[0], *SETTINGS])
        with Director(lab, ["--fast", "xdp", "--fast-new", new]) as director:
            for line in ipvsadm_lines("nat", 4):
                director.adm(line)
            alive = KeptAlive(lab["client1"], PLANS[4].virtual, 80, 6)
            for _ in range(10):
                alive.ask_all()
            assert alive.failed == {}
            assert alive.answers == 60
            told = fast_account(director)
            assert told["programs"].startswith("xdp at eth0 (xdp)")
            assert int(told["served"].split()[0]) > 100
            assert [row.active for row in director.rows({})] == [2, 2, 2]
            alive.close()
