"""The client for programs: values, verbs, a kernel by the recorded messages."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

import pyvs
from pyvs.client.asynchronous import AsyncClient
from pyvs.client.client import Client, transport_here
from pyvs.client.kernel import KernelTransport
from pyvs.client.values import Destination, Info, Service
from pyvs.core.control.specs import DaemonSpec, Timeouts
from pyvs.core.engine import Engine
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Forward, Proto, ServiceFlag, SyncState, TunType
from pyvs.netlink.attributes import MessageType
from pyvs.netlink.codec import messages
from pyvs.netlink.server import Server
from pyvs.netlink.transport import DirectTransport
from pyvs.netlink.unix import VARIABLE, UnixTransport
from pyvs.testing.environment import FixedEnvironment

RECORDED = json.loads((Path(__file__).parents[2] / "vectors" / "netlink" / "requests.json").read_text())
WEB = Service(address="192.0.2.100", port=80, scheduler="rr")
SERVICES = [
    WEB,
    Service(address="2001:db8::1", port=53, protocol=Proto.UDP, scheduler="sh", persistent=90, prefix=64),
    Service(address=ip_address("192.0.2.100"), port=53, protocol=Proto.UDP, one_packet=True, persistent=5, prefix=24),
    Service(address="192.0.2.100", port=5060, protocol=Proto.UDP, scheduler="mh", engine="sip", persistent=60,
            scheduler_flags=ServiceFlag.SCHED1),
    Service(fwmark=5),
    Service(fwmark=5, ipv6=True),
]  # fmt: skip
DESTINATIONS = [
    Destination(address="10.1.0.11", port=8080, weight=3),
    Destination(address="10.1.0.12", port=80, forward=Forward.DROUTE, upper=9, lower=3),
    Destination(address="10.1.0.13", port=80, forward=Forward.TUNNEL, tunnel=TunType.GUE, tunnel_port=5555),
]


def engine() -> Engine:
    return Engine(FixedEnvironment([bytes((192, 0, 2, 100))]))


@pytest.fixture
def client() -> Client:
    return Client(DirectTransport(Server(engine().control), lambda: 1.0))


def same(told: Service, asked: Service) -> bool:
    """Whether both say the same of a service, in whatever words."""
    return (told.key, told.spec) == (asked.key, asked.spec)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_comes_back_as_it_was_given(client: Client, service: Service) -> None:
    client.create_service(service)
    (told,) = client.services()
    assert same(told, service)
    assert same(client.service(service), service)
    for destination in DESTINATIONS:
        if not service.ipv6 and service.key.af == 2:
            client.create_destination(service, destination)
    client.remove_service(told)
    assert client.services() == []


def test_destinations_come_back_as_they_were_given(client: Client) -> None:
    client.create_service(WEB)
    for destination in DESTINATIONS:
        client.create_destination(WEB, destination)
    told = client.destinations(WEB)
    assert [each.spec for each in reversed(told)] == [each.spec for each in DESTINATIONS]
    client.update_destination(WEB, Destination(address="10.1.0.11", port=8080, weight=9))
    client.remove_destination(WEB, DESTINATIONS[1])
    assert sorted((str(each.address), each.weight) for each in client.destinations(WEB)) == [
        ("10.1.0.11", 9),
        ("10.1.0.13", 1),
    ]
    client.update_service(Service(address="192.0.2.100", port=80, scheduler="wlc"))
    assert client.service(WEB).scheduler == "wlc"


def test_the_other_verbs(client: Client) -> None:
    assert client.info() == Info((1, 2, 1), 4096)
    client.set_config(Timeouts(tcp=800))
    assert client.config().tcp == 800
    client.new_daemon(DaemonSpec(SyncState.BACKUP, "eth0"))
    assert [each.state for each in client.daemons()] == [SyncState.BACKUP]
    client.create_service(WEB)
    client.zero(WEB)
    client.zero(WEB.key)
    client.zero()
    with client as again:
        again.flush()
        assert again.services() == []


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (Service(), "needs an address or a firewall mark"),
        (Service(address="192.0.2"), "no IP address"),
        (Service(address="192.0.2.1", prefix=33), "prefix of 33 bits"),
        (Destination(address=""), "no IP address"),
    ],
)
def test_values_that_make_no_sense_are_refused(value: Service | Destination, sentence: str) -> None:
    with pytest.raises(ControlError, match=sentence) as refusal:
        _ = value.spec
    assert refusal.value.errno == Errno.EINVAL


def test_the_public_names() -> None:
    assert pyvs.Client is Client
    assert pyvs.AsyncClient is AsyncClient


def test_it_is_awaited_too() -> None:
    async def course() -> None:
        async with AsyncClient(DirectTransport(Server(engine().control), lambda: 1.0)) as client:
            await client.create_service(WEB)
            await asyncio.gather(*(client.create_destination(WEB, each) for each in DESTINATIONS))
            assert len(await client.destinations(WEB)) == 3
            await client.update_destination(WEB, DESTINATIONS[0])
            await client.remove_destination(WEB, DESTINATIONS[0])
            assert same(await client.service(WEB), WEB)
            await client.update_service(WEB)
            await client.set_config(Timeouts(tcp=800))
            assert (await client.config()).tcp == 800
            assert (await client.info()).version == (1, 2, 1)
            await client.new_daemon(DaemonSpec(SyncState.BACKUP, "eth0"))
            assert len(await client.daemons()) == 1
            await client.del_daemon(SyncState.BACKUP)
            assert await client.connections() == []
            await client.zero(WEB)
            assert await client.call(Client.sysctl_read, "conn_reuse_mode") == "1"
            with pytest.raises(ControlError):
                await client.create_service(WEB)
            await client.remove_service(WEB)
            await client.flush()
            assert await client.services() == []

    asyncio.run(course())


def test_the_director_is_asked_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "@somewhere")
    assert isinstance(transport_here(), UnixTransport)
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr("pyvs.client.client.socket_path", lambda: str(tmp_path / "no"))
    assert isinstance(transport_here(), KernelTransport)
    (tmp_path / "no").touch()
    assert isinstance(transport_here(), UnixTransport)


# ---- a kernel --------------------------------------------------------------


class Kernel:
    """The other end of a netlink socket, that answers as it was recorded, or as our server does."""

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.near.settimeout(5)
        self.server = Server(engine().control)
        self.recorded: list[bytes] | None = None
        self.asked: list[bytes] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while request := self.far.recv(65536):
            self.asked.append(request)
            answers = self.recorded
            if answers is None:
                answers = self.server.serve(request, portid=1, admin=True, now=1.0)
            for answer in answers:
                self.far.send(answer)

    def close(self) -> None:
        self.near.close()
        self._thread.join(5)
        self.far.close()


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    kernel = Kernel()
    yield kernel
    kernel.close()


def test_a_kernel_is_asked_by_the_same_messages(kernel: Kernel, tmp_path: Path) -> None:
    client = Client(KernelTransport(lambda: kernel.near, tmp_path))
    client.create_service(WEB)
    client.create_destination(WEB, DESTINATIONS[0])
    assert [each.weight for each in client.destinations(client.services()[0])] == [3]
    with pytest.raises(ControlError) as refusal:
        client.create_service(WEB)
    assert refusal.value.errno == Errno.EEXIST
    client.close()


def test_recorded_answers_are_read_to_their_end(kernel: Kernel, tmp_path: Path) -> None:
    """What a kernel answered to each recorded request that asked for an end comes through whole, and nothing more."""
    transport = KernelTransport(lambda: kernel.near, tmp_path)
    read = 0
    for case in RECORDED["cases"]:
        request = bytes.fromhex(case["request"])
        recorded = [bytes.fromhex(answer) for answer in case["answers"]]
        ended = [each for datagram in recorded for each in messages(datagram) if each.type in (2, 3)]
        first = next(messages(request), None)
        if first is None or len(ended) != 1 or ended[0].seq != first.seq or len(list(messages(request))) != 1:
            continue
        kernel.recorded = recorded
        assert list(transport.netlink(request)) == recorded, case["name"]
        read += 1
    assert read > 100
    assert len(kernel.asked) == read
    transport.close()


def test_a_kernel_without_ipvs_is_told(tmp_path: Path) -> None:
    def none() -> socket.socket:
        raise OSError(93, "Protocol not supported")

    client = Client(KernelTransport(none, tmp_path))
    with pytest.raises(ControlError, match="can't be asked by netlink: Protocol not supported"):
        client.services()
    assert client.sysctl_names() == []
    for verb in (
        lambda: client.proc("ip_vs"),
        lambda: client.sysctl_read("x"),
        lambda: client.sysctl_write("x", "1"),
    ):
        with pytest.raises(ControlError) as refusal:
            verb()
        assert refusal.value.errno == Errno.ENOENT


def test_a_kernel_that_does_not_know_the_family_is_told_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    transport = KernelTransport()

    def netlink(request: bytes) -> Iterator[bytes]:
        header = request[:16]
        (seq,) = struct.unpack_from("=I", header, 8)
        return iter([struct.pack("=IHHIIi", 36, MessageType.ERROR, 0, seq, 0, -int(Errno.ENOENT)) + header])

    monkeypatch.setattr(transport, "netlink", netlink)
    with pytest.raises(ControlError, match=r"no director runs .* has no IPVS: start one") as refusal:
        Client(transport).services()
    assert refusal.value.errno == Errno.ENOENT


def test_a_kernels_files_are_read_and_written(tmp_path: Path) -> None:
    folder = tmp_path / "sys/net/ipv4/vs"
    folder.mkdir(parents=True)
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "ip_vs").write_text("IP Virtual Server\n")
    (folder / "drop_entry").write_text("0\n")
    client = Client(KernelTransport(root=tmp_path))
    assert client.proc("ip_vs") == "IP Virtual Server\n"
    assert client.sysctl_names() == ["drop_entry"]
    client.sysctl_write("drop_entry", "2")
    assert client.sysctl_read("drop_entry") == "2"
    with pytest.raises(ControlError, match="start `pyvs run`"):
        KernelTransport(root=tmp_path).masquerade("")
