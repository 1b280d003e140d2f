"""What ```console blocks of the pages show of `pyvs explain` and `pyvs replay` is what the commands print."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.scenarios.test_replay_page import write_capture

from pyvs.cli.main import main

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"^```text\n# (\S+\.rules)\n(.*?)^```", re.MULTILINE | re.DOTALL)
TRIED = ("pyvs explain", "pyvs replay")


def examples() -> list[tuple[str, str, str]]:
    """Page, command and what it prints."""
    found = []
    for page in sorted(DOCS.rglob("*.md")):
        for block in BLOCK.findall(page.read_text()):
            for step in re.split(r"^(?=\$ )", block, flags=re.MULTILINE):
                command, _, printed = step.partition("\n")
                command = command.removeprefix("$ ")
                if command.startswith(TRIED):
                    found.append((page.name, command, printed))
    return found


EXAMPLES = examples()


def test_there_are_examples() -> None:
    assert {page for page, _, _ in EXAMPLES} >= {"packet-walk.md", "cookbook.md"}


@pytest.mark.parametrize(("page", "command", "printed"), EXAMPLES, ids=[f"{e[0]}: {e[1]}" for e in EXAMPLES])
def test_an_example_is_what_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str, command: str, printed: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_capture(tmp_path / "in.pcapng")
    for name, text in FILE.findall((DOCS / page).read_text()):
        (tmp_path / name).write_text(text)
    result = CliRunner().invoke(main, shlex.split(command)[1:], catch_exceptions=False)
    assert result.output == printed
