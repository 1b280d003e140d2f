import sys
from pathlib import Path

import pytest

from pyvs.core.control.specs import DestKey, DestSpec, DestView, ServiceKey, ServiceSpec, ServiceView
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Family, Proto
from pyvs.core.stats.counters import Rates, Totals
from pyvs.lab.director import Director, ServerRow, program
from pyvs.lab.errors import LabError
from pyvs.lab.howto import topology
from pyvs.lab.lab import Lab
from pyvs.netlink.client import Client

KEY = ServiceKey(Family.INET, Proto.TCP, bytes([207, 175, 44, 110]), 80)


class Answers(Client):
    """A director of one service and two servers, the newest first."""

    def __init__(self) -> None:
        self.closed = False

    def get_services(self) -> list[ServiceView]:
        return [ServiceView(ServiceSpec(KEY), 2)]

    def get_dests(self, key: ServiceKey) -> list[DestView]:
        assert key == KEY
        return [
            DestView(DestSpec(DestKey(bytes([192, 168, 10, 10]), 80), weight=3), 1, 2, 0),
            DestView(
                DestSpec(DestKey(bytes([192, 168, 10, 9]), 80)),
                4,
                5,
                0,
                Totals(conns=6),
                Rates(cps=7, inpps=8),
            ),
        ]

    def close(self) -> None:
        self.closed = True


class Away(Answers):
    def get_services(self) -> list[ServiceView]:
        raise ControlError(Errno.ENOPROTOOPT, "no director runs in this network namespace")


@pytest.fixture
def director() -> Director:
    return Director(Lab(topology("nat", (4,))))


def test_rows_are_in_the_order_of_addresses_with_the_names_of_hosts(director: Director) -> None:
    director._client = Answers()
    assert director.rows({"192.168.10.9": "server9"}) == [
        ServerRow("server9", "192.168.10.9", 1, 4, 5, 6, 7, 8),
        ServerRow("192.168.10.10", "192.168.10.10", 3, 1, 2, 0, 0, 0),
    ]
    director.stop()


def test_a_director_that_is_away_is_told_with_the_end_of_its_log(director: Director) -> None:
    director._client = Away()
    director.log_file.write_text("".join(f"line {number}\n" for number in range(100)))
    with pytest.raises(
        LabError, match=r"(?s)doesn't answer any more \(no director runs.*\nline 88\n.*line 99$"
    ):
        director.rows({})
    director.stop()


def test_no_client_before_it_runs(director: Director) -> None:
    with pytest.raises(LabError, match="not running"):
        _ = director.client
    director.stop()


def test_the_environment_leads_to_its_socket(director: Director) -> None:
    assert director.environment["PYVS_SOCKET"] == str(director.socket)
    director.stop()


def test_stopping_hangs_up_and_removes_its_files_and_twice_is_harmless(director: Director) -> None:
    client = Answers()
    director._client = client
    folder = director.socket.parent
    assert folder.is_dir()
    director.stop()
    director.stop()
    assert client.closed
    assert not folder.exists()


def test_a_program_that_is_not_installed_is_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(LabError, match=r"pyvsadm is missing: .*`make setup` does it"):
        program("pyvsadm")


def test_programs_are_those_beside_this_python() -> None:
    assert Path(program("pyvs")).parent == Path(sys.executable).parent
