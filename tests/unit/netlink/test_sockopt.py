"""The older socket options: layouts, lengths, errors, and that they and netlink show the same table."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec, Timeouts
from pyvs.core.engine import Engine
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Family, Proto
from pyvs.netlink import sockopt
from pyvs.testing.environment import FixedEnvironment

VIP = bytes([192, 0, 2, 100])
WEB = ServiceKey(Family.INET, Proto.TCP, VIP, 80)
PORT = (80).to_bytes(2, "big")
WHOLE = b"\xff\xff\xff\xff"
SERVER = bytes([10, 1, 0, 1])


def service(scheduler: bytes = b"rr", protocol: int = 6, fwmark: int = 0, flags: int = 0) -> bytes:
    addr, port = (bytes(4), bytes(2)) if fwmark else (VIP, PORT)
    return sockopt.SERVICE.pack(protocol, addr, port, fwmark, scheduler, flags, 300, WHOLE)


def dest(weight: int = 3, upper: int = 0, lower: int = 0) -> bytes:
    return sockopt.DEST.pack(SERVER, PORT, 0, weight, upper, lower)


def put(engine: Engine, option: int, data: bytes, *, admin: bool = True) -> None:
    for _ in sockopt.set_option(engine.control, option, data, admin=admin, now=0.0):
        pass


def get(engine: Engine, option: int, data: bytes, room: int | None = None) -> bytes:
    return b"".join(sockopt.get_option(engine.control, option, data, room or len(data), admin=True))


def refused(engine: Engine, option: int, data: bytes) -> Errno:
    with pytest.raises(ControlError) as refusal:
        put(engine, option, data)
    return refusal.value.errno


def test_sizes_are_those_of_the_kernels_structures() -> None:
    sizes = {
        sockopt.SERVICE: 44, sockopt.DEST: 24, sockopt.TIMEOUT: 12, sockopt.DAEMON: 24, sockopt.INFO: 12,
        sockopt.STATS: 56, sockopt.SERVICE_ENTRY: 104, sockopt.DEST_ENTRY: 96,
        sockopt.GET_DESTS_HEAD: 24, sockopt.GET_SERVICES_HEAD: 8,
    }  # fmt: skip
    assert {layout.format: layout.size for layout in sizes} == {
        layout.format: size for layout, size in sizes.items()
    }


def test_a_table_is_built_changed_and_taken_down(engine: Engine) -> None:
    put(engine, sockopt.SET_ADD, service())
    put(engine, sockopt.SET_ADDDEST, service() + dest())
    put(engine, sockopt.SET_EDIT, service(b"wlc", flags=1))
    put(engine, sockopt.SET_EDITDEST, service() + dest(7, 100, 50))
    (view,) = engine.control.get_services()
    assert view.spec.key == WEB
    assert (view.spec.scheduler, view.spec.timeout, view.spec.flags & 1) == ("wlc", 300, 1)
    (server,) = engine.control.get_dests(WEB)
    assert (server.spec.weight, server.spec.u_threshold, server.spec.l_threshold) == (7, 100, 50)
    put(engine, sockopt.SET_DELDEST, service() + dest())
    assert engine.control.get_dests(WEB) == []
    put(engine, sockopt.SET_DEL, service())
    put(engine, sockopt.SET_ADD, service(fwmark=5))
    put(engine, sockopt.SET_FLUSH, b"")
    assert engine.control.get_services() == []


def test_timeouts_daemons_and_zero(engine: Engine) -> None:
    put(engine, sockopt.SET_TIMEOUT, sockopt.TIMEOUT.pack(10, 0, 30))
    assert engine.control.get_config() == Timeouts(10, 120, 30)
    assert get(engine, sockopt.GET_TIMEOUT, bytes(12)) == sockopt.TIMEOUT.pack(10, 120, 30)
    assert refused(engine, sockopt.SET_TIMEOUT, sockopt.TIMEOUT.pack(-1, 0, 0)) == Errno.EINVAL
    put(engine, sockopt.SET_STARTDAEMON, sockopt.DAEMON.pack(2, b"eth0", 9))
    empty = sockopt.DAEMON.pack(0, b"", 0)
    assert get(engine, sockopt.GET_DAEMON, bytes(48)) == empty + sockopt.DAEMON.pack(2, b"eth0", 9)
    put(engine, sockopt.SET_STOPDAEMON, sockopt.DAEMON.pack(2, b"", 0))
    assert get(engine, sockopt.GET_DAEMON, bytes(48)) == empty * 2
    assert refused(engine, sockopt.SET_STARTDAEMON, sockopt.DAEMON.pack(3, b"eth0", 0)) == Errno.EINVAL
    assert refused(engine, sockopt.SET_STARTDAEMON, sockopt.DAEMON.pack(1, b"", 0)) == Errno.EINVAL
    put(engine, sockopt.SET_ZERO, sockopt.SERVICE.pack(0, bytes(4), bytes(2), 0, b"", 0, 0, bytes(4)))
    assert refused(engine, sockopt.SET_ZERO, service()) == Errno.ESRCH


def test_misuse_is_refused_as_by_the_kernel(engine: Engine) -> None:
    assert refused(engine, sockopt.SET_ADD, service()[:-1]) == Errno.EINVAL
    assert refused(engine, sockopt.BASE + 40, b"") == Errno.EINVAL
    assert refused(engine, sockopt.SET_ADD, service(protocol=50)) == Errno.EFAULT
    assert refused(engine, sockopt.SET_ADD, service(b"nosuch")) == Errno.ENOENT
    assert refused(engine, sockopt.SET_ADD, service(b"x" * 16)) == Errno.EINVAL
    assert refused(engine, sockopt.SET_DEL, service()) == Errno.ESRCH
    assert refused(engine, sockopt.SET_ADDDEST, service() + dest()) == Errno.ESRCH
    put(engine, sockopt.SET_ADD, service())
    assert refused(engine, sockopt.SET_ADD, service()) == Errno.EEXIST
    assert refused(engine, sockopt.SET_EDITDEST, service() + dest()) == Errno.ENOENT
    assert refused(engine, sockopt.SET_ADDDEST, service() + dest(-1)) == Errno.ERANGE
    with pytest.raises(ControlError) as refusal:
        put(engine, sockopt.SET_FLUSH, b"", admin=False)
    assert refusal.value.errno == Errno.EPERM
    assert len(engine.control.get_services()) == 1


def test_lists_are_as_long_as_was_asked_for(engine: Engine) -> None:
    put(engine, sockopt.SET_ADD, service())
    put(engine, sockopt.SET_ADD, service(protocol=17))
    control = engine.control
    control.new_service(
        ServiceSpec(ServiceKey(Family.INET6, Proto.TCP, bytes(15) + b"\1", 80), netmask=128), 0.0
    )
    for number in (1, 2, 3):
        control.new_dest(WEB, DestSpec(DestKey(bytes([10, 1, 0, number]), 80), weight=number), 0.0)
    assert sockopt.INFO.unpack(get(engine, sockopt.GET_INFO, bytes(12))) == (0x010201, 4096, 2)
    head = sockopt.GET_SERVICES_HEAD.pack(2)
    answer = get(engine, sockopt.GET_SERVICES, head, 8 + 2 * 104)
    rows = list(sockopt.SERVICE_ENTRY.iter_unpack(answer[8:]))
    assert [(row[0], row[1], row[8]) for row in rows] == [(6, VIP, 3), (17, VIP, 0)]
    assert len(get(engine, sockopt.GET_SERVICES, sockopt.GET_SERVICES_HEAD.pack(1), 8 + 104)) == 112
    one = get(engine, sockopt.GET_SERVICE, service() + bytes(60))
    assert sockopt.SERVICE_ENTRY.unpack(one)[:5] == (6, VIP, PORT, 0, b"rr".ljust(16, b"\0"))
    head = sockopt.GET_DESTS_HEAD.pack(6, VIP, PORT, 0, 2)
    rows = list(sockopt.DEST_ENTRY.iter_unpack(get(engine, sockopt.GET_DESTS, head, 24 + 2 * 96)[24:]))
    assert [row[3] for row in rows] == [3, 2]
    for option, data, room in (
        (sockopt.GET_DESTS, head, 24 + 96),
        (sockopt.GET_SERVICES, sockopt.GET_SERVICES_HEAD.pack(2), 8 + 104),
        (sockopt.GET_INFO, bytes(8), 8),
        (sockopt.BASE + 5, bytes(64), 64),
    ):
        with pytest.raises(ControlError) as refusal:
            get(engine, option, data, room)
        assert refusal.value.errno == Errno.EINVAL
    with pytest.raises(ControlError) as refusal:
        get(engine, sockopt.GET_DESTS, sockopt.GET_DESTS_HEAD.pack(6, SERVER, PORT, 0, 0))
    assert refusal.value.errno == Errno.ESRCH


@given(st.integers(sockopt.BASE, sockopt.BASE + 16), st.binary(max_size=120), st.integers(0, 4096))
def test_any_bytes_are_answered_or_refused(option: int, data: bytes, room: int) -> None:
    engine = Engine(FixedEnvironment([VIP]))
    for work in (
        lambda: put(engine, option, data),
        lambda: put(engine, option, data.ljust(sockopt.LENGTHS_SET.get(option, 0), b"\0")[:68]),
        lambda: list(sockopt.get_option(engine.control, option, data, room, admin=True)),
    ):
        with contextlib.suppress(ControlError):
            work()
