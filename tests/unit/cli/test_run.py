"""`pyvs run`: options and refusals; the live tests run it."""

from pathlib import Path
from typing import Any, Self

import pytest
from click.testing import CliRunner

from pyvs.cli import run as module
from pyvs.cli.run import run
from pyvs.core.errors import PyvsError
from pyvs.daemon.director import Options

STATE = Path("/var/lib/theirs")


class FakeDirector:
    """Keeps what it was made and started with."""

    made: list[tuple[Options, str]] = []  # noqa: RUF012
    started: list[Any] = []  # noqa: RUF012
    refusal: str = ""

    def __init__(self, options: Options, log: object, socket_file: str) -> None:
        if self.refusal:
            raise PyvsError(self.refusal)
        FakeDirector.made.append((options, socket_file))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None: ...

    def start(self, rules: object) -> None:
        FakeDirector.started.append(rules)

    def run(self) -> None: ...


@pytest.fixture(autouse=True)
def director(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[FakeDirector]:
    FakeDirector.made.clear()
    FakeDirector.started.clear()
    FakeDirector.refusal = ""
    monkeypatch.setattr(module, "Director", FakeDirector)
    monkeypatch.setattr(module, "DEFAULT_RULES", str(tmp_path / "ipvsadm.rules"))
    monkeypatch.setattr(module, "default_folder", lambda: STATE)
    monkeypatch.setenv("PYVS_SOCKET", "/run/theirs")
    return FakeDirector


def test_without_options(director: type[FakeDirector]) -> None:
    assert CliRunner().invoke(run, []).exit_code == 0
    assert director.made == [(Options(fast="auto", state_dir=STATE), "/run/theirs")]
    assert director.started == [None]


def test_all_options(director: type[FakeDirector], tmp_path: Path) -> None:
    file = tmp_path / "some"
    file.write_text("-A -t 192.0.2.1:80\n")
    done = CliRunner().invoke(
        run,
        ["--rules", str(file), "--no-state", "--fast", "off", "--bypass", "--fail-open", "--socket", "/s",
         "--queue", "9", "--mark", "0x80", "--ftp-ports", "21,2121", "--conn-tab-bits", "15", "--debug"],
    )  # fmt: skip
    assert done.exit_code == 0
    chosen = Options(
        queue=9,
        own_mark=0x80,
        bypass=True,
        fail_open=True,
        ftp_ports=(21, 2121),
        conn_tab_bits=15,
        debug=True,
    )
    assert director.made == [(chosen, "/s")]
    assert len(director.started[0].rules.services) == 1


def test_the_distributions_rules_are_taken_when_there_are_any(
    director: type[FakeDirector], tmp_path: Path
) -> None:
    (tmp_path / "ipvsadm.rules").write_text("-A -t 192.0.2.1:80\n-A -t 192.0.2.1:81\n")
    assert CliRunner().invoke(run, []).exit_code == 0
    assert len(director.started[0].rules.services) == 2


def test_a_mistake_in_the_rules_is_told_before_anything_starts(
    director: type[FakeDirector], tmp_path: Path
) -> None:
    file = tmp_path / "some"
    file.write_text("-A -t 192.0.2.1:80\n-A -t nonsense\n")
    done = CliRunner().invoke(run, ["--rules", str(file)])
    assert done.exit_code == 2
    assert f"{file}:2: " in done.output
    assert director.made == []


def test_what_hinders_is_one_sentence_and_status_2(director: type[FakeDirector]) -> None:
    director.refusal = "another director runs in this network namespace: end it first"
    done = CliRunner().invoke(run, [])
    assert done.exit_code == 2
    assert done.output == "pyvs run: another director runs in this network namespace: end it first\n"


@pytest.mark.parametrize("mark", ["0", "3", "0x100000000", "-1", "bit"])
def test_a_mark_is_one_bit(mark: str) -> None:
    done = CliRunner().invoke(run, [f"--mark={mark}"])
    assert done.exit_code == 2
    assert "expected one bit" in done.output


def test_how_many_connections_the_fast_path_has_room_for(
    director: type[FakeDirector], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "most_connections", lambda: 5000)
    for number in (1024, 5000):
        assert CliRunner().invoke(run, ["--fast-connections", str(number)]).exit_code == 0
        assert director.made.pop()[0].fast_connections == number
    for number in (-1, 0, 1023, 5001):
        done = CliRunner().invoke(run, ["--fast-connections", str(number)])
        assert done.exit_code == 2
        assert done.output == (
            f"pyvs run: --fast-connections {number}: expected 1024 to 5000, for which half of this host's memory "
            "has room\n"
        )
        assert director.made == []


def test_the_ftp_helper_can_be_left_out(director: type[FakeDirector]) -> None:
    assert CliRunner().invoke(run, ["--ftp-ports", "none"]).exit_code == 0
    assert director.made == [(Options(ftp_ports=(), fast="auto", state_dir=STATE), "/run/theirs")]


def test_ftp_ports_are_numbers(director: type[FakeDirector]) -> None:
    done = CliRunner().invoke(run, ["--ftp-ports", "21,ftp"])
    assert done.exit_code == 2
    assert "'ftp' is no port" in done.output
    assert director.made == []


def test_a_folder_for_the_state_must_be_had_if_it_is_named(director: type[FakeDirector]) -> None:
    assert CliRunner().invoke(run, ["--state-dir", "/s"]).exit_code == 0
    assert director.made == [(Options(fast="auto", state_dir=Path("/s"), state_must=True), "/run/theirs")]


def test_a_namespace_without_a_name_keeps_nothing_and_says_so(
    director: type[FakeDirector], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "default_folder", lambda: None)
    done = CliRunner().invoke(run, [])
    assert "rules are not kept: this network namespace has no name; --state-dir" in done.output
    assert director.made == [(Options(fast="auto"), "/run/theirs")]


@pytest.mark.parametrize(
    ("words", "idle"),
    [
        ("--fast off --fast-new on --fast-across off --fast-connections 1024 --keep-fast",
         "with --fast off these options have no effect: --fast-new, --fast-connections, --keep-fast, --fast-across"),
        ("--fast xdp --fast-new on --fast-across on --keep-fast",
         "with --fast xdp these options have no effect: --fast-across"),
        ("--fast tc --fast-new on --fast-across on --keep-fast", ""),
        ("--fast off", ""),
    ],
)  # fmt: skip
def test_options_without_effect_are_named(director: type[FakeDirector], words: str, idle: str) -> None:
    done = CliRunner().invoke(run, words.split())
    assert done.exit_code == 0
    assert len(director.made) == 1
    assert (f"{idle}\n" in done.output) if idle else ("no effect" not in done.output)
