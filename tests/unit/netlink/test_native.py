"""Commands of our own, over the family's messages: what they do, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyvs.core.control.native_specs import (
    AddDest,
    AddService,
    Change,
    ChangeMasquerade,
    DrainKey,
    RemoveDest,
    RemoveService,
    SetDest,
    SetKnob,
    SetPolicy,
    SetService,
    SetTimeouts,
)
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec, Timeouts
from pyvs.core.engine import Engine
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Family, Forward, Proto
from pyvs.core.masquerade.portfw import Command, Rule
from pyvs.core.masquerade.requests import AgentRequest, ForwardingRequest, NetworkRequest, Request
from pyvs.core.policy.policy import AtExpiry, Policy
from pyvs.netlink import native
from pyvs.netlink.attributes import CTRL, CTRL_OP, CtrlCommand, Flag, MessageType
from pyvs.netlink.codec import Message, decode, encode, generic, messages, read_error
from pyvs.netlink.native import NATIVE, NativeCommand, drain_request, read_drain
from pyvs.netlink.native_changes import change_row, read_change
from pyvs.netlink.native_client import NativeClient
from pyvs.netlink.native_filter import read_filter, read_place, read_time
from pyvs.netlink.native_rows import (
    masquerade_row,
    policy_row,
    read_key,
    read_masquerade,
    read_policy,
    read_server,
    read_service,
    row_of,
    server_row,
    service_row,
    text_of,
)
from pyvs.netlink.server import FAMILY_ID, Server
from pyvs.netlink.transport import DirectTransport

VIP = bytes((192, 0, 2, 100))
WEB = ServiceKey(Family.INET, Proto.TCP, VIP, 80)
SERVER = DestSpec(DestKey(bytes((10, 1, 0, 11)), 80, Family.INET))

U16, U32 = st.integers(0, 65535), st.integers(0, 0xFFFFFFFF)
ADDRESSES = st.one_of(
    st.binary(min_size=4, max_size=4).map(lambda data: (Family.INET, data)),
    st.binary(min_size=16, max_size=16).map(lambda data: (Family.INET6, data)),
)
MARKS = st.builds(
    lambda six, mark: ServiceKey(
        Family.INET6 if six else Family.INET, Proto.TCP, bytes(16 if six else 4), 0, mark
    ),
    st.booleans(),
    st.integers(1, 0xFFFFFFFF),
)
KEYS = st.one_of(
    MARKS,
    st.builds(lambda place, proto, port: ServiceKey(place[0], proto, place[1], port), ADDRESSES, U16, U16),
)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz", max_size=15)
SERVICES = st.builds(
    lambda key, name, flags, timeout, mask, pe: ServiceSpec(key, name, flags, timeout=timeout, netmask=mask, pe=pe),
    KEYS, NAMES, U32, U32, U32, NAMES,
)  # fmt: skip
DEST_KEYS = st.builds(lambda place, port: DestKey(place[1], port, place[0]), ADDRESSES, U16)
DESTS = st.builds(
    lambda key, forward, weight, upper, lower, kind, port, flags: DestSpec(
        key, forward, weight, upper, lower, kind, port, flags
    ),
    DEST_KEYS, U32, st.integers(0, 0x7FFFFFFF), U32, U32, st.integers(0, 255), U16, U16,
)  # fmt: skip
POLICIES = st.builds(
    Policy, st.floats(0, 1e6, allow_nan=False), st.sampled_from(list(AtExpiry)), st.booleans()
)
CHANGES = st.one_of(
    st.builds(AddService, SERVICES),
    st.builds(SetService, SERVICES),
    st.builds(RemoveService, KEYS),
    st.builds(AddDest, KEYS, DESTS),
    st.builds(SetDest, KEYS, DESTS),
    st.builds(RemoveDest, KEYS, DEST_KEYS),
    st.builds(SetPolicy, KEYS, POLICIES),
    st.builds(lambda a, b, c: SetTimeouts(Timeouts(a, b, c)), *[st.integers(0, 0x7FFFFFFF)] * 3),
    st.builds(SetKnob, NAMES, st.text(max_size=20)),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)
KINDS = st.sampled_from(
    [
        "service",
        "server",
        "policy",
        "masquerade",
        "drain",
        "timeouts",
        "sysctl",
        "+",
        "~",
        "-",
        "tcp/1.2.3.4/80",
    ]
)


@pytest.fixture
def own(server: Server) -> NativeClient:
    return NativeClient(DirectTransport(server, lambda: 5.0))


# ---- rows ------------------------------------------------------------------


@given(SERVICES, DESTS, POLICIES)
def test_rows_come_back(service: ServiceSpec, dest: DestSpec, policy: Policy) -> None:
    assert read_service(row_of(text_of(service_row(service)))) == service
    assert read_server(row_of(text_of(server_row(service.key, dest)))) == (service.key, dest)
    assert read_policy(row_of(text_of(policy_row(service.key, policy)))) == (service.key, policy)


@given(
    st.lists(
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False)
            | st.text()
            | st.sampled_from(Proto),
            lambda inner: st.lists(inner, max_size=3),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_a_row_is_json(row: list[object]) -> None:
    assert text_of(row) == json.dumps(row, separators=(",", ":"))
    assert row_of(text_of(row)) == row


@given(CHANGES)
def test_changes_come_back(change: object) -> None:
    assert read_change(row_of(text_of(change_row(change)))) == change  # type: ignore[arg-type]


def test_changes_of_masquerading_come_back(server: Server, own: NativeClient) -> None:
    one, two = bytes((192, 0, 2, 100)), bytes((10, 1, 0, 11))
    rule = Rule(Proto.TCP, one, 80, two, 8080, 3)
    requests: list[Request] = [
        NetworkRequest(True, bytes((10, 1, 0, 0)), 24),
        ForwardingRequest(Command.ADD, rule),
        AgentRequest(True, two, 9999),
        ForwardingRequest(Command.EDIT, rule),
        ForwardingRequest(Command.DELETE, rule),
    ]
    changes = [ChangeMasquerade(request) for request in requests]
    for change in changes:
        assert read_change(row_of(text_of(change_row(change)))) == change
    assert own.apply(changes[:3]) == 3
    rows = [tuple(row) for row in own.rules()[1] if row[0] == "masquerade"]
    assert rows == [masquerade_row(request) for request in requests[:3]]
    assert [read_masquerade(row) for row in rows] == requests[:3]


@given(DEST_KEYS, st.none() | KEYS, st.none() | st.floats(0, 1e9, allow_nan=False), st.booleans())
def test_requests_to_drain_come_back(
    dest: DestKey, service: ServiceKey | None, limit: float | None, port: bool
) -> None:
    key = DrainKey(dest.addr, dest.port if port else None, service)
    assert read_drain(row_of(text_of(drain_request(key, limit)))) == (key, limit)


@given(st.lists(JSON | KINDS, max_size=11))
def test_rows_that_make_no_sense_are_refused(row: list[object]) -> None:
    for read in (read_service, read_server, read_policy, read_masquerade, read_change, read_drain,
                 native.read_connection, read_key, native.read_drain_view):  # fmt: skip
        try:
            read(row)
        except ControlError as refusal:
            seen = refusal.errno
        else:
            seen = Errno.EINVAL
        assert seen == Errno.EINVAL


@pytest.mark.parametrize("text", ["", "{}", "[", "[]", "1", "[" * 60000, "\0", "[1]]"])
def test_lines_that_are_no_row_are_refused(text: str) -> None:
    with pytest.raises(ControlError, match="no row"):
        row_of(text)


# ---- filters ---------------------------------------------------------------


def test_a_filter_is_read() -> None:
    found = read_filter(
        "service=192.0.2.100:80 server=10.1.0.11,client=198.51.100.7/24 proto=TCP older=10m state=close"
    )
    assert found.service == (VIP, 80)
    assert found.server == (bytes((10, 1, 0, 11)), None)
    assert found.client == (bytes((198, 51, 100, 0)), 24)
    assert (found.protocol, found.older, found.state) == (6, 600.0, "CLOSE")
    for text, family in (("service=fwm:5", Family.INET), ("service=fwm6:5", Family.INET6)):
        assert (read_filter(text).fwmark, read_filter(text).family) == (5, family)
    assert read_filter("service=[2001:db8::1]:443").service == (
        bytes.fromhex("20010db8") + bytes(11) + b"\1",
        443,
    )


@pytest.mark.parametrize(
    "text", ["x", "=", "port=5", "service=", "service=a", "server=1.2.3.4:99999", "client=1.2.3.4/33", "proto=x",
             "older=-1", "older=1y", "service=fwm:x", "service=fwm:0", "service=fwm6:4294967296", "service=fwm6",
             "server=[::1", "server=1.2.3", "state=ESTAB"]
)  # fmt: skip
def test_filters_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ControlError) as refusal:
        read_filter(text)
    assert refusal.value.errno == Errno.EINVAL


@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    try:
        read_filter(text)
    except ControlError as refusal:
        seen = refusal.errno
    else:
        seen = Errno.EINVAL
    assert seen == Errno.EINVAL


def test_places_and_times() -> None:
    assert read_place("2001:db8::1") == (bytes.fromhex("20010db8") + bytes(11) + b"\1", None)
    assert [read_time(each) for each in ("90", "90s", "1.5m", "2h", "1d")] == [90, 90, 90, 7200, 86400]


# ---- commands --------------------------------------------------------------


def test_rules_are_applied_and_told(own: NativeClient) -> None:
    changes: list[Change] = [
        AddService(ServiceSpec(WEB, "rr")),
        AddDest(WEB, SERVER),
        SetPolicy(WEB, Policy(600.0)),
    ]
    generation, rows = own.rules()
    assert list(rows) == []
    assert own.apply(changes, generation) == 3
    _, rows = own.rules()
    kinds = [row[0] for row in rows]
    assert kinds == ["service", "server", "policy"]
    with pytest.raises(ControlError) as refusal:
        own.apply([RemoveService(WEB)], generation)
    assert refusal.value.errno == Errno.EBUSY
    assert own.apply([]) == 0


def test_many_changes_take_many_messages(own: NativeClient, engine: Engine) -> None:
    keys = [ServiceKey(Family.INET, Proto.TCP, VIP, port) for port in range(1, 1500)]
    assert own.apply([AddService(ServiceSpec(key, "rr")) for key in keys]) == len(keys)
    assert len(engine.ns.services) == len(keys)
    _, rows = own.rules()
    assert sum(1 for _ in rows) == len(keys)


def test_what_a_client_prepared_is_its_own(server: Server, engine: Engine) -> None:
    clients = [NativeClient(DirectTransport(server, lambda: 5.0, portid=each)) for each in range(1, 7)]
    line = text_of(change_row(AddService(ServiceSpec(WEB, "rr"))))
    for each in clients:
        each._ask(NativeCommand.STAGE, text=line, first=1)
    assert clients[5]._ask(NativeCommand.APPLY) == [{"count": 1}]
    assert clients[0]._ask(NativeCommand.APPLY) == [{"count": 0}]  # it was crowded out
    with pytest.raises(ControlError, match="begin again"):
        clients[1]._ask(NativeCommand.STAGE, text=line)


def test_too_many_prepared_changes_are_refused(own: NativeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "STAGED_MAX", 3)
    with pytest.raises(ControlError, match="in parts") as refusal:
        own.apply([RemoveService(WEB)] * 4)
    assert refusal.value.errno == Errno.ENOSPC


def test_draining_by_messages(own: NativeClient) -> None:
    own.new_service(ServiceSpec(WEB, "rr"))
    own.new_dest(WEB, SERVER)
    (view,) = own.drain(DrainKey(SERVER.key.addr), 60.0)
    assert (view.service, view.dest, view.left) == (WEB, SERVER.key, 60.0)
    assert own.get_drains() == [view]
    assert own.cancel_drain(DrainKey(SERVER.key.addr)) == [view]
    assert own.get_drains() == []
    with pytest.raises(ControlError):
        own.cancel_drain(DrainKey(SERVER.key.addr))


def test_connections_by_messages(own: NativeClient) -> None:
    assert list(own.connections()) == []
    assert own.drop_connections("proto=tcp", reset=True) == 0
    with pytest.raises(ControlError, match="no part of a filter"):
        list(own.connections("what"))


def test_old_clients_see_none_of_it(server: Server, own: NativeClient) -> None:
    own.apply([AddService(ServiceSpec(WEB, "rr")), AddDest(WEB, SERVER), SetPolicy(WEB, Policy(600.0))])
    own.drain(DrainKey(SERVER.key.addr), None)
    asked = generic(CtrlCommand.GETFAMILY, encode(CTRL, {"family_name": "IPVS"}))
    (answer,) = server.serve(
        Message(MessageType.CTRL, Flag.REQUEST, 1, 0, asked).encode(), portid=1, admin=True, now=0
    )
    (told,) = messages(answer)
    values = decode(CTRL, told.attributes)
    assert values["maxattr"] == 6
    numbers, ops = set(), values["ops"]
    while len(ops) >= 4:
        length = int.from_bytes(ops[:2], "little")
        numbers.add(decode(CTRL_OP, ops[4:length])["id"])
        ops = ops[length + 3 & ~3 :]
    assert max(numbers) == 17
    assert own.get_service(WEB).spec == ServiceSpec(WEB, "rr", flags=2)
    assert own.get_dests(WEB)[0].spec.weight == 0


def test_who_may_not_administer_is_refused(server: Server) -> None:
    for command in NativeCommand:
        request = Message(
            FAMILY_ID, Flag.REQUEST | Flag.ACK, 1, 0, generic(command, encode(NATIVE, {"text": "x"}))
        )
        (datagram,) = server.serve(request.encode(), portid=1, admin=False, now=0.0)
        (message,) = messages(datagram)
        assert read_error(message)[0] == Errno.EPERM


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    command=st.sampled_from(list(NativeCommand)),
    flags=st.sampled_from([Flag.ACK, Flag.DUMP, Flag.ACK | Flag.DUMP]),
    data=st.one_of(
        st.binary(max_size=60),
        st.builds(lambda text: encode(NATIVE, {"text": text, "first": 1}), st.text(max_size=80)),
        st.builds(
            lambda row: encode(NATIVE, {"text": text_of(row), "first": 1}),
            st.lists(JSON | KINDS, max_size=10),
        ),
    ),
)
def test_any_bytes_are_answered(server: Server, command: NativeCommand, flags: int, data: bytes) -> None:
    request = Message(FAMILY_ID, Flag.REQUEST | flags, 7, 0, generic(command, data))
    answers = [each for each in server.serve(request.encode(), portid=3, admin=True, now=1.0) if each]
    last = list(messages(answers[-1]))[-1]
    assert last.type in (MessageType.ERROR, MessageType.DONE)


def test_forwarding_methods_are_kept(own: NativeClient) -> None:
    own.apply(
        [AddService(ServiceSpec(WEB, "rr")), AddDest(WEB, DestSpec(SERVER.key, Forward.TUNNEL, tun_type=2))]
    )
    assert own.get_dests(WEB)[0].spec.tun_type == 2
