"""What `pyvs exec` and `pyvs shell` say before they become another program."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from pyvs.cli import exec as module
from pyvs.cli.exec import exec_
from pyvs.cli.main import main
from pyvs.cli.shell import shell


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[str]:
    """Something that takes connections."""
    path = str(tmp_path / "control")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.bind(path)
        door.listen()
        yield path


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What would have been executed."""
    calls: list[tuple[Any, ...]] = []

    def execve(*arguments: Any) -> None:
        calls.append(arguments)
        raise SystemExit(0)

    monkeypatch.setattr("os.execve", execve)
    monkeypatch.setattr(module, "path_of", lambda product: Path("/built", product.file))
    return calls


def test_without_a_director_it_says_so(tmp_path: Path) -> None:
    result = CliRunner().invoke(exec_, ["--socket", str(tmp_path / "none"), "--", "true"])
    assert result.exit_code == 2
    assert "no director listens at " in result.output
    assert "pyvs run" in result.output


def test_a_missing_program_is_named(listening: str) -> None:
    result = CliRunner().invoke(exec_, ["--socket", listening, "no-such-program"])
    assert result.exit_code == 127
    assert result.output == "pyvs exec: no-such-program: there is no such program\n"


def test_the_programs_own_options_are_its_own(listening: str, became: list[tuple[Any, ...]]) -> None:
    CliRunner().invoke(exec_, ["--socket", listening, "true", "--socket", "x", "-h", "--", "--supervise"])
    ((path, words, environment),) = became
    assert Path(path).name == "true"
    assert words == ["true", "--socket", "x", "-h", "--", "--supervise"]
    assert environment["LD_PRELOAD"].split(":")[0] == "/built/pyvs-shim.so"
    assert environment["PYVS_SOCKET"] == listening


def test_supervision_is_a_program_before_the_program(listening: str, became: list[tuple[Any, ...]]) -> None:
    CliRunner().invoke(exec_, ["--socket", listening, "--supervise", "--", "true", "-x"])
    ((path, words, environment),) = became
    assert path == words[0] == "/built/pyvs-supervise"
    assert Path(words[1]).name == "true"
    assert words[2:] == ["true", "-x"]
    assert "LD_PRELOAD" not in environment


def test_a_shell_is_the_users(
    listening: str, became: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELL", "/bin/sh")
    CliRunner().invoke(shell, ["--socket", listening])
    assert became[-1][1] == ["/bin/sh"]
    monkeypatch.delenv("SHELL")
    CliRunner().invoke(shell, ["--socket", listening])
    assert len(became) == 2
    result = CliRunner().invoke(shell, ["--socket", listening + "-none"])
    assert result.exit_code == 2
    assert result.output.startswith("pyvs shell: no director")


@pytest.mark.parametrize(
    ("kind", "options", "told"), [("static", [], True), ("static", ["--supervise"], False), ("", [], False)]
)
def test_who_needs_supervision_is_told(
    listening: str,
    became: list[tuple[Any, ...]],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    options: list[str],
    told: bool,
) -> None:
    monkeypatch.setattr(module, "past_libc", lambda path: kind)
    result = CliRunner().invoke(exec_, ["--socket", listening, *options, "true"])
    assert result.stderr == (
        "pyvs exec: true is static: the preloaded library does not reach it; to lead it to the director: "
        "pyvs exec --supervise -- true\n"
        if told
        else ""
    )
    assert len(became) == 1


@pytest.mark.parametrize(
    ("words", "incomplete", "offered"),
    [
        (["exec", "--"], "ipvs", [("ipvsadm", "plain"), ("ipvsadm-save", "plain")]),
        (["exec"], "ipvsadm-", [("ipvsadm-save", "plain")]),
        (["exec", "--supervise", "--"], "none", []),
        (["exec", "--"], "./ipvs", [("./ipvs", "file")]),
        (["exec", "--", "ipvsadm-restore"], "ru", [("ru", "file")]),
    ],
)
def test_programs_are_offered(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    incomplete: str,
    offered: list[tuple[str, str]],
) -> None:
    for name, mode in (("ipvsadm", 0o755), ("ipvsadm-save", 0o755), ("ipvsadm.conf", 0o644)):
        (tmp_path / name).touch(mode)
    (tmp_path / "ipvs-folder").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}:{tmp_path / 'missing'}")
    completion = ShellComplete(main, {}, "pyvs", "_PYVS_COMPLETE")
    found = completion.get_completions(words, incomplete)
    assert [(each.value, each.type) for each in found] == offered
