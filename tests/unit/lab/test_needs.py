import os
from pathlib import Path

import pytest

from pyvs.lab import needs
from pyvs.lab.errors import LabError

HERE = Path("/proc/self")
NOWHERE = Path("/no/such/file")


def test_all_programs_there_is_no_complaint() -> None:
    needs.check_programs(lambda name: f"/usr/sbin/{name}")


def test_missing_programs_are_named_with_their_packages_once() -> None:
    with pytest.raises(LabError, match=r"iptables, ip6tables\. Install with `sudo apt-get install iptables`"):
        needs.check_programs(lambda name: None if "tables" in name else name)


def test_the_system_folders_are_added_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/usr/sbin")
    needs.widen_path()
    needs.widen_path()
    assert os.environ["PATH"] == "/usr/bin:/usr/sbin:/usr/local/sbin:/sbin"


@pytest.mark.parametrize(
    ("wanted", "listing", "expected"),
    [((), HERE, (4, 6)), ((), NOWHERE, (4,)), ((4,), NOWHERE, (4,)), ((6,), HERE, (6,))],
)
def test_families_are_those_that_are_wanted_and_there(
    wanted: tuple[int, ...], listing: Path, expected: tuple[int, ...]
) -> None:
    assert needs.families(wanted, (4, 6), listing) == expected


def test_ipv6_that_is_wanted_but_not_there_is_a_sentence() -> None:
    with pytest.raises(LabError, match="no IPv6"):
        needs.families((6,), (4, 6), NOWHERE)
