import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from pyvs.cli.main import COMMANDS, main
from pyvs.cli.play import RecordedNames

RECORDINGS = Path(__file__).resolve().parents[2] / "recordings"


def test_results_are_written_beside_each_other(tmp_path: Path) -> None:
    names = ("nat-tcp.json", "nodest.json")
    done = CliRunner().invoke(
        main, ["play", *(str(RECORDINGS / name) for name in names), "-o", str(tmp_path / "out")]
    )
    assert done.exit_code == 0, done.output
    assert "2 of 2 scenarios played" in done.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(names)
    assert json.loads((tmp_path / "out" / "nodest.json").read_text())["scenario"]["name"] == "nodest"


def test_one_that_cannot_be_played_fails_alone(tmp_path: Path) -> None:
    scenario = json.loads((RECORDINGS / "nodest.json").read_text())["scenario"]
    (tmp_path / "good.json").write_text(json.dumps(scenario))
    (tmp_path / "bad.json").write_text(json.dumps({**scenario, "setup": ["frobnicate now"]}))
    (tmp_path / "worse.json").write_text("{")
    files = [str(tmp_path / f"{name}.json") for name in ("bad", "good", "worse", "none")]
    done = CliRunner().invoke(main, ["play", *files, "-o", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert "the command 'frobnicate' is not known here" in done.output
    assert "worse.json" in done.output
    assert "1 of 4 scenarios played" in done.output
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.json"]


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_its_help(name: str) -> None:
    done = CliRunner().invoke(main, [name, "--help"])
    assert done.exit_code == 0, done.output
    assert done.output.startswith("Usage: ")


def test_names_are_those_of_the_recordings() -> None:
    names = RecordedNames()
    assert names.host(bytes([127, 0, 0, 1])) == "localhost"
    assert names.host(bytes([10, 1, 0, 11])) is None
    assert (names.find_host("localhost"), names.find_host("example.org")) == (bytes([127, 0, 0, 1]), None)
    assert [names.port(port, 6) for port in (80, 8080, 64999)] == ["http", "http-alt", None]
    assert (names.find_port("domain", 17), names.find_port("nosuch", 6)) == (53, None)


def test_unknown_command() -> None:
    done = CliRunner().invoke(main, ["frobnicate"])
    assert done.exit_code == 2
    assert "No such command 'frobnicate'" in done.output


def test_who_schedules_is_asked_only_with_the_fast_path(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        main, ["play", "--fast-new", "on", str(RECORDINGS / "nodest.json"), "-o", str(tmp_path)]
    )
    assert done.exit_code == 2
    assert "add --fast tc or --fast xdp" in done.output


def test_no_privilege_no_fast_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    folder = tmp_path / "out"
    done = CliRunner().invoke(
        main, ["play", "--fast", "tc", str(RECORDINGS / "nodest.json"), "-o", str(folder)]
    )
    assert done.exit_code == 1
    assert "pyvs play: playing with the fast path on needs root" in done.output
    assert not folder.exists()


@pytest.mark.root
@pytest.mark.parametrize(("new", "served"), [("on", 8), ("off", 7)])
def test_the_programs_say_what_they_did(new: str, served: int, tmp_path: Path) -> None:
    plain, fast = tmp_path / "plain", tmp_path / "fast"
    file = str(RECORDINGS / "nat-tcp.json")
    CliRunner().invoke(main, ["play", file, "-o", str(plain)])
    namespace = os.readlink("/proc/thread-self/ns/net")
    done = CliRunner().invoke(main, ["play", "--fast", "tc", "--fast-new", new, file, "-o", str(fast)])
    if "needs root" in done.output or "does not take" in done.output:
        pytest.skip(done.output)
    assert done.exit_code == 0, done.output
    assert f"{served} of 8 packets served by the programs" in done.output
    assert os.readlink("/proc/thread-self/ns/net") == namespace
    played = [json.loads((folder / "nat-tcp.json").read_text()) for folder in (plain, fast)]
    assert played[0] == played[1]
