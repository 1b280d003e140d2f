"""XDP on veth pairs: senders finish their checksums, and the far ends poll (GRO on)."""

from pathlib import Path

import pytest
from tests.live.fast_clients import KeptAlive, fast_account, prepare_for_xdp

from pyvs.lab import course
from pyvs.lab.director import Director
from pyvs.lab.howto import PLANS, ipvsadm_lines, topology
from pyvs.lab.lab import Lab

pytestmark = [pytest.mark.live, pytest.mark.root]


@pytest.mark.parametrize(
    ("method", "family", "new"),
    [("nat", 4, "off"), ("nat", 6, "on"), ("dr", 4, "off"), ("dr", 6, "on"), ("tun", 4, "on")],
    ids=["nat", "nat-6", "dr-one-device", "dr-6-one-device", "tun-one-device"],
)
def test_http_by_xdp(bpffs: Path, method: str, family: int, new: str) -> None:
    """With one device everything leaves by the pair that it came in by."""
    with Lab(topology(method, (family,))) as lab:
        prepare_for_xdp(lab)
        course.start_servers(lab, method, (family,))
        with Director(lab, ["--fast", "xdp", "--fast-new", new]) as director:
            for line in ipvsadm_lines(method, family):
                director.adm(line)
            with KeptAlive(lab["client1"], PLANS[family].virtual, 80, 6) as alive:
                for _ in range(10):
                    alive.ask_all()
                assert alive.failed == {}
                assert alive.answers == 60
                told = fast_account(director)
                assert told["programs"].startswith("xdp at eth0 (xdp)")
                assert int(told["served"].split()[0]) > 100
                assert [row.active for row in director.rows({})] == [2, 2, 2]
