"""`pyvs apply`: all of the difference or nothing, and rule files for `pyvs run`."""

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from pyvs.cli.apply import TRIES, FileRules
from pyvs.cli.rules import RulesError, parse_rules
from pyvs.core.control.specs import ServiceKey
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Proto
from pyvs.core.policy.policy import DEFAULT, Policy

Pyvs = Callable[..., Result]
WEB = ServiceKey(Family.INET, Proto.TCP, bytes((192, 0, 2, 100)), 80)
RULES = """\
-A -t 192.0.2.100:80 -s rr
-a -t 192.0.2.100:80 -r 10.1.0.11:80 -m -w 1
"""
POLICY = "# pyvs: policy -t 192.0.2.100:80 --idle 5m\n"


def weights(engine: Engine) -> list[int]:
    return [view.spec.weight for view in engine.control.get_dests(WEB)]


def test_a_dry_run_shows_what_a_run_makes(pyvs: Pyvs, engine: Engine) -> None:
    shown = "".join(f"+ {line}\n" for line in RULES.splitlines())
    dry = pyvs("apply --dry-run -", RULES)
    assert (dry.exit_code, dry.stdout, dry.stderr) == (0, shown, "2 changes to be made\n")
    assert len(engine.ns.services) == 0
    wet = pyvs("apply -", RULES)
    assert (wet.exit_code, wet.stdout, wet.stderr) == (0, shown, "2 changes made\n")
    assert weights(engine) == [1]
    changed = pyvs("apply -", RULES.replace("-w 1", "-w 7"))
    assert changed.stderr == "1 change made\n"
    assert weights(engine) == [7]


def test_quietly_nothing_is_said(pyvs: Pyvs, engine: Engine) -> None:
    result = pyvs("apply -q -", RULES)
    assert (result.exit_code, result.output) == (0, "")
    assert weights(engine) == [1]


def test_connections_of_what_stays_go_on(pyvs: Pyvs, engine: Engine, call: Callable[[int], None]) -> None:
    pyvs("apply -", RULES)
    call(40000)
    (conn,) = engine.ns.connections
    dest = conn.dest
    assert pyvs("apply -", RULES.replace("-w 1", "-w 3").replace("rr", "wlc") + POLICY).exit_code == 0
    assert list(engine.ns.connections) == [conn]
    assert conn.dest is dest is next(iter(engine.ns.services)).destinations[0]
    assert engine.control.get_policy(WEB) == Policy(300.0)
    assert pyvs("apply -", "").stdout.startswith("- ")
    assert len(engine.ns.services) == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (RULES + "-A -t 192.0.2.100:80 -s nosuch\n", "-:3:"),
        (RULES + "# pyvs: policy -t 192.0.2.100:80 --idle\n", "-:3: --idle lacks its value"),
        (RULES + "hello\n", "-:3: neither a rule"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_changes_nothing(
    pyvs: Pyvs, engine: Engine, text: str, said: str
) -> None:
    pyvs("apply -q -", RULES)
    generation = engine.control.generation()
    result = pyvs("apply -", text.replace("-w 1", "-w 9"))
    assert result.exit_code == 1
    assert result.stderr.startswith("pyvs apply: ")
    assert said in result.stderr
    assert weights(engine) == [1]
    assert engine.control.generation() == generation


def test_a_file_that_can_not_be_read_is_told(pyvs: Pyvs, tmp_path: Path) -> None:
    result = pyvs(f"apply {tmp_path}")
    assert result.exit_code == 1
    assert result.stderr == f"pyvs apply: {tmp_path}: can't be read: Is a directory\n"


def test_it_gives_up_when_someone_else_changes_the_rules_all_the_time(
    pyvs: Pyvs, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("pyvs.cli.apply")
    real, looks = module.read_tables, []

    def reading(*args: object) -> object:
        looks.append(1)
        engine.ns.services.generation += 1
        return real(*args)

    monkeypatch.setattr(module, "read_tables", reading)
    result = pyvs("apply -q -", RULES)
    assert result.exit_code == 1
    assert len(looks) == TRIES
    assert result.stderr.count("changed by someone else meanwhile") == 1  # the last is the refusal
    assert (
        result.stderr.count("the rules were changed meanwhile: the difference is worked out anew\n")
        == TRIES - 1
    )
    assert len(engine.ns.services) == 0


def test_a_policy_goes_when_its_line_does(pyvs: Pyvs, engine: Engine) -> None:
    shown = "# pyvs: policy -t 192.0.2.100:80 --idle 300\n"
    assert pyvs("apply -", RULES + POLICY).stdout.endswith(f"+ {shown}")
    assert pyvs("apply --dry-run -", RULES).output == f"- {shown}1 change to be made\n"
    assert engine.control.get_policy(WEB) == Policy(300.0)
    assert pyvs("apply -", RULES).stdout == f"- {shown}"
    assert engine.control.get_policy(WEB) == DEFAULT
    assert pyvs("apply -", RULES).stdout == ""


NETWORK = "# pyvs: masquerade add 10.1.0.0/24"
PORT = "# pyvs: portfw -a -P tcp -L 192.0.2.100 81 -R 10.1.0.11 80 -p"
AGENT = "# pyvs: masquerade agent 10.1.0.11"


def test_masquerading_comes_changes_and_goes_with_its_lines(pyvs: Pyvs, engine: Engine) -> None:
    def shown(*lines: str) -> list[str]:
        result = pyvs("apply -", RULES + "".join(f"{line}\n" for line in lines))
        assert result.exit_code == 0, result.output
        return result.stdout.splitlines()

    pyvs("apply -q -", RULES)
    assert shown(NETWORK, f"{PORT} 3", f"{AGENT} 9999") == [f"+ {NETWORK}", f"+ {PORT} 3", f"+ {AGENT} 9999"]
    assert engine.control.proc("ip_masq_networks") == (
        "network 10.1.0.0/24 address device\nagent 10.1.0.11:9999 100%\n"
    )
    under = f"{NETWORK} --address 192.0.2.100"
    assert shown(under, f"{PORT} 4", f"{AGENT} 9998") == [
        f"- {NETWORK}",
        f"+ {under}",
        f"~ {PORT} 4",
        f"~ {AGENT} 9998",
    ]
    assert shown(under, f"{PORT} 4") == [f"- {AGENT} 9998"]
    assert " 4" in engine.control.proc("ip_portfw").splitlines()[1][-25:]
    assert shown(under, f"{PORT} 4") == []
    assert shown() == [f"- {under}", f"- {PORT} 4"]
    assert engine.ns.masquerade is None


def test_what_masquerading_refuses_changes_nothing(pyvs: Pyvs, engine: Engine) -> None:
    pyvs("apply -q -", RULES + f"{NETWORK}\n{PORT} 3\n")
    before = pyvs("save").stdout
    changed = RULES.replace("-w 1", "-w 9") + f"{NETWORK} --address 198.51.100.1\n{PORT} 4\n{AGENT} 1\n"
    result = pyvs("apply -", changed)
    assert result.exit_code == 1
    assert result.stderr == "pyvs apply: 198.51.100.1 is not an address of this host; give it one first\n"
    assert pyvs("save").stdout == before


@pytest.mark.parametrize("line", ["-A -t 192.0.2.100:80 -s rr", "# nothing"])
def test_a_start_tells_which_line_is_refused_and_leaves_nothing(engine: Engine, line: str) -> None:
    text = f"{line}\n{NETWORK}\n{AGENT} 9999\n# pyvs: masquerade add 10.2.0.0/24 --address 198.51.100.1\n"
    rules = FileRules(parse_rules(text), text)
    with pytest.raises(RulesError, match=r"^rules:4: 198.51.100.1 is not an address of this host"):
        rules.apply(engine.control, 1.0)
    assert len(engine.ns.services) == 0
    assert engine.ns.masquerade is None
    with pytest.raises(
        RulesError, match=r"^rules: 198.51.100.1 is not an address of .*\n    \+ # pyvs: masq"
    ):
        rules.bring(engine.control, 1.0)
    assert len(engine.ns.services) == 0
    assert engine.ns.masquerade is None


@pytest.mark.parametrize("wrong", ["-t 192.0.2.100:81 --idle 5", "-t 192.0.2.100:80 --idle 0.5"])
def test_a_start_tells_the_line_of_a_policy_that_can_not_be(wrong: str) -> None:
    text = f"{RULES}\n# pyvs: policy {wrong}\n"
    with pytest.raises(RulesError, match=r"^rules:4: .*\n    # pyvs: policy -t"):
        FileRules(parse_rules(text), text)


def test_the_rule_file_of_a_start(engine: Engine) -> None:
    text = RULES + POLICY
    rules = FileRules(parse_rules(text), text)
    rules.apply(engine.control, 1.0)
    assert weights(engine) == [1]
    assert engine.control.get_policy(WEB) == Policy(300.0)
    assert rules.digest == FileRules(parse_rules(text), text).digest
    text = RULES.replace("-w 1", "-w 5")
    changed = FileRules(parse_rules(text), text)
    assert changed.digest != rules.digest
    assert changed.bring(engine.control, 2.0) == 2
    assert weights(engine) == [5]
    assert engine.control.get_policy(WEB) == DEFAULT
    assert changed.bring(engine.control, 3.0) == 0
    wrong = text + "# pyvs: policy hello\n"
    with pytest.raises(RulesError, match="rules:3: hello lacks its value"):
        FileRules(parse_rules(wrong), wrong)
