from collections.abc import Iterator
from functools import partial

import pytest

from pyvs.core.control.specs import DaemonSpec, DestKey, DestSpec, ServiceKey, ServiceSpec, Timeouts
from pyvs.core.engine import Engine
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Family, Forward, Proto, ServiceFlag, SyncState, TunType
from pyvs.netlink.attributes import CTRL, Command, CtrlCommand, MessageType
from pyvs.netlink.client import AHEAD, Client
from pyvs.netlink.codec import Message, done, encode, error, generic, messages
from pyvs.netlink.server import Server
from pyvs.netlink.transport import DirectTransport

WEB = ServiceKey(Family.INET, Proto.TCP, bytes([192, 0, 2, 100]), 80)
MARK = ServiceKey(Family.INET6, Proto.TCP, bytes(16), 0, 7)


def test_services_go_there_and_back(client: Client) -> None:
    spec = ServiceSpec(WEB, "sh", ServiceFlag.PERSISTENT | ServiceFlag.SCHED1, timeout=60, netmask=0xFFFFFF00)
    client.new_service(spec)
    client.new_service(ServiceSpec(MARK, "rr", netmask=128))
    view = client.get_service(WEB)
    assert view.spec.flags == spec.flags | ServiceFlag.HASHED
    assert (view.spec.scheduler, view.spec.timeout, view.spec.netmask) == ("sh", 60, 0xFFFFFF00)
    assert [view.spec.key for view in client.get_services()] == [WEB, MARK]
    client.set_service(ServiceSpec(WEB, "wrr"))
    assert client.get_service(WEB).spec.scheduler == "wrr"
    client.del_service(WEB)
    client.flush()
    assert client.get_services() == []


def test_destinations_go_there_and_back(client: Client) -> None:
    client.new_service(ServiceSpec(WEB, "rr"))
    first = DestSpec(DestKey(b"\x0a\1\0\1", 80, Family.INET), weight=3, u_threshold=10, l_threshold=5)
    inner = DestKey(bytes.fromhex("20010db8000100000000000000000011"), 80, Family.INET6)
    second = DestSpec(inner, forward=Forward.TUNNEL, tun_type=TunType.GUE, tun_port=6080, tun_flags=1)
    client.new_dest(WEB, first)
    client.new_dest(WEB, second)
    assert [view.spec for view in client.get_dests(WEB)] == [second, first]
    client.set_dest(WEB, DestSpec(first.key, weight=0))
    client.del_dest(WEB, second.key)
    assert [view.spec.weight for view in client.get_dests(WEB)] == [0]
    assert client.get_dests(MARK) == []


def test_settings_go_there_and_back(client: Client) -> None:
    client.set_config(Timeouts(100, 0, 30))
    assert client.get_config() == Timeouts(100, 120, 30)
    assert client.get_info() == (0x010201, 4096)
    client.sysctl_write("sync_threshold", "5 10")
    assert client.sysctl_read("sync_threshold").split() == ["5", "10"]
    assert "conntrack" in client.sysctl_names()
    assert client.proc("ip_vs").startswith("IP Virtual Server version 1.2.1 (size=4096)\n")


def test_daemons_go_there_and_back(client: Client) -> None:
    client.new_daemon(
        DaemonSpec(SyncState.MASTER, "eth0", syncid=7, group=bytes([224, 0, 0, 99]), port=9999, ttl=3)
    )
    client.new_daemon(DaemonSpec(SyncState.BACKUP, "eth1", maxlen=1400))
    master, backup = client.get_daemons()
    assert (master.ifn, master.syncid, master.group, master.port, master.ttl) == (
        "eth0", 7, bytes([224, 0, 0, 99]), 9999, 3,
    )  # fmt: skip
    assert (backup.maxlen, backup.port, backup.ttl) == (1400, 8848, 1)
    client.del_daemon(SyncState.MASTER)
    assert [daemon.state for daemon in client.get_daemons()] == [SyncState.BACKUP]


def test_counters_are_zeroed(engine: Engine, client: Client) -> None:
    client.new_service(ServiceSpec(WEB, "rr"))
    service = next(iter(engine.ns.services))
    service.stats.shown = service.stats.shown._replace(conns=5)
    assert client.get_service(WEB).totals.conns == 5
    client.zero(WEB)
    assert client.get_service(WEB).totals.conns == 0
    client.zero()


@pytest.mark.parametrize(
    ("key", "errno"),
    [(WEB, Errno.ESRCH), (MARK, Errno.ESRCH)],
)
def test_refusals_come_with_number_and_sentence(client: Client, key: ServiceKey, errno: Errno) -> None:
    with pytest.raises(ControlError, match="service") as refusal:
        client.del_service(key)
    assert refusal.value.errno == errno


def test_the_clock_is_asked_for_every_request(engine: Engine) -> None:
    now = 5.0
    client = Client(DirectTransport(Server(engine.control), lambda: now))
    client.flush()
    assert engine.ns.now == 5.0
    now = 6.0
    client.proc("ip_vs_conn")
    assert engine.ns.now == 6.0


class Script(DirectTransport):
    """Answers the search for the family, then whatever is in the script; `{}` stands for the sequence."""

    def __init__(self, *answers: Message) -> None:
        self.answers = answers

    def netlink(self, request: bytes) -> Iterator[bytes]:
        (message,) = messages(request)
        if message.type == MessageType.CTRL:
            family = generic(CtrlCommand.NEWFAMILY, encode(CTRL, {"family_id": 30}))
            yield Message(MessageType.CTRL, 0, message.seq, 1, family).encode()
            yield error(message, 0, 1).encode()
            return
        for answer in self.answers:
            yield Message(answer.type, answer.flags, message.seq, 1, answer.payload).encode()


REQUEST = Message(30, 5, 1, 0, generic(Command.GET_INFO))


@pytest.mark.parametrize(
    "answers",
    [
        [],
        [error(REQUEST, 0, 1)],
        [Message(MessageType.ERROR, 0, 0, 1, b"")],
        [Message(30, 0, 0, 1, b"\1")],
        [Message(30, 0, 0, 1, generic(14, b"\5\0\1\0\1\0\0\0")), error(REQUEST, 0, 1)],
        [error(REQUEST, 4095, 1)],
    ],
)
def test_answers_that_make_no_sense_are_refused(answers: list[Message]) -> None:
    with pytest.raises(ControlError) as refusal:
        Client(Script(*answers)).get_info()
    assert str(refusal.value)


def test_other_clients_answers_are_passed_over() -> None:
    class Noisy(Script):
        def netlink(self, request: bytes) -> Iterator[bytes]:
            yield Message(30, 0, 999, 1, generic(14)).encode()
            yield from super().netlink(request)

    info = generic(14, bytes.fromhex("08000100010201000800020000100000"))
    assert Client(Noisy(Message(30, 0, 0, 1, info), error(REQUEST, 0, 1))).get_info() == (0x010201, 4096)


def test_a_director_without_the_family_is_named() -> None:
    class Empty(Script):
        def netlink(self, request: bytes) -> Iterator[bytes]:
            (message,) = messages(request)
            yield error(message, Errno.ENOENT, 1).encode()

    with pytest.raises(ControlError) as refusal:
        Client(Empty()).get_services()
    assert refusal.value.errno == Errno.ENOENT


def test_a_dump_ends_with_its_end() -> None:
    assert Client(Script(done(1, 1))).get_services() == []


class Counting(DirectTransport):
    """Counts the datagrams whose answers have not been read to their end."""

    under_way = 0
    most = 0

    def post(self, request: bytes) -> Iterator[bytes]:
        answers = super().post(request)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        return self._read(answers)

    def _read(self, answers: Iterator[bytes]) -> Iterator[bytes]:
        yield from answers
        self.under_way -= 1


def test_many_changes_are_under_way_and_told_in_their_order(engine: Engine) -> None:
    transport = Counting(Server(engine.control), lambda: 1.0)
    client = Client(transport)
    told: list[tuple[int, Errno | None]] = []

    def tell(number: int, refusal: ControlError | None) -> None:
        told.append((number, None if refusal is None else refusal.errno))

    wanted: list[tuple[int, Errno | None]] = []
    for number in range(900):
        key = ServiceKey(Family.INET, Proto.TCP, (number // 3).to_bytes(4, "big"), 80)
        client.gather(partial(tell, number))
        client.new_service(ServiceSpec(key, "none" if number % 3 == 1 else "rr"))
        wanted.append((number, Errno.EEXIST if number % 3 else None))
        assert transport.under_way <= AHEAD
    assert transport.most == AHEAD + 1
    assert 0 < len(told) < 900
    assert len(client.get_services()) == 300
    assert told == wanted
    client.gather(None)
    with pytest.raises(ControlError):
        client.new_service(ServiceSpec(WEB, "nonsense"))
