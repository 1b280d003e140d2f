"""One line an event."""

import io

from pyvs.daemon.log import QUIET_SECONDS, REMEMBERED, Log


class Clock:
    """Time that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def lines(stream: io.StringIO) -> list[str]:
    return [line.split(" ", 2)[2] for line in stream.getvalue().splitlines()]


def test_an_event_is_a_line_with_its_time_and_level() -> None:
    stream = io.StringIO()
    Log(stream, clock=Clock()).warning("two\nlines")
    date, time, rest = stream.getvalue().split(" ", 2)
    assert (len(date), len(time)) == (10, 8)
    assert rest == "warning two lines\n"


def test_debug_only_when_asked_for() -> None:
    quiet, loud = io.StringIO(), io.StringIO()
    Log(quiet).line("debug", "detail")
    Log(loud, debug=True).line("debug", "detail")
    assert quiet.getvalue() == ""
    assert "detail" in loud.getvalue()


def test_what_repeats_itself_is_counted() -> None:
    clock, stream = Clock(), io.StringIO()
    log = Log(stream, clock=clock)
    for _ in range(5):
        log.error("again")
    log.error("other")
    clock.now += QUIET_SECONDS
    log.error("again")
    log.error("again")
    assert lines(stream) == ["error   again", "error   other", "error   again (4 times more since)"]


def test_it_remembers_no_more_lines_than_is_bounded() -> None:
    clock = Clock()
    log = Log(io.StringIO(), clock=clock)
    for number in range(REMEMBERED * 3):
        log.info(f"event {number}")
        assert len(log._seen) <= REMEMBERED


def test_a_reader_that_went_away_is_no_reason_to_stop() -> None:
    stream = io.StringIO()
    stream.close()
    Log(stream).info("to nobody")
