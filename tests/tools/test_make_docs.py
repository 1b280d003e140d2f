"""The pages that follow from tables are up to date, and the maker notices when they are not."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tools.documents import completion, manual_pyvs, manual_pyvsadm, roff, states, switches, tables

from pyvs.cli.ipvsadm.grammar import SWITCHES
from pyvs.cli.main import COMMANDS
from pyvs.core.differences import Differences
from pyvs.core.protocols import tcp_states
from pyvs.core.protocols.tcp_states import TcpState
from pyvs.core.reasons import Reason
from pyvs.core.schedulers import SCHEDULERS
from pyvs.core.sysctl.table import Sysctl
from tools import make_docs


def test_nothing_is_stale() -> None:
    assert sorted(make_docs.stale()) == [], "run: python tools/make_docs.py"


def test_check_names_what_is_stale_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make_docs, "DOCUMENTS", {"a/b.md": lambda: "new\n", "c.md": lambda: "same\n"})
    (tmp_path / "c.md").write_text("same\n")
    assert make_docs.main(["--check"], tmp_path) == 1
    assert "a/b.md is stale" in capsys.readouterr().out
    assert not (tmp_path / "a").exists()
    assert make_docs.main([], tmp_path) == 0
    assert (tmp_path / "a/b.md").read_text() == "new\n"
    assert make_docs.main(["--check"], tmp_path) == 0


def test_other_arguments_are_refused(tmp_path: Path) -> None:
    assert make_docs.main(["--force"], tmp_path) == 2


def test_every_reason_stands_in_one_group() -> None:
    names = [name for _, group in tables.groups() for name in group]
    assert sorted(names) == sorted(Reason.__members__)
    assert all(title for title, _ in tables.groups())


def test_every_difference_and_every_sysctl_has_its_row() -> None:
    for option in Differences.__dataclass_fields__:
        assert f"| `{option}` |" in tables.differences()
    for knob in Sysctl.names():
        assert f"| `{knob}` |" in tables.sysctls()
    assert "| `lblc_expiration` | 86400 |" in tables.sysctls()
    assert "| `drop_entry` | 0 | 0 to 3 |" in tables.sysctls()


def test_a_cell_keeps_its_bars() -> None:
    assert list(tables.table(("a",), [("x|y",)]))[-1] == "| x\\|y |"


def test_the_drawing_of_tcp_is_the_table() -> None:
    """Each arrow is a change that the table makes, and a plain session can be walked along arrows."""
    page = states.page()
    drawing = page.split("```mermaid\n")[1].split("```")[0]
    arrows = re.findall(r"    (\w+) --> (\w+): (.*)", drawing)
    row = {"SYN": 0, "FIN": 1, "ACK": 2, "RST": 3}
    for old, new, causes in arrows:
        for cause in causes.split(", "):
            side, flag = cause.split()
            table = tcp_states.NORMAL[("client", "server").index(side)]
            assert table[row[flag]][TcpState[old]] == TcpState[new]
    ways = {(old, cause): new for old, new, causes in arrows for cause in causes.split(", ")}
    state = "NONE"
    for cause in ("client SYN", "client ACK", "server FIN", "client FIN"):
        state = ways[state, cause]
    assert state == "TIME_WAIT"


def test_the_manual_of_pyvs_has_every_command() -> None:
    page = manual_pyvs.page()
    for name in COMMANDS:
        assert f'.SS "{roff.plain(f"pyvs {name}")}' in page


def test_the_manual_of_pyvsadm_has_every_switch_and_scheduler() -> None:
    page = manual_pyvsadm.page()
    for switch in SWITCHES:
        assert roff.bold(f"--{switch.long}") in page
    for name in SCHEDULERS:
        assert roff.bold(name) in page
    assert set(switches.WORDS) == {switch.long for switch in SWITCHES}
    assert set(switches.CHOICES) <= set(switches.WORDS)


def test_roff_takes_no_text_for_a_command() -> None:
    assert roff.plain(".so a\\b -x") == "\\&.so a\\eb \\-x"
    assert roff.prose("see `-n` now") == "see \\fB\\-n\\fR now"


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
@pytest.mark.parametrize("page", ["pyvs.1", "pyvsadm.8"])
def test_groff_has_nothing_to_say(page: str) -> None:
    result = subprocess.run(
        ["groff", "-man", "-Tascii", "-ww", "-z", make_docs.ROOT / "docs/man" / page],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stderr == ""


BASH = """
. {root}/share/bash-completion/completions/pyvsadm
COMP_WORDS=({words}) COMP_CWORD={last}
_pyvsadm
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["pyvsadm", "--start"], ["--start-daemon"]),
        (["pyvsadm", "-A", "-s", "wl"], ["wlc"]),
        (["pyvsadm", "--start-daemon", "''"], ["master", "backup"]),
        (["pyvsadm", "-t", "''"], [""]),
    ],
)
def test_bash_completes_pyvsadm(words: list[str], wanted: list[str]) -> None:
    script = BASH.format(root=make_docs.ROOT, words=" ".join(words), last=len(words) - 1)
    result = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.split("\n")[:-1] == wanted


def test_completions_offer_every_switch() -> None:
    for text in (completion.pyvsadm_bash(), completion.pyvsadm_zsh()):
        assert all(f"--{switch.long}" in text for switch in SWITCHES)
    assert all(f"-l {switch.long} " in completion.pyvsadm_fish() for switch in SWITCHES)
