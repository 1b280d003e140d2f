"""The older door of the control language: setsockopt and getsockopt at IPPROTO_IP, IPv4 only.

    for _ in set_option(control, option, data, admin=True, now=now): ...
    answer = b"".join(get_option(control, option, data, room, admin=True))

Each step is a stretch of work: packets may have their turn in between.

Numbers are in the host's byte order, addresses, ports and masks in the network's. Programs fall back to it where the
generic-netlink family is missing. Kernel: `do_ip_vs_set_ctl`, `do_ip_vs_get_ctl`; include/uapi/linux/ip_vs.h.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from struct import Struct
from typing import Final

from pyvs.core.control.specs import (
    DaemonSpec,
    DestKey,
    DestSpec,
    DestView,
    ServiceKey,
    ServiceSpec,
    ServiceView,
    Timeouts,
)
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import VERSION, Family, Proto, SyncState
from pyvs.core.stats.counters import Rates, Totals
from pyvs.core.wording import counted
from pyvs.netlink.server import Verbs

_STRETCH: Final = 50
"""Entries that are made in one go."""
BASE: Final = 1152
"""Kernel: `IP_VS_BASE_CTL`."""

(SET_ADD, SET_EDIT, SET_DEL, SET_FLUSH) = range(BASE + 2, BASE + 6)
(SET_ADDDEST, SET_DELDEST, SET_EDITDEST, SET_TIMEOUT, SET_STARTDAEMON, SET_STOPDAEMON) = range(
    BASE + 7, BASE + 13
)
SET_ZERO: Final = BASE + 15
(GET_VERSION, GET_INFO, GET_SERVICES, GET_SERVICE, GET_DESTS, _, GET_TIMEOUT, GET_DAEMON) = range(
    BASE, BASE + 8
)

SERVICE: Final = Struct("=H2x4s2s2xI16sII4s")
"""protocol, addr, port, fwmark, sched_name, flags, timeout, netmask. Kernel: `struct ip_vs_service_user`."""
DEST: Final = Struct("=4s2s2xIiII")
"""addr, port, conn_flags, weight, u_threshold, l_threshold. Kernel: `struct ip_vs_dest_user`."""
TIMEOUT: Final = Struct("=iii")
DAEMON: Final = Struct("=i16si")
"""state, mcast_ifn, syncid. Kernel: `struct ip_vs_daemon_user`."""
INFO: Final = Struct("=III")
STATS: Final = Struct("=III4xQQIIIII4x")
"""Kernel: `struct ip_vs_stats_user`."""
SERVICE_ENTRY: Final = Struct("=H2x4s2s2xI16sII4sI56s")
DEST_ENTRY: Final = Struct("=4s2s2xIiIIIII4x56s")
GET_DESTS_HEAD: Final = Struct("=H2x4s2s2xII4x")
"""protocol, addr, port, fwmark, num_dests. Kernel: `struct ip_vs_get_dests`."""
GET_SERVICES_HEAD: Final = Struct("=I4x")

LENGTHS_SET: Final[dict[int, int]] = {
    SET_ADD: SERVICE.size,
    SET_EDIT: SERVICE.size,
    SET_DEL: SERVICE.size,
    SET_FLUSH: 0,
    SET_ADDDEST: SERVICE.size + DEST.size,
    SET_DELDEST: SERVICE.size + DEST.size,
    SET_EDITDEST: SERVICE.size + DEST.size,
    SET_TIMEOUT: TIMEOUT.size,
    SET_STARTDAEMON: DAEMON.size,
    SET_STOPDAEMON: DAEMON.size,
    SET_ZERO: SERVICE.size,
}
"""What setsockopt must be given. Kernel: `set_arglen`."""

ROOM_GET: Final[dict[int, int]] = {
    GET_VERSION: 64,
    GET_INFO: INFO.size,
    GET_SERVICES: GET_SERVICES_HEAD.size,
    GET_SERVICE: SERVICE_ENTRY.size,
    GET_DESTS: GET_DESTS_HEAD.size,
    GET_TIMEOUT: TIMEOUT.size,
    GET_DAEMON: 2 * DAEMON.size,
}
"""The room that getsockopt must be given, at least. Kernel: `get_arglen`."""

_TRANSPORTS: Final = (Proto.TCP, Proto.UDP, Proto.SCTP)
_NAME: Final = 16
_U32: Final = 0xFFFFFFFF


def _refuse_stranger(admin: bool) -> None:
    if not admin:
        raise ControlError(Errno.EPERM, "this needs the right to administer the network")


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _service(data: bytes) -> ServiceSpec:
    protocol, addr, port, fwmark, name, flags, timeout, netmask = SERVICE.unpack_from(data)
    return ServiceSpec(
        _key(protocol, addr, port, fwmark),
        scheduler=_text(name),
        flags=flags,
        timeout=timeout,
        netmask=int.from_bytes(netmask, "big"),
    )


def _key(protocol: int, addr: bytes, port: bytes, fwmark: int) -> ServiceKey:
    return ServiceKey(Family.INET, protocol, addr, int.from_bytes(port, "big"), fwmark)


def _dest(data: bytes) -> DestSpec:
    addr, port, flags, weight, upper, lower = DEST.unpack_from(data, SERVICE.size)
    key = DestKey(addr, int.from_bytes(port, "big"), Family.INET)
    return DestSpec(key, flags, weight, upper, lower)


# ---- setsockopt ------------------------------------------------------------


def set_option(control: Verbs, option: int, data: bytes, *, admin: bool, now: float) -> Iterator[None]:
    """Do what setsockopt was asked for, a stretch a step where it may take long.

    Raises ControlError: EPERM, EINVAL for an option or a length that isn't, EFAULT for a protocol that isn't TCP, UDP
    or SCTP, ESRCH, EEXIST and what the verbs refuse.
    """
    _refuse_stranger(admin)
    if option not in LENGTHS_SET:
        raise ControlError(Errno.EINVAL, f"there is no option {option} to set")
    if len(data) != LENGTHS_SET[option]:
        raise ControlError(
            Errno.EINVAL,
            f"option {option} was given {counted(len(data), 'byte')}: it needs {LENGTHS_SET[option]}",
        )
    yield from SET[option](control, data, now) or ()


def _checked(option: int, data: bytes) -> ServiceSpec:
    """The service that is meant, so far as this door judges it."""
    spec = _service(data)
    if option in (SET_ADD, SET_EDIT) and b"\0" not in data[16 : 16 + _NAME]:
        raise ControlError(Errno.EINVAL, f"the scheduler's name has no end within {_NAME} bytes")
    if spec.key.protocol not in _TRANSPORTS:
        raise ControlError(
            Errno.EFAULT, f"protocol {spec.key.protocol}: only TCP, UDP and SCTP can be balanced"
        )
    return spec


def _add(control: Verbs, data: bytes, now: float) -> None:
    control.new_service(_checked(SET_ADD, data), now)


def _edit(control: Verbs, data: bytes, now: float) -> None:
    control.set_service(_checked(SET_EDIT, data), now)


def _delete(control: Verbs, data: bytes, now: float) -> None:
    control.del_service(_checked(SET_DEL, data).key, now)


def _flush(control: Verbs, data: bytes, now: float) -> None:
    control.flush(now)


def _add_dest(control: Verbs, data: bytes, now: float) -> None:
    control.new_dest(_checked(SET_ADDDEST, data).key, _dest(data), now)


def _delete_dest(control: Verbs, data: bytes, now: float) -> None:
    control.del_dest(_checked(SET_DELDEST, data).key, _dest(data).key, now)


def _edit_dest(control: Verbs, data: bytes, now: float) -> None:
    control.set_dest(_checked(SET_EDITDEST, data).key, _dest(data), now)


def _set_timeouts(control: Verbs, data: bytes, now: float) -> None:
    tcp, tcp_fin, udp = TIMEOUT.unpack(data)
    control.set_config(Timeouts(tcp & _U32, tcp_fin & _U32, udp & _U32), now)


def _role(number: int) -> SyncState:
    if number not in (SyncState.MASTER, SyncState.BACKUP):
        raise ControlError(Errno.EINVAL, f"state {number} is no role of synchronisation")
    return SyncState(number)


def _start_daemon(control: Verbs, data: bytes, now: float) -> None:
    state, device, syncid = DAEMON.unpack(data)
    name = _text(device)
    if not name or b"\0" not in device:
        raise ControlError(Errno.EINVAL, "no network device for synchronisation is named")
    control.new_daemon(DaemonSpec(_role(state), name, syncid), now)


def _stop_daemon(control: Verbs, data: bytes, now: float) -> None:
    control.del_daemon(_role(DAEMON.unpack(data)[0]), now)


def _zero(control: Verbs, data: bytes, now: float) -> Iterator[None]:
    key = _service(data).key
    if key.fwmark or key.port or any(key.addr):
        key = _checked(SET_ZERO, data).key
        return control.zeroing(key, now)
    return control.zeroing(None, now)


SET: Final[dict[int, Callable[[Verbs, bytes, float], Iterator[None] | None]]] = {
    SET_ADD: _add,
    SET_EDIT: _edit,
    SET_DEL: _delete,
    SET_FLUSH: _flush,
    SET_ADDDEST: _add_dest,
    SET_DELDEST: _delete_dest,
    SET_EDITDEST: _edit_dest,
    SET_TIMEOUT: _set_timeouts,
    SET_STARTDAEMON: _start_daemon,
    SET_STOPDAEMON: _stop_daemon,
    SET_ZERO: _zero,
}


# ---- getsockopt ------------------------------------------------------------


def get_option(control: Verbs, option: int, data: bytes, room: int, *, admin: bool) -> Iterator[bytes]:
    """What getsockopt writes to its caller, who has given `data` and `room` bytes for the answer; in pieces.

    Raises ControlError: EPERM, EINVAL for an option or room that isn't, EFAULT when less data came than is read, ESRCH.
    """
    _refuse_stranger(admin)
    if option not in ROOM_GET:
        raise ControlError(Errno.EINVAL, f"there is no option {option} to get")
    if room < ROOM_GET[option]:
        raise ControlError(
            Errno.EINVAL, f"option {option} needs room for {ROOM_GET[option]} bytes, not {room}"
        )
    if len(data) < ROOM_GET[option]:
        raise ControlError(Errno.EFAULT, f"option {option} reads {ROOM_GET[option]} bytes, {len(data)} came")
    answer = GET[option](control, data, room)
    if isinstance(answer, bytes):
        yield answer
    else:
        yield from answer


def _get_version(control: Verbs, data: bytes, room: int) -> bytes:
    a, b, c = VERSION >> 16, VERSION >> 8 & 0xFF, VERSION & 0xFF
    return f"IP Virtual Server version {a}.{b}.{c} (size={control.get_info()[1]})".encode() + b"\0"


def _get_info(control: Verbs, data: bytes, room: int) -> bytes:
    version, size = control.get_info()
    return INFO.pack(version, size, control.count_services(Family.INET))


def _services(control: Verbs) -> Iterator[ServiceView]:
    return (view for view in control.each_service() if view.spec.key.af == Family.INET)


def _get_services(control: Verbs, data: bytes, room: int) -> Iterator[bytes]:
    (number,) = GET_SERVICES_HEAD.unpack_from(data)
    _check_room(GET_SERVICES_HEAD.size + number * SERVICE_ENTRY.size, room)
    yield data[: GET_SERVICES_HEAD.size]
    yield from _pieces(map(_service_entry, islice(_services(control), number)))


def _get_service(control: Verbs, data: bytes, room: int) -> bytes:
    protocol, addr, port, fwmark, *_ = SERVICE.unpack_from(data)
    return _service_entry(control.get_service(_key(protocol, addr, port, fwmark)))


def _get_dests(control: Verbs, data: bytes, room: int) -> Iterator[bytes]:
    protocol, addr, port, fwmark, number = GET_DESTS_HEAD.unpack_from(data)
    _check_room(GET_DESTS_HEAD.size + number * DEST_ENTRY.size, room)
    key = _key(protocol, addr, port, fwmark)
    control.get_service(key)
    views = (view for view in control.each_dest(key) if view.spec.key.af in (None, Family.INET))
    yield data[: GET_DESTS_HEAD.size]
    yield from _pieces(map(_dest_entry, islice(views, number)))


def _pieces(entries: Iterator[bytes]) -> Iterator[bytes]:
    while piece := b"".join(islice(entries, _STRETCH)):
        yield piece


def _check_room(needed: int, room: int) -> None:
    if needed != room:
        raise ControlError(
            Errno.EINVAL, f"so many entries need room for {counted(needed, 'byte')}, not {room}"
        )


def _get_timeouts(control: Verbs, data: bytes, room: int) -> bytes:
    timeouts = control.get_config()
    return TIMEOUT.pack(timeouts.tcp, timeouts.tcp_fin, timeouts.udp)


def _get_daemons(control: Verbs, data: bytes, room: int) -> bytes:
    entries = [DAEMON.pack(0, b"", 0), DAEMON.pack(0, b"", 0)]
    for spec in control.get_daemons():
        device = spec.ifn.encode("utf-8", "surrogateescape")
        entries[spec.state == SyncState.BACKUP] = DAEMON.pack(spec.state, device, spec.syncid)
    return b"".join(entries)


GET: Final[dict[int, Callable[[Verbs, bytes, int], bytes | Iterator[bytes]]]] = {
    GET_VERSION: _get_version,
    GET_INFO: _get_info,
    GET_SERVICES: _get_services,
    GET_SERVICE: _get_service,
    GET_DESTS: _get_dests,
    GET_TIMEOUT: _get_timeouts,
    GET_DAEMON: _get_daemons,
}


def _stats(totals: Totals, rates: Rates) -> bytes:
    return STATS.pack(
        totals.conns & _U32, totals.inpkts & _U32, totals.outpkts & _U32, totals.inbytes, totals.outbytes,
        rates.cps & _U32, rates.inpps & _U32, rates.outpps & _U32, rates.inbps & _U32, rates.outbps & _U32,
    )  # fmt: skip


def _service_entry(view: ServiceView) -> bytes:
    spec = view.spec
    key = replace(spec.key, addr=bytes(4), port=0) if spec.key.fwmark else spec.key
    return SERVICE_ENTRY.pack(
        key.protocol, key.addr, key.port.to_bytes(2, "big"), key.fwmark, spec.scheduler.encode(),
        spec.flags, spec.timeout, spec.netmask.to_bytes(4, "big"), view.num_dests,
        _stats(view.totals, view.rates),
    )  # fmt: skip


def _dest_entry(view: DestView) -> bytes:
    spec = view.spec
    return DEST_ENTRY.pack(
        spec.key.addr, spec.key.port.to_bytes(2, "big"), spec.forward, spec.weight,
        spec.u_threshold, spec.l_threshold, view.activeconns, view.inactconns, view.persistconns,
        _stats(view.totals, view.rates),
    )  # fmt: skip
