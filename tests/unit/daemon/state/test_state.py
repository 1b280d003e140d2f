"""A director's state over its lives: rules after each change, connections after a clean end."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from pyvs.cli.apply import FileRules
from pyvs.cli.rules import parse_rules
from pyvs.core.apps.ftp import Ftp
from pyvs.core.connections.connection import Sequence
from pyvs.core.control.native_specs import AddDest, AddService, DrainKey
from pyvs.core.control.specs import DaemonSpec, DestKey, DestSpec, ServiceKey, ServiceSpec, Timeouts
from pyvs.core.engine import Engine
from pyvs.core.errors import ControlError, PyvsError
from pyvs.core.flags import Family, Forward, Hook, Proto, ServiceFlag, SyncState
from pyvs.core.masquerade.requests import NetworkRequest
from pyvs.core.packet.packet import Packet
from pyvs.core.persistence import ENGINES
from pyvs.core.policy.policy import DEFAULT, AtExpiry, Policy
from pyvs.daemon.state.control import KeptControl
from pyvs.daemon.state.folder import Lock, default_folder
from pyvs.daemon.state.state import State, opened
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import tcp, udp

VIP, SERVERS = bytes((192, 0, 2, 100)), (bytes((10, 1, 0, 11)), bytes((10, 1, 0, 12)))
WEB = ServiceKey(Family.INET, Proto.TCP, VIP, 80)
DNS = ServiceKey(Family.INET, Proto.UDP, VIP, 53)
MARK = ServiceKey(Family.INET6, Proto.TCP, bytes(16), 0, 5)


class Log:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, text: str) -> None:
        self.lines.append(text)

    def warning(self, text: str) -> None:
        self.lines.append(f"warning: {text}")


class Life:
    """A director without packets of its own, from a start to an end."""

    def __init__(
        self, folder: Path, *, wall: float = 1e9, rules: str | None = None, device: str = "eth1"
    ) -> None:
        self.log, self.now, self.wall = Log(), 5.0, wall
        self.engine = Engine(FixedEnvironment([VIP], {device: 1500}), apps=(Ftp(),), now=5.0)
        self.state = State(folder, self.log, lambda: self.now, lambda: self.wall)
        self.control = KeptControl(self.engine.ns, lambda what, chains: None, wall=lambda: self.wall)
        self.engine.control = self.control
        file = None if rules is None else FileRules(parse_rules(rules), rules)
        try:
            self.state.begin(self.engine, self.control, file)
        except BaseException:
            self.state.close()
            raise

    def rules(self) -> object:
        return list(self.control.each_rule()), self.control.get_config(), self.control.get_daemons()

    def call(self, client: str, port: int, flags: int = 2) -> None:
        wire = tcp(client, "192.0.2.100", port, 80, flags)
        self.engine.receive(Packet(wire, iif="eth0"), Hook.LOCAL_IN, self.now)

    def connections(self) -> object:
        ns = self.engine.ns
        return sorted(
            (c.protocol, c.caddr, c.cport, c.vaddr, c.vport, c.daddr, c.dport, c.flags, c.state, c.timeout, c.fwmark,
             c.in_pkts, round(c.expires - ns.now, 6), c.dest is not None and c.dest.addr,
             c.control is not None and c.control.in_key, c.n_control, c.pe_data,
             None if c.in_seq is None else (c.in_seq.init_seq, c.in_seq.delta))
            for c in ns.connections
        )  # fmt: skip

    def counts(self) -> object:
        return [
            (each.activeconns, each.inactconns, each.persistconns, each.refcnt)
            for service in self.engine.ns.services
            for each in service.destinations
        ]


def fill(control: KeptControl) -> None:
    control.new_service(ServiceSpec(WEB, "wlc", ServiceFlag.PERSISTENT, timeout=90), 5.0)
    for weight, server in enumerate(SERVERS, 3):
        control.new_dest(
            WEB, DestSpec(DestKey(server, 80), weight=weight, u_threshold=50, l_threshold=20), 5.0
        )
    control.set_dest(
        WEB, DestSpec(DestKey(SERVERS[0], 80), Forward.TUNNEL, 9, tun_type=1, tun_port=5555), 5.0
    )
    control.new_service(ServiceSpec(DNS, "rr", ServiceFlag.ONEPACKET), 5.0)
    control.set_service(ServiceSpec(DNS, "sh", 0, flags_mask=ServiceFlag.ONEPACKET), 5.0)
    control.new_service(ServiceSpec(MARK, "mh", netmask=64), 5.0)
    control.new_service(ServiceSpec(ServiceKey(Family.INET, Proto.SCTP, VIP, 9), "rr"), 5.0)
    control.del_service(ServiceKey(Family.INET, Proto.SCTP, VIP, 9), 5.0)
    control.set_policy(WEB, Policy(600.0, AtExpiry.RST), 5.0)
    control.set_config(Timeouts(udp=77), 5.0)
    control.sysctl_write("conn_reuse_mode", "0", 5.0)
    control.new_daemon(DaemonSpec(SyncState.BACKUP, "eth1", 7), 5.0)
    control.masquerade(NetworkRequest(True, bytes((10, 9, 0, 0)), 16), 5.0)


def test_all_rules_are_back_after_a_crash(tmp_path: Path) -> None:
    life = Life(tmp_path)
    fill(life.control)
    rules = life.rules()
    life.state._lock.close()  # the end of a process that is killed: nothing else happens
    again = Life(tmp_path)
    assert again.rules() == rules
    assert again.control.sysctl_read("conn_reuse_mode") == "0"
    assert "10.9.0.0/16" in again.control.proc("ip_masq_networks")
    assert not [line for line in again.log.lines if line.startswith("warning")]
    again.control.flush(6.0)
    again.control.masquerade(NetworkRequest(False, bytes((10, 9, 0, 0)), 16), 6.0)
    again.state.close()
    third = Life(tmp_path)
    assert list(third.control.each_rule()) == []
    assert third.engine.ns.masquerade is None
    third.state.close()
    life.state._journal.close()


def test_what_is_refused_changes_no_journal(tmp_path: Path) -> None:
    life = Life(tmp_path)
    fill(life.control)
    before = (tmp_path / "journal").read_bytes()
    for bad in (
        lambda: life.control.new_service(ServiceSpec(WEB), 6.0),
        lambda: life.control.del_dest(WEB, DestKey(VIP, 9), 6.0),
        lambda: life.control.drain(DrainKey(VIP), None, 6.0),
        lambda: life.control.sysctl_write("nosuch", "1", 6.0),
    ):
        with pytest.raises(ControlError):
            bad()
    assert (tmp_path / "journal").read_bytes() == before
    life.state.close()


def test_changes_in_one_step_are_one_line(tmp_path: Path) -> None:
    life = Life(tmp_path)
    lines = (tmp_path / "journal").read_bytes().count(b"\n")
    life.control.apply(
        [AddService(ServiceSpec(WEB, "rr")), AddDest(WEB, DestSpec(DestKey(SERVERS[0], 80)))], None, 6.0
    )
    assert (tmp_path / "journal").read_bytes().count(b"\n") == lines + 1
    rules = life.rules()
    life.state.close()
    again = Life(tmp_path)
    assert again.rules() == rules
    again.state.close()


def test_draining_goes_on_and_its_deadline_is_of_the_clock_on_the_wall(tmp_path: Path) -> None:
    life = Life(tmp_path)
    fill(life.control)
    life.control.drain(DrainKey(SERVERS[1]), 100.0, 5.0)
    life.control.set_dest(WEB, DestSpec(DestKey(SERVERS[1], 80), weight=8), 5.0)
    life.state.close()
    again = Life(tmp_path, wall=1e9 + 40)
    (view,) = again.control.get_drains(again.now)
    assert (view.weight, view.left) == (8, 60.0)
    assert [each.spec.weight for each in again.control.get_dests(WEB)] == [0, 9]
    again.state.close()
    late = Life(tmp_path, wall=1e9 + 500)
    assert late.control.get_drains(late.now)[0].left == 0.0
    late.control.cancel_drain(DrainKey(SERVERS[1]), 6.0)
    late.state.close()
    last = Life(tmp_path)
    assert last.control.get_drains(5.0) == []
    last.state.close()


def test_a_rule_file_counts_where_nothing_was_kept_and_when_it_has_changed(tmp_path: Path) -> None:
    text = "-A -t 192.0.2.100:80 -s rr\n-a -t 192.0.2.100:80 -r 10.1.0.11:80 -m\n"
    life = Life(tmp_path, rules=text + "# pyvs: policy -t 192.0.2.100:80 --idle 5m\n")
    assert life.control.get_policy(WEB) == Policy(300.0)
    life.control.del_dest(WEB, DestKey(SERVERS[0], 80), 6.0)
    rules = life.rules()
    life.state.close()
    again = Life(tmp_path, rules=text + "# pyvs: policy -t 192.0.2.100:80 --idle 5m\n")
    assert again.rules() == rules
    again.state.close()
    third = Life(tmp_path, rules=text.replace("rr", "wlc"))
    assert [(spec.scheduler, len(servers)) for spec, servers, _ in third.control.each_rule()] == [("wlc", 1)]
    assert third.control.get_policy(WEB) == DEFAULT
    assert "the rule file has changed: 3 changes" in third.log.lines
    third.state.close()
    fourth = Life(tmp_path)
    assert fourth.control.get_policy(WEB) == DEFAULT
    fourth.state.close()


def test_a_kept_rule_that_is_refused_stays_for_the_next_start(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.control.new_daemon(DaemonSpec(SyncState.MASTER, "eth1"), 5.0)
    life.state.close()
    journal = (tmp_path / "journal").read_text()
    assert '"eth1"' in journal
    again = Life(tmp_path, device="eth7")  # the other has not come up yet
    assert again.control.get_daemons() == []
    assert any("kept rule refused" in line for line in again.log.lines)
    again.state.close()
    third = Life(tmp_path)
    assert third.control.get_daemons()
    third.state.close()


# ---- connections -----------------------------------------------------------


def test_connections_are_taken_up_again_after_a_clean_end(tmp_path: Path) -> None:
    life = Life(tmp_path)
    fill(life.control)
    life.control.new_dest(DNS, DestSpec(DestKey(SERVERS[0], 53)), 5.0)
    for port in (1000, 1001):
        life.call("198.51.100.7", port)
        life.call("198.51.100.7", port, 0x10)
    life.call("198.51.100.8", 1000)
    life.engine.receive(Packet(udp("198.51.100.9", "192.0.2.100", 7, 53), iif="eth0"), Hook.LOCAL_IN, 5.0)
    conn = next(each for each in life.engine.ns.connections if each.cport == 1000)
    conn.in_seq = Sequence(5, -3, 0xFFFFFFFF)
    template = next(each for each in life.engine.ns.connections if each.template)
    life.engine.ns.connections.remove(template)
    template.pe, template.pe_data = ENGINES["sip"], b"a call"
    life.engine.ns.connections.insert(template)
    before, counts = life.connections(), life.counts()
    life.state.save_connections(life.engine, views=True)
    life.state.close()
    again = Life(tmp_path)
    assert again.connections() == before
    assert again.counts() == counts
    assert f"{len(list(again.engine.ns.connections))} connections go on" in again.log.lines
    assert not (tmp_path / "connections").exists()  # a crash would bring back what is no longer true
    again.now = 6.0
    again.call("198.51.100.7", 1001, 0x10)
    assert len(list(again.engine.ns.connections)) == len(list(life.engine.ns.connections))
    again.engine.handle_timeouts(5000.0)
    again.engine.handle_timeouts(9000.0)
    assert again.engine.ns.connections.count == 0
    again.state.close()


def test_time_goes_on_while_no_director_runs(tmp_path: Path) -> None:
    life = Life(tmp_path)
    fill(life.control)
    life.call("198.51.100.7", 1000)  # SYN_RECV: 60 s
    life.call("198.51.100.8", 1001)
    life.call("198.51.100.8", 1001, 0x10)
    life.state.save_connections(life.engine, views=True)
    life.state.close()
    again = Life(tmp_path, wall=1e9 + 61)
    assert {conn.cport for conn in again.engine.ns.connections if not conn.template} == {1001}
    again.state.close()


def test_connections_of_a_removed_server_are_not_kept(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.control.new_service(ServiceSpec(WEB, "rr"), 5.0)
    life.control.new_dest(WEB, DestSpec(DestKey(SERVERS[0], 80)), 5.0)
    life.call("198.51.100.7", 1000)
    life.control.del_dest(WEB, DestKey(SERVERS[0], 80), 5.0)
    life.state.save_connections(life.engine, views=True)
    life.state.close()
    again = Life(tmp_path)
    assert not list(again.engine.ns.connections)
    again.state.close()


@pytest.mark.parametrize("where", ["cut", "flip", "magic", "empty"])
def test_a_damaged_file_of_connections_is_told_and_left(tmp_path: Path, where: str) -> None:
    life = Life(tmp_path)
    fill(life.control)
    for port in range(20):
        life.call("198.51.100.7", 1000 + port)
    life.state.save_connections(life.engine, views=True)
    life.state.close()
    file = tmp_path / "connections"
    data = file.read_bytes()
    file.write_bytes(
        {"cut": data[:-5], "flip": data[:200] + bytes((data[200] ^ 1,)) + data[201:], "magic": b"x" + data[1:],
         "empty": b""}[where]
    )  # fmt: skip
    again = Life(tmp_path)
    assert not list(again.engine.ns.connections)
    assert any("the connections in it begin anew; the file is kept as" in line for line in again.log.lines)
    again.state.close()


# ---- the folder ------------------------------------------------------------


def test_a_folder_has_one_director(tmp_path: Path) -> None:
    life = Life(tmp_path)
    with pytest.raises(PyvsError, match=r"another director keeps its state in .*--state-dir"):
        Lock(tmp_path)
    life.state.close()
    Lock(tmp_path).close()


def test_a_folder_that_can_not_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    log = Log()
    assert opened(tmp_path / "file" / "state", log, lambda: 0.0, must=False) is None
    assert "--no-state" in log.lines[0]
    with pytest.raises(PyvsError, match="--no-state"):
        opened(tmp_path / "file" / "state", log, lambda: 0.0, must=True)


def test_where_state_is_kept_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    for name, inode in (("self", "a"), ("1", "a"), ("named", "b")):
        (tmp_path / name / "ns").mkdir(parents=True)
        place = tmp_path / name / ("ns/net" if name != "named" else "lab")
        source = tmp_path / inode
        source.touch()
        place.hardlink_to(source)
    uid_map = tmp_path / "self" / "uid_map"
    uid_map.write_text("         0          0 4294967295\n")

    def found(first: str = "1", named: str = "none") -> Path | None:
        return default_folder(
            process=tmp_path / "self", first=tmp_path / first, named=tmp_path / named,
            environment={"HOME": "/home/x", "XDG_STATE_HOME": ""},
        )  # fmt: skip

    assert found() == Path("/var/lib/pyvs")
    (tmp_path / "self" / "ns" / "net").unlink()
    (tmp_path / "self" / "ns" / "net").hardlink_to(tmp_path / "b")
    assert found(named="named") == Path("/var/lib/pyvs/lab")
    assert found() is None
    uid_map.write_text("0 1000 1\n")
    assert found() == Path("/home/x/.local/state/pyvs")
    assert default_folder(process=tmp_path / "self", environment={"XDG_STATE_HOME": "/s"}) == Path("/s/pyvs")
    assert default_folder(environment={"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}) == Path("/var/lib/a")


def test_addresses_of_both_families_are_kept(tmp_path: Path) -> None:
    life = Life(tmp_path)
    six = ServiceKey(Family.INET6, Proto.UDP, ip_address("2001:db8::1").packed, 53)
    life.control.new_service(ServiceSpec(six, "rr", netmask=128), 5.0)
    life.control.new_dest(six, DestSpec(DestKey(ip_address("2001:db8::2").packed, 53)), 5.0)
    life.control.new_dest(six, DestSpec(DestKey(SERVERS[0], 53, Family.INET), Forward.TUNNEL), 5.0)
    rules = life.rules()
    life.state.close()
    again = Life(tmp_path)
    assert again.rules() == rules
    again.state.close()
