"""What agents say: the words of the agent check, and anything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.errors import PyvsError
from pyvs.core.masquerade.agent_line import LONGEST, AgentReport, Readiness, parse_line


@pytest.mark.parametrize(
    ("line", "report"),
    [
        (b"75%\n", AgentReport(percent=75)),
        (b"0%\r\n", AgentReport(percent=0)),
        (b"up 50%\n", AgentReport(percent=50, up=True)),
        (b"up,50%\tready\r", AgentReport(percent=50, up=True, readiness=Readiness.READY)),
        (b"DRAIN\n", AgentReport(readiness=Readiness.DRAIN)),
        (b"maint\nup\n", AgentReport(readiness=Readiness.MAINT)),
        (b"down# disk, full\n", AgentReport(up=False, reason="disk, full")),
        (b"stopped\n", AgentReport(up=False)),
        (b"fail\n", AgentReport(up=False)),
        (b"failed\n", AgentReport(up=False)),
        (b"ready # not a state of health\n", AgentReport(readiness=Readiness.READY)),
        (b"maxconn:200 10%\n", AgentReport(percent=10, maxconn=200)),
        (b"50% 60% up down\n", AgentReport(percent=60, up=False)),
        (b"warm 10%\n", AgentReport(percent=10)),
        (b"99999%\n", AgentReport(percent=25_600)),
    ],
)
def test_lines(line: bytes, report: AgentReport) -> None:
    assert parse_line(line) == report


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"75%",
        b"warm\n",
        b"%\n",
        b"-5%\n",
        b"7 5 %\n",
        b"\xd9\xa3%\n",
        b"maxconn:\n",
        b"99999999999999999999%\n",
        b"# up\n",
        b"u" * LONGEST + b"\n",
    ],
)
def test_refused_lines(line: bytes) -> None:
    with pytest.raises(PyvsError, match="the agent's line"):
        parse_line(line)


@pytest.mark.parametrize(
    ("line", "weight"),
    [
        (b"50%\n", 5),
        (b"1%\n", 1),
        (b"0%\n", 0),
        (b"100%\n", 10),
        (b"200%\n", 20),
        (b"up\n", 10),
        (b"ready\n", 10),
        (b"down 80%\n", 0),
        (b"drain\n", 0),
        (b"maint up\n", 0),
        (b"maxconn:7\n", None),
    ],
)
def test_weights(line: bytes, weight: int | None) -> None:
    assert parse_line(line).weight(10) == weight


@given(st.binary(max_size=3000))
def test_anything_is_understood_or_refused(data: bytes) -> None:
    try:
        report = parse_line(data)
    except PyvsError:
        return
    assert report != AgentReport()
    assert report.percent is None or 0 <= report.percent <= 25_600


@given(
    st.lists(st.sampled_from([b"up", b"down", b"5%", b"ready", b"#", b",", b"maxconn:1", b"x"]), min_size=1)
)
def test_words_in_any_order(words: list[bytes]) -> None:
    test_anything_is_understood_or_refused.hypothesis.inner_test(b" ".join(words) + b"\n")  # type: ignore[attr-defined]
