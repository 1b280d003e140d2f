"""What survives: rules after kill -9, connections after a clean restart; and HTTP while rules are applied."""

import http.client
import signal
import threading
from collections import Counter
from pathlib import Path

import pytest

from pyvs.lab import course
from pyvs.lab.director import Director, program
from pyvs.lab.errors import LabError
from pyvs.lab.howto import PLANS, topology
from pyvs.lab.lab import Lab

pytestmark = [pytest.mark.live, pytest.mark.root]

VIRTUAL, SERVERS = PLANS[4].virtual, PLANS[4].servers
RULES = f"-A -t {VIRTUAL}:80 -s rr\n" + "".join(
    f"-a -t {VIRTUAL}:80 -r {each}:80 -m -w 1\n" for each in SERVERS
)


def pyvs(director: Director, *words: str, given: str | None = None) -> str:
    return director.lab["director"].run(
        [program("pyvs"), *words], environment=director.environment, given=given
    )


def page(connection: http.client.HTTPConnection) -> str:
    connection.request("GET", "/")
    text = connection.getresponse().read().decode()
    return text.partition("<title>")[2].partition("</title>")[0]


def ask(port: int = 80) -> str:
    connection = http.client.HTTPConnection(VIRTUAL, port, timeout=15)
    try:
        return page(connection)
    finally:
        connection.close()


def test_rules_are_back_after_kill_9(tmp_path: Path) -> None:
    options = ("--state-dir", str(tmp_path / "state"))
    with Lab(topology("nat")) as lab:
        course.start_servers(lab, "nat", (4,))
        with Director(lab, options) as director:
            director.adm(f"-A -t {VIRTUAL}:80 -s rr")
            director.adm(f"-a -t {VIRTUAL}:80 -r {SERVERS[0]}:80 -m -w 7")
            director.adm(f"-A -u {VIRTUAL}:53 -s sh -p 90")
            director.adm("-A -f 5 -s wlc -o")
            director.adm("--set 800 90 200")
            pyvs(director, "policy", "-t", f"{VIRTUAL}:80", "--idle", "10m")
            pyvs(director, "masquerade", "add", "10.99.0.0/24")
            before = [director.adm("-S -n"), director.adm("-L --timeout"), pyvs(director, "policy")]
            assert director.process is not None
            director.process.send_signal(signal.SIGKILL)
            director.process.wait(10)
        with Director(lab, options) as director:
            assert [director.adm("-S -n"), director.adm("-L --timeout"), pyvs(director, "policy")] == before
            assert "10.99.0.0/24" in pyvs(director, "masquerade", "list")
            assert lab["client1"].call(ask) == "server1"


def test_a_keep_alive_connection_goes_on_after_a_clean_restart(tmp_path: Path) -> None:
    options = ("--state-dir", str(tmp_path / "state"))
    with Lab(topology("nat")) as lab:
        course.start_servers(lab, "nat", (4,))
        connection = http.client.HTTPConnection(VIRTUAL, 80, timeout=30)
        with Director(lab, options) as director:
            pyvs(director, "apply", "-", given=RULES)
            first = lab["client1"].call(lambda: page(connection))
            local = connection.sock.getsockname()
        with Director(lab, options) as director:
            assert "1 connection goes on" in director.log_file.read_text()
            assert lab["client1"].call(lambda: page(connection)) == first
            assert connection.sock.getsockname() == local
            assert (
                director.rows({})[0].active + director.rows({})[1].active + director.rows({})[2].active == 1
            )
        connection.close()


def test_http_goes_on_while_rules_are_applied(tmp_path: Path) -> None:
    with Lab(topology("nat")) as lab:
        course.start_servers(lab, "nat", (4,))
        with Director(lab) as director:
            shown = pyvs(director, "apply", "-", given=RULES)
            assert shown == "".join(f"+ {line}\n" for line in RULES.splitlines())
            kept = http.client.HTTPConnection(VIRTUAL, 80, timeout=30)
            first = lab["client1"].call(lambda: page(kept))
            seen: Counter[str] = Counter()
            stop = threading.Event()

            def load() -> None:
                while not stop.is_set():
                    try:
                        seen[ask()] += 1
                    except OSError as error:
                        seen[repr(error)] += 1

            client = threading.Thread(target=lambda: lab["client1"].call(load))
            client.start()
            try:
                for weight in (2, 3, 4):
                    changed = RULES.replace(f"{SERVERS[0]}:80 -m -w 1", f"{SERVERS[0]}:80 -m -w {weight}")
                    changed += f"-A -t {VIRTUAL}:81 -s wlc\n" if weight == 3 else ""
                    dry = pyvs(director, "apply", "-", "--dry-run", given=changed)
                    assert f"~ -a -t {VIRTUAL}:80 -r {SERVERS[0]}:80 -m -w {weight}\n" in dry
                    assert pyvs(director, "apply", "-", given=changed) == dry
                    assert director.adm("-S -n") == changed
                assert lab["client1"].call(lambda: page(kept)) == first
            finally:
                stop.set()
                client.join(60)
            kept.close()
            assert set(seen) == {"server1", "server2", "server3"}


def test_a_file_with_a_mistake_changes_nothing() -> None:
    with Lab(topology("nat")) as lab, Director(lab) as director:
        pyvs(director, "apply", "-", given=RULES)
        before = director.adm("-S -n")
        done = lab["director"].popen(
            [program("pyvs"), "apply", "-"], environment=director.environment, stdin=-1, stderr=-1
        )
        _, err = done.communicate(RULES + f"-a -t {VIRTUAL}:80 -r 10.0.0.1:99999 -m\n", 60)
        assert done.returncode == 1
        assert "-:5: " in err
        assert director.adm("-S -n") == before


def test_what_ipvsadm_can_not_say_is_applied_saved_and_kept(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    options = ("--state-dir", str(tmp_path / "state"), "--rules", str(rules))
    marked = (
        f"# pyvs: policy -t {VIRTUAL}:80 --idle 600 --at-expiry rst\n"
        "# pyvs: masquerade add 10.99.0.0/24\n"
        f"# pyvs: portfw -a -P tcp -L {VIRTUAL} 81 -R {SERVERS[0]} 80 -p 2\n"
    )
    rules.write_text(RULES)
    with Lab(topology("nat")) as lab:
        course.start_servers(lab, "nat", (4,))
        with Director(lab, options) as director:
            assert pyvs(director, "save") == RULES
            pyvs(director, "apply", "-", given=RULES + marked)
            saved = pyvs(director, "save")
            assert sorted(saved.splitlines()) == sorted((RULES + marked).splitlines())
            assert lab["client1"].call(ask) in ("server1", "server2", "server3")
            assert lab["client1"].call(lambda: ask(81)) == "server1"
            assert director.process is not None
            director.process.send_signal(signal.SIGKILL)
            director.process.wait(10)
        with Director(lab, options) as director:
            assert pyvs(director, "save") == saved
        rules.write_text(RULES + marked.partition("\n")[0] + "\n")
        with Director(lab, options) as director:
            assert "the rule file has changed: 2 changes" in director.log_file.read_text()
            assert sorted(pyvs(director, "save").splitlines()) == sorted(rules.read_text().splitlines())
        rules.write_text(RULES + "# pyvs: policy -t 192.0.2.77:80 --idle 5\n")
        with pytest.raises(LabError, match=r"rules:5: it has a policy of service TCP 192.0.2.77:80"):
            Director(lab, options).__enter__()
