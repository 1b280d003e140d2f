import re
import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[3] / "examples" / "scheduler_of_your_own.py"


def test_runs_and_gives_each_server_its_share(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    clients = [int(n) for n in re.findall(r"(\d+) clients", capsys.readouterr().out)]
    assert sum(clients) == 10_000
    for got, weight in zip(clients, [1, 2, 7], strict=True):
        assert abs(got - 1000 * weight) < 300
