"""The files in share/ that are written by hand: units that systemd takes, and the alias."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from pyvs.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
SHARE = ROOT / "share"
SYSTEMD = SHARE / "systemd"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_takes_the_unit_and_the_drop_in(tmp_path: Path) -> None:
    unit = (SYSTEMD / "pyvs.service").read_text()
    unit = unit.replace("/usr/local/bin/pyvs", "/bin/true").replace("man:", "https://example.org/")
    (tmp_path / "pyvs.service").write_text(unit)
    drop_in = (SYSTEMD / "keepalived.service.d" / "pyvs.conf").read_text()
    (tmp_path / "keepalived.service.d").mkdir()
    drop_in = drop_in.replace("/usr/local/bin/pyvs", "/bin/true")
    (tmp_path / "keepalived.service.d" / "pyvs.conf").write_text(drop_in)
    (tmp_path / "keepalived.service").write_text("[Service]\nExecStart=/bin/false\n")
    for name in ("pyvs.service", "keepalived.service"):
        result = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", tmp_path / name],
            capture_output=True,
            text=True,
            timeout=60,
            env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin"},
        )
        said = [line for line in result.stderr.splitlines() if "pyvs" in line or "keepalived" in line]
        assert said == []


def test_units_start_commands_that_exist() -> None:
    found = []
    for file in SYSTEMD.rglob("*.*"):
        if file.is_file():
            found += re.findall(r"^ExecStart=\S+/pyvs (\w+)", file.read_text(), re.MULTILINE)
    assert sorted(found) == ["exec", "run"]
    assert set(found) <= set(COMMANDS)


def test_the_alias_hands_on_its_arguments(tmp_path: Path) -> None:
    adm = tmp_path / "pyvsadm"
    adm.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 7\n')
    adm.chmod(0o755)
    result = subprocess.run(
        [SHARE / "bin" / "ipvsadm", "-a", "two words"],
        capture_output=True,
        text=True,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )
    assert result.stdout == "-a\ntwo words\n"
    assert result.returncode == 7


def test_what_is_installed_is_there() -> None:
    """The wheel brings manuals, completions and units to their places."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    shared = project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    for source, place in shared.items():
        assert (ROOT / source).exists()
        assert place.startswith("share/")
