import json
from pathlib import Path
from typing import Any

import pytest

from pyvs.play.scenario import ScenarioError, parse, read


def test_a_recording_is_read_as_its_scenario(bare: dict[str, Any]) -> None:
    bare["steps"] = [{"iface": "eth0", "frame": "00ff"}, {"cmd": "true", "t": 2}, {"snap": "end"}]
    scenario = parse({"scenario": bare, "log": []})
    assert scenario == parse(bare)
    assert scenario.raw is bare
    assert [step.t for step in scenario.steps] == [0, 2, 0]
    assert scenario.steps[0].frame == b"\0\xff"
    assert (scenario.settle, scenario.linger) == (0.02, 0.02)
    assert scenario.interfaces["eth0"].mtu == 1500


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"steps": [{"iface": "eth9", "frame": "00"}]}, "step 0: there is no interface 'eth9'"),
        ({"steps": [{"snap": "a"}, {"iface": "eth0", "frame": "0g"}]}, "step 1: frame is not hexadecimal"),
        ({"steps": [{"iface": "eth0", "frame": 7}]}, "step 0: frame is not hexadecimal"),
        ({"steps": [{"do": 1}]}, "step 0: expected frame, cmd or snap, not do"),
        ({"steps": [{}]}, "not nothing"),
        ({"steps": [{"cmd": "true", "t": -1}]}, "step 0: t: expected seconds"),
        ({"steps": {}}, "steps: expected a list, not dict"),
        ({"setup": [1]}, "setup: expected a text, not int"),
        ({"interfaces": {"eth0": {}}}, "interface eth0: mac: expected a text"),
        ({"interfaces": {"eth0": {"mac": "x", "mtu": 9}}}, "mtu 9 is not between"),
        ({"linger": "x"}, "linger: expected seconds"),
    ],
)
def test_mistakes_are_located(bare: dict[str, Any], change: dict[str, Any], what: str) -> None:
    with pytest.raises(ScenarioError, match=what):
        parse({**bare, **change})


def test_files(tmp_path: Path, bare: dict[str, Any]) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(bare))
    assert read(path).name == "bare"
    for text in ("{", "[]", "7"):
        path.write_text(text)
        with pytest.raises(ScenarioError, match=r"x\.json: "):
            read(path)
    with pytest.raises(ScenarioError, match="No such file"):
        read(tmp_path / "none.json")
