from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pyvs.cli import lab
from pyvs.lab import contrast, needs, sandbox
from pyvs.lab.contrast import Cost
from pyvs.lab.course import Settings
from pyvs.lab.errors import LabError


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Settings, dict[str, Any]]]:
    calls: list[tuple[Settings, dict[str, Any]]] = []

    def show(settings: Settings, **rest: object) -> int:
        calls.append((settings, rest))
        return 0

    monkeypatch.setattr(lab, "show", show)
    monkeypatch.setattr(contrast, "run", lambda: iter(()))
    monkeypatch.setattr(sandbox, "run", lambda work: work())
    monkeypatch.setattr(needs, "check_programs", lambda: None)
    monkeypatch.setattr(needs, "families", lambda wanted, default: tuple(wanted or default))
    return calls


def test_all_rounds_are_the_default(shown: list[tuple[Settings, dict[str, Any]]]) -> None:
    assert CliRunner().invoke(lab.lab, ["demo"]).exit_code == 0
    assert shown == [(Settings(), {"plain": False, "picture": None})]


@pytest.mark.parametrize(("failed", "status"), [(0, 0), (1, 1)])
def test_a_whole_demo_ends_with_the_fast_path_beside_the_engine(
    shown: list[tuple[Settings, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch, failed: int, status: int
) -> None:
    rows = [
        Cost("by the engine alone", 9, 0, 0.8, 2.5),
        Cost("with the fast path", 9 - failed, failed, 0.2, 1.5),
    ]
    monkeypatch.setattr(contrast, "run", lambda: iter([*rows, "the fast path is off: no clang"]))
    done = CliRunner().invoke(lab.lab, ["demo"])
    assert done.exit_code == status
    assert done.output.splitlines()[1:] == [
        "  by the engine alone:  9 requests, 0 failed; 0.80 ms of the director's time each; median 2.5 ms",
        (
            f"  with the fast path:   {9 - failed} requests, {failed} failed; 0.20 ms of the director's time each; "
            "median 1.5 ms"
        ),
        "  the fast path is off: no clang",
    ]
    assert CliRunner().invoke(lab.lab, ["demo", "--method", "dr"]).output == ""


def test_options_pick_rounds_and_load(shown: list[tuple[Settings, dict[str, Any]]]) -> None:
    words = ["--method", "dr", "--family", "6", "--requests", "7", "--rate", "2.5", "--scheduler", "wlc"]
    words += ["--plain", "--picture", "a.svg"]
    assert CliRunner().invoke(lab.lab, ["demo", *words]).exit_code == 0
    settings = Settings(("dr",), (6,), 7, 2.5, "wlc")
    assert shown == [(settings, {"plain": True, "picture": Path("a.svg")})]


@pytest.mark.parametrize(
    "words", [["--method", "gre"], ["--family", "5"], ["--requests", "0"], ["--rate", "0"]]
)
def test_what_is_not_known_is_refused(words: list[str], shown: list[tuple[Settings, dict[str, Any]]]) -> None:
    result = CliRunner().invoke(lab.lab, ["demo", *words])
    assert result.exit_code == 2
    assert shown == []


def test_a_system_that_forbids_it_gets_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def forbid(_: object) -> int:
        raise LabError("AppArmor forbids it.")

    monkeypatch.setattr(sandbox, "run", forbid)
    monkeypatch.setattr(needs, "check_programs", lambda: None)
    assert lab.in_sandbox(lambda: 0) == 1
    assert capsys.readouterr().err == "pyvs lab: AppArmor forbids it.\n"


def test_a_demo_that_is_interrupted_says_so(
    monkeypatch: pytest.MonkeyPatch, shown: list[tuple[Settings, dict[str, Any]]]
) -> None:
    monkeypatch.setattr(sandbox, "run", lambda _: 130)
    result = CliRunner().invoke(lab.lab, ["demo"])
    assert result.exit_code == 130
    assert result.output == "pyvs lab: ended by SIGINT; the lab is taken down.\n"
    assert shown == []
