import io
import re
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from pyvs.cli import demo
from pyvs.lab import course
from pyvs.lab.course import Outcome, Result, Round, Sample, Settings
from pyvs.lab.director import ServerRow
from pyvs.lab.load import Tally

ROUND = Round("dr", 6)
TALLY = Tally(Counter(server1=2, server2=1), Counter(), [0.001, 0.002, 0.003])
SAMPLE = Sample(
    ROUND,
    4,
    TALLY,
    [
        ServerRow("server1", "2001:db8::a0a0", 1, 11, 22, 33, 44, 55),
        ServerRow("server2", "2001:db8::a0a1", 1, 0, 1, 1, 0, 0),
    ],
    {"server1": 44.4},
)


def text_of(*, terminal: bool) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=120, force_terminal=terminal, _environ={}), file


def play(settings: Settings, watcher: course.Watcher) -> Outcome:
    watcher.lab_is_up("dr")
    watcher.service_is_up(ROUND, ["-A -t [2001:db8::80]:80 -s rr"])
    watcher.look(SAMPLE)
    result = Result(ROUND, 4, Tally(Counter(server1=2, server2=2), Counter(), [0.002]), 4)
    watcher.round_is_over(result)
    return Outcome([result])


@pytest.fixture(autouse=True)
def _played(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "run", play)


def test_plain_lines_tell_the_whole_story() -> None:
    console, file = text_of(terminal=False)
    assert demo.show(Settings(), console=console) == 0
    lines = file.getvalue().splitlines()
    assert lines[:-1] == [
        "Direct routing: three clients, a router, the director and three real servers are up",
        "  ipvsadm -A -t [2001:db8::80]:80 -s rr",
        (
            "  3 of 4 requests, 0 failed; server1 11 active, 22 inactive, 44 pages/s; "
            "server2 0 active, 1 inactive, 0 pages/s"
        ),
        "Direct routing, IPv6: 4 requests, 0 failed; server1 2 (50.0 %), server2 2 (50.0 %); median 2.0 ms",
    ]
    assert lines[-1].startswith("4 requests, 0 failures; server1 2 (50.0 %), server2 2 (50.0 %); ")


def test_a_terminal_gets_the_table_and_no_escape_is_left_open() -> None:
    console, file = text_of(terminal=True)
    assert demo.show(Settings(), console=console) == 0
    text = file.getvalue()
    for words in ("Direct routing, IPv6: TCP [2001:db8::80]:80", "2001:db8::a0a0", "pages/s", "66.7 %"):
        assert words in text
    assert re.search(r"server1 +2001:db8::a0a0 +1 +11 +22 +2 +44 +66\.7 %", text), (
        "each figure is in its column"
    )
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l"), "the cursor is back"


def test_plain_can_be_asked_for_on_a_terminal() -> None:
    console, file = text_of(terminal=True)
    demo.show(Settings(), console=console, plain=True)
    assert "real server " not in file.getvalue()


def test_the_status_is_1_when_a_request_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = Result(ROUND, 4, Tally(Counter(server1=3), Counter({"no answer in time": 1})), 4)
    monkeypatch.setattr(course, "run", lambda *_: Outcome([bad]))
    console, file = text_of(terminal=False)
    assert demo.show(Settings(), console=console) == 1
    assert "1 failure (1 no answer in time); server1 3 (100.0 %)" in file.getvalue()


def test_connections_that_the_director_does_not_know_are_told() -> None:
    line = demo.result_line(Result(ROUND, 4, Tally(Counter(server1=4)), 1))
    assert line.endswith("; the director knows of 1 connection only")


def test_nobody_served_is_said() -> None:
    assert demo.shares(Tally()) == "nobody served"


def test_the_picture_is_svg_without_anything_from_elsewhere(tmp_path: Path) -> None:
    console, _ = text_of(terminal=True)
    picture = tmp_path / "demo.svg"
    demo.show(Settings(), console=console, picture=picture)
    svg = picture.read_text()
    assert svg.startswith("<svg")
    assert "server2" in svg
    assert "@font-face" not in svg
