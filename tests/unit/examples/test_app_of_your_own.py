import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[3] / "examples" / "app_of_your_own.py"


def test_runs_and_keeps_both_sides_in_step(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    said, read, acked, got = (line.split(None, 2)[2] for line in capsys.readouterr().out.splitlines())
    assert said == r"b'220 m17.rack4.internal ESMTP\r\n'"
    assert read == r"b'220 mail.example.org ESMTP\r\n'"
    assert int(acked) == 5001 + len("220 mail.example.org ESMTP\r\n")
    assert int(got) == 5001 + len("220 m17.rack4.internal ESMTP\r\n")
