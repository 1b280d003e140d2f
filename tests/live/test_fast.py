"""The fast path of a live director: real HTTP, listings that are one, connections that outlive their daemon."""

import contextlib
import resource
from pathlib import Path

import pytest
from tests.live.fast_clients import NEVER, KeptAlive, fast_account, fast_text, go_to_the_maps, served

from pyvs.core.errors import ControlError
from pyvs.fastpath import links, pins
from pyvs.lab import course, wait
from pyvs.lab.director import Director, program
from pyvs.lab.errors import LabError
from pyvs.lab.howto import PLANS, ipvsadm_lines, topology
from pyvs.lab.lab import Lab
from pyvs.lab.load import Load, Target

pytestmark = [pytest.mark.live, pytest.mark.root]

SERVERS = ("server1", "server2", "server3")
MANY = 2000


def rule_file(folder: Path, method: str, family: int) -> Path:
    file = folder / "rules"
    file.write_text("\n".join(ipvsadm_lines(method, family)) + "\n")
    return file


def load(lab: Lab, family: int, requests: int) -> Load:
    plan = PLANS[family]
    sources = {"client1": plan.clients[0], "client2": plan.clients[1]}
    target = Target(plan.virtual, 80, SERVERS)
    made = Load([lab["client1"], lab["client2"]], sources, target, requests=requests, rate=400)
    made.start()
    made.wait(30)
    return made


@pytest.mark.parametrize(("family", "across"), [(4, "off"), (6, "auto"), (4, "on"), (6, "on")])
def test_http_over_nat_is_served_in_the_kernel_and_counted_once(
    bpffs: Path, family: int, across: str
) -> None:
    with Lab(topology("nat", (family,))) as lab:
        course.start_servers(lab, "nat", (family,))
        with Director(lab, ["--fast", "tc", "--fast-across", across]) as director:
            for line in ipvsadm_lines("nat", family):
                director.adm(line)
            done = load(lab, family, 90)
            assert done.tally.failed == {}
            assert done.tally.answered == dict.fromkeys(SERVERS, 30)
            rows = director.rows({})
            assert [row.active + row.inactive for row in rows] == [30, 30, 30]
            listed = director.adm("-Lnc").splitlines()[2:]
            assert len(listed) == 90
            wait.until(lambda: sum(row.connections for row in director.rows({})) == 90, "not counted")
            assert served(director) > 400
            packets = director.adm("-Ln --stats --exact").splitlines()[-3:]
            assert all(int(line.split()[2]) == 30 for line in packets)
    assert not list(bpffs.glob("pyvs/*/*")), "a clean end leaves nothing pinned"


def test_connections_outlive_ten_directors(lab: Lab, bpffs: Path, tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(2 * MANY, limits[0]), limits[1]))
    options = ["--fast", "tc", "--rules", str(rule_file(tmp_path, "nat", 4))]
    with contextlib.ExitStack() as directors:
        director = directors.enter_context(Director(lab, options))
        alive = directors.enter_context(KeptAlive(lab["client1"], PLANS[4].virtual, 80, MANY))
        go_to_the_maps(director, MANY)
        with alive.asking():
            for _ in range(10):
                director.kill()
                are_answered(alive, 200)
                director.stop()
                director = directors.enter_context(Director(lab, options))
        alive.ask_all()
        assert alive.failed == {}
        rows = director.rows({})
        assert sum(row.active for row in rows) == MANY
        assert len(director.adm("-Lnc").splitlines()[2:]) == MANY
        alive.close()
        wait.until(lambda: sum(row.active for row in director.rows({})) == 0, "they are still active")
    assert not list(bpffs.glob("pyvs/*/*"))


def are_answered(alive: KeptAlive, times: int) -> None:
    """Wait until clients have been answered so many times more."""
    answers = alive.answers + times
    wait.until(lambda: alive.answers >= answers or bool(alive.failed), "nobody answers", 60)
    assert alive.failed == {}


def test_tables_get_another_size_and_connections_go_on(lab: Lab, bpffs: Path, tmp_path: Path) -> None:
    """Each director has other tables than the one that was killed before it, while clients go on asking."""
    rules = rule_file(tmp_path, "nat", 4)
    options = ["--fast", "tc", "--fast-new", "on", "--rules", str(rules), "--fast-connections"]
    with contextlib.ExitStack() as directors:
        director = directors.enter_context(Director(lab, [*options, "4000"]))
        alive = directors.enter_context(KeptAlive(lab["client1"], PLANS[4].virtual, 80, 300))
        go_to_the_maps(director, 300)
        with alive.asking():
            for room in ("9000", "2000", "30000"):
                director.kill()
                director.stop()
                director = directors.enter_context(Director(lab, [*options, room]))
                assert f"tables have room for {room} connections" in director.log_file.read_text()
                are_answered(alive, 600)
        alive.ask_all()
        assert alive.failed == {}
        go_to_the_maps(director, 300)
        assert "of 60000 entries" in fast_text(director)
        alive.close()
        wait.until(lambda: sum(row.active for row in director.rows({})) == 0, "they are still active")
    assert not list(bpffs.glob("pyvs/*/*"))


def test_replies_take_the_way_of_their_virtual_address(lab: Lab, tmp_path: Path) -> None:
    """`ip rule from VIP` sends them by another table; with snat_reroute 0 the engine serves alone."""
    plan = PLANS[4]
    for line in (
        f"route add default via {plan.router_front} table 77",
        f"rule add from {plan.virtual} lookup 77 pref 100",
        f"rule add from {plan.farm} lookup 79 pref 101",
        f"route add {plan.clients_network} via {plan.servers[1]} table 79",
    ):
        lab.run("director", ["ip", *line.split()])
    options = ["--fast", "tc", "--rules", str(rule_file(tmp_path, "nat", 4))]
    with Director(lab, options) as director, KeptAlive(lab["client1"], plan.virtual, 80, 6) as alive:
        alive.ask_all()
        alive.ask_all()
        assert alive.failed == {}
        go_to_the_maps(director, 6)
        director.client.sysctl_write("snat_reroute", "0")
        assert fast_account(director)["state"].startswith("resting")


def test_what_is_kept_goes_on_until_it_is_detached(lab: Lab, bpffs: Path, tmp_path: Path) -> None:
    options = ["--fast", "tc", "--keep-fast", "--rules", str(rule_file(tmp_path, "nat", 4))]
    with contextlib.ExitStack() as clients:
        with Director(lab, options) as director:
            alive = clients.enter_context(KeptAlive(lab["client1"], PLANS[4].virtual, 80, 6))
            alive.ask_all()
            go_to_the_maps(director, 6)
        alive.ask_all()
        assert alive.failed == {}
        with pytest.raises(LabError, match="go on serving its connections"):
            lab.run("director", [program("pyvs"), "fast"])
        with Director(lab, options) as director:
            assert "6 connections of the director before are taken over" in director.log_file.read_text()
            alive.ask_all()
            assert alive.failed == {}
            with pytest.raises(LabError, match="a director runs here"):
                lab.run("director", [program("pyvs"), "detach"])
        assert "off 2 devices" in lab.run("director", [program("pyvs"), "detach"])
        assert not list(bpffs.glob("pyvs/*"))
        for opened in alive.sockets:
            opened.settimeout(NEVER)
        alive.ask_all()
        assert alive.failed.total() == 6


def test_off_takes_away_what_was_kept(lab: Lab, bpffs: Path, tmp_path: Path) -> None:
    rules = ["--rules", str(rule_file(tmp_path, "nat", 4))]
    with Director(lab, ["--fast", "tc", "--fast-new", "on", "--keep-fast", *rules]):
        assert load(lab, 4, 6).tally.failed == {}
    with Director(lab, ["--fast", "off", *rules]) as director:
        assert "left at 2 devices is taken away" in director.log_file.read_text()
        assert not list(bpffs.glob("pyvs/*"))
        assert load(lab, 4, 6).tally.failed == {}
        with pytest.raises(ControlError, match="no file"):
            fast_text(director)


def test_maps_of_another_layout_are_refused_in_a_sentence(lab: Lab, tmp_path: Path) -> None:
    (lab["director"].call(pins.home) / "layout-0-older").mkdir(parents=True)
    with Director(lab, ["--rules", str(rule_file(tmp_path, "nat", 4))]) as director:
        said = director.log_file.read_text()
        assert "the fast path is off, the engine serves alone" in said
        assert "layout-0-older" in said
        assert load(lab, 4, 6).tally.failed == {}


def test_what_was_left_in_a_namespace_that_is_gone_goes_with_the_next_start(
    bpffs: Path, tmp_path: Path
) -> None:
    options = ["--fast", "tc", "--rules", str(rule_file(tmp_path, "nat", 4))]
    with Lab(topology("nat", (4,))) as lab, Director(lab, options) as director:
        director.kill()
    (left,) = bpffs.glob("pyvs/*")
    with Lab(topology("nat", (4,))) as lab:
        wait.until(lambda: all(map(links.is_dead, left.glob("*/links/*"))), "its devices are still there", 60)
        with Director(lab, options):
            assert not left.exists()
    assert not list(bpffs.glob("pyvs/*"))
