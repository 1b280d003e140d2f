"""The server against recordings of the kernel, and against bytes that make no sense."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from struct import unpack_from
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.errors import Errno
from pyvs.core.flags import Family, Forward, Proto
from pyvs.netlink.attributes import DEST, OPERATIONS, SERVICE, TOP, Command, Flag, MessageType, OpFlag
from pyvs.netlink.codec import Message, encode, generic, messages, read_error
from pyvs.netlink.server import DO, DUMPS, FAMILY_ID, PAGE, Server
from pyvs.testing.environment import FixedEnvironment

VECTORS = Path(__file__).parents[2] / "vectors" / "netlink"
RECORDED = json.loads((VECTORS / "requests.json").read_text())
VIP = ServiceKey(Family.INET, Proto.TCP, bytes([192, 0, 2, 100]), 80)
NESTS: dict[str, dict[int, str]] = {
    "top": {1: "service", 2: "dest", 3: "daemon"},
    "service": {10: "stats", 12: "stats"},
    "dest": {10: "stats", 12: "stats"},
}


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= 4:
        length, number = unpack_from("=HH", data)
        yield number, data[4:length]
        data = data[(length + 3) & ~3 :]


def tree(data: bytes, kind: str) -> list[Any]:
    """All attributes in their order, without the padding that some machines need."""
    inner = NESTS.get(kind, {})
    return [
        (number, tree(value, inner[number]) if number in inner else value)
        for number, value in attributes(data)
        if not (kind == "stats" and number == 11)
    ]


def comparable(datagrams: list[bytes], family: int) -> list[Any]:
    return [
        (*message.encode()[4:16], message.command, tree(message.attributes, "top"))
        if message.type == family
        else message
        for datagram in datagrams
        for message in messages(datagram)
    ]


def test_every_recorded_request_is_answered_as_recorded(engine: Engine) -> None:
    server = Server(engine.control, family_id=RECORDED["family"])
    wrong = []
    for case in RECORDED["cases"]:
        request = bytes.fromhex(case["request"])
        ours = server.serve(request, portid=RECORDED["portid"], admin=True, now=0.0)
        recorded = [bytes.fromhex(answer) for answer in case["answers"]]
        if comparable(ours, RECORDED["family"]) != comparable(recorded, RECORDED["family"]):
            wrong.append(case["name"])
    assert wrong == []
    assert len(RECORDED["cases"]) > 150


def test_the_family_is_described_as_recorded(engine: Engine) -> None:
    server = Server(engine.control, family_id=RECORDED["family"])
    ask = Message(MessageType.CTRL, 5, 1, 0, bytes.fromhex("03010000090002004950565300000000"))
    answers = server.serve(ask.encode(), portid=RECORDED["portid"], admin=False, now=0.0)
    assert [answer.hex() for answer in answers] == RECORDED["getfamily"]


def test_what_is_done_is_what_the_family_says() -> None:
    said: dict[OpFlag, Mapping[Any, Any]] = {OpFlag.DO: DO, OpFlag.DUMP: DUMPS}
    for flag, done in said.items():
        assert done.keys() == {command for command, how in OPERATIONS.items() if how & flag}


def test_ipvsadm_s_own_requests_are_understood(engine: Engine) -> None:
    server = Server(engine.control, family_id=RECORDED["family"])
    for case in json.loads((VECTORS / "ipvsadm.json").read_text()):
        for request in case["requests"]:
            answers = server.serve(bytes.fromhex(request), portid=1, admin=True, now=0.0)
            last = list(messages(answers[-1]))[-1]
            assert last.type == MessageType.DONE or read_error(last)[0] == 0, case["cmd"]
    assert engine.control.get_services() == []


def ask(
    server: Server,
    command: int,
    top: bytes = b"",
    flags: int = 5,
    *,
    admin: bool = True,
    family: int = FAMILY_ID,
) -> list[Message]:
    request = Message(family, flags, 77, 0, generic(command, top)).encode()
    answers = server.serve(request, portid=4711, admin=admin, now=0.0)
    return [message for datagram in answers for message in messages(datagram)]


@pytest.mark.parametrize("command", list(Command))
@pytest.mark.parametrize("flags", [5, 0x305])
def test_strangers_may_do_nothing(server: Server, command: Command, flags: int) -> None:
    (answer,) = ask(server, command, flags=flags, admin=False)
    expected = Errno.EOPNOTSUPP if command == Command.SET_INFO else Errno.EPERM
    assert read_error(answer)[0] == expected


def test_answers_carry_the_requester_s_port_and_sequence(server: Server) -> None:
    for answer in [*ask(server, Command.GET_INFO), *ask(server, Command.GET_SERVICE, flags=0x301)]:
        assert (answer.portid, answer.seq) == (4711, 77)


def test_without_ack_a_success_is_silent(server: Server) -> None:
    assert ask(server, Command.FLUSH, flags=1) == []
    assert [answer.type for answer in ask(server, Command.FLUSH)] == [MessageType.ERROR]


def test_a_refusal_says_why_only_when_asked_to(server: Server) -> None:
    request = Message(FAMILY_ID, 5, 1, 0, generic(Command.DEL_SERVICE)).encode()
    (short,) = server.serve(request, portid=1, admin=True, now=0.0)
    (long,) = server.serve(request, portid=1, admin=True, now=0.0, extack=True)
    assert short.endswith(request)
    assert b"service" in long[len(short) :]


def test_dumps_are_cut_into_pages_and_end_in_one_of_their_own(server: Server) -> None:
    for port in range(1, 60):
        key = ServiceKey(Family.INET, Proto.TCP, VIP.addr, port)
        server.control.new_service(ServiceSpec(key, "rr"), 0.0)
    request = Message(FAMILY_ID, 0x301, 1, 0, generic(Command.GET_SERVICE)).encode()
    datagrams = server.serve(request, portid=1, admin=True, now=0.0)
    assert all(len(datagram) <= PAGE for datagram in datagrams)
    assert len(datagrams) > 3
    parts = [list(messages(datagram)) for datagram in datagrams]
    assert [part.type for part in parts[-1]] == [MessageType.DONE]
    assert all(message.flags == Flag.MULTI for part in parts for message in part)
    assert sum(len(part) for part in parts) == 59 + 1


# Bytes that make no sense

ATTRIBUTE = st.builds(
    lambda number, data: (
        (4 + len(data)).to_bytes(2, "little") + number.to_bytes(2, "little") + data + bytes(-len(data) % 4)
    ),
    st.integers(0, 16) | st.integers(0, 0xFFFF),
    st.sampled_from([b"", b"\2\0", b"\x0a\0", b"\6\0\0\0", b"rr\0", bytes(8), VIP.addr, bytes(16)])
    | st.binary(max_size=20),
)
NEST = st.builds(
    lambda number, parts: (
        (4 + sum(map(len, parts))).to_bytes(2, "little") + number.to_bytes(2, "little") + b"".join(parts)
    ),
    st.integers(1, 3),
    st.lists(ATTRIBUTE, max_size=12),
)
REQUEST = st.builds(
    lambda family, flags, command, parts, cut: Message(
        family, flags, 1, 0, generic(command, b"".join(parts))[:cut]
    ).encode(),
    st.sampled_from([FAMILY_ID, MessageType.CTRL, 2, 99]),
    st.sampled_from([1, 5, 0x301, 0x305, 0x605, 0]),
    st.integers(0, 20),
    st.lists(NEST | ATTRIBUTE, max_size=4),
    st.sampled_from([4096, 4096, 4096, 3, 0, 30]),
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(REQUEST | st.binary(max_size=64), max_size=4))
def test_whatever_comes_is_answered_and_nothing_raised(
    engine: Engine, server: Server, parts: list[bytes]
) -> None:
    data = b"".join(parts)
    answers = server.serve(data, portid=1, admin=True, now=0.0)
    # One datagram and one acknowledgement a message, each not longer than the request and a description.
    assert sum(map(len, answers)) <= (len(data) // 16 + 1) * (
        2 * len(data) + 4096 + PAGE * len(engine.control.get_services())
    )
    for answer in answers:
        assert list(messages(answer))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A recorded request with some bytes changed, or cut."""
    request = bytearray.fromhex(draw(st.sampled_from(RECORDED["cases"]))["request"])
    for _ in range(draw(st.integers(0, 4))):
        if request:
            request[draw(st.integers(0, len(request) - 1))] = draw(st.integers(0, 255))
    return bytes(request[: draw(st.integers(0, len(request)))] if draw(st.booleans()) else request)


@settings(max_examples=400, deadline=None)
@given(st.lists(damaged(), max_size=8))
def test_damaged_requests_are_survived(requests: list[bytes]) -> None:
    server = Server(Engine(FixedEnvironment()).control, family_id=RECORDED["family"])
    for request in requests:
        server.serve(request, portid=1, admin=True, now=0.0)


def test_a_service_that_is_missing_is_named_before_its_destination_is_looked_at(server: Server) -> None:
    service = encode(SERVICE, {"af": 2, "protocol": 6, "addr": VIP.addr, "port": 80})
    (answer,) = ask(server, Command.NEW_DEST, encode(TOP, {"service": service, "dest": b""}))
    assert read_error(answer)[0] == Errno.ESRCH


def test_a_destination_is_removed_whatever_its_method(engine: Engine, server: Server) -> None:
    server.control.new_service(ServiceSpec(VIP, "rr"), 0.0)
    server.control.new_dest(VIP, DestSpec(DestKey(b"\x0a\0\0\1", 80), forward=Forward.MASQ), 0.0)
    service = encode(SERVICE, {"af": 2, "protocol": 6, "addr": VIP.addr, "port": 80})
    dest = encode(DEST, {"addr": b"\x0a\0\0\1", "port": 80, "fwd_method": Forward.DROUTE})
    (answer,) = ask(server, Command.DEL_DEST, encode(TOP, {"service": service, "dest": dest}))
    assert read_error(answer)[0] == 0
    assert engine.control.get_dests(VIP) == []
