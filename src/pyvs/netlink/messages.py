"""Tables of values and the values of the control verbs, both ways.

Requests are judged here as far as the kernel's parsers judge them: what must be there, and of which family.
Everything else is the verbs' to judge. Kernel: `ip_vs_genl_parse_service`, `ip_vs_genl_fill_service` and siblings.
"""

import sys
from collections.abc import Mapping
from functools import lru_cache
from struct import Struct
from typing import Any, Final

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
from pyvs.core.flags import FWD_MASK, Family, Proto, SyncState, TunType
from pyvs.core.stats.counters import Rates, Totals
from pyvs.netlink.attributes import DAEMON, DEST, SERVICE, STATS, STATS64, TOP, Table
from pyvs.netlink.codec import MalformedError, Values, decode, encode

_FLAGS: Final = Struct("=II")
_WIDTH: Final = {Family.INET: 4, Family.INET6: 16}
_FAMILIES: Final[dict[int, Family]] = {int(family): family for family in _WIDTH}
_ADDRESS: Final = 16
"""Addresses travel in 16 bytes; IPv4 is the first four. Kernel: `union nf_inet_addr`."""
_U32: Final = 0xFFFFFFFF
REMEMBERED: Final = 1024
"""Counters whose bytes are known: most of many servers read the same, zero."""
KEYS: Final = 64
"""Keys of services whose bytes are known: many servers in a row are of one."""


def _bytes(top: Mapping[str, Any], name: str) -> bytes:
    if name not in top:
        raise ControlError(Errno.EINVAL, f"the attribute {name} is missing")
    found: bytes = top[name]
    return found


def _decoded(nest: bytes, table: Table) -> Values:
    try:
        return decode(table, nest)
    except MalformedError as problem:
        raise ControlError(Errno.EINVAL, str(problem)) from None


def _nest(top: Mapping[str, Any], name: str, table: Table) -> Values:
    return _decoded(_bytes(top, name), table)


def _need(values: Values, table: str, *names: str) -> None:
    for each in names:
        if each not in values:
            missing = ", ".join(name for name in names if name not in values)
            raise ControlError(Errno.EINVAL, f"{table} lacks {missing}")


def _family(number: int, what: str) -> Family:
    family = _FAMILIES.get(number)
    if family is None:
        raise ControlError(Errno.EAFNOSUPPORT, f"{what} has address family {number}: expected 2 or 10")
    return family


def _swap(netmask: int, af: Family) -> int:
    """Between the mask as a number and as it lies in memory: only IPv4's is in network byte order."""
    if af == Family.INET6 or sys.byteorder == "big":
        return netmask
    return int.from_bytes(netmask.to_bytes(4, "little"), "big")


# Services


def _key(values: Values) -> ServiceKey:
    _need(values, "SERVICE", "af")
    if "fwmark" not in values:
        _need(values, "SERVICE", "protocol", "addr", "port")
    af = _family(values["af"], "the service")
    width = _WIDTH[af]
    if "fwmark" in values:
        return ServiceKey(af, Proto.TCP, bytes(width), 0, values["fwmark"])
    return ServiceKey(af, values["protocol"], values["addr"].ljust(_ADDRESS, b"\0")[:width], values["port"])


def read_service_key(top: Mapping[str, Any]) -> ServiceKey:
    """Which service a request is about. Raises ControlError EINVAL, EAFNOSUPPORT."""
    return _key_of(_bytes(top, "service"))


@lru_cache(maxsize=KEYS)
def _key_of(nest: bytes) -> ServiceKey:
    return _key(_decoded(nest, SERVICE))


def read_service(top: Mapping[str, Any]) -> ServiceSpec:
    """All of a service, as NEW_SERVICE and SET_SERVICE need it. Raises ControlError EINVAL, EAFNOSUPPORT."""
    values = _nest(top, "service", SERVICE)
    return _service(values)


def _service(values: Values) -> ServiceSpec:
    key = _key(values)
    _need(values, "SERVICE", "sched_name", "flags", "timeout", "netmask")
    flags, mask = _FLAGS.unpack(values["flags"].ljust(_FLAGS.size, b"\0"))
    return ServiceSpec(
        key,
        scheduler=values["sched_name"],
        flags=flags,
        flags_mask=mask,
        timeout=values["timeout"],
        netmask=_swap(values["netmask"], key.af),
        pe=values.get("pe_name", ""),
    )


def write_service_key(key: ServiceKey) -> Values:
    """The attributes that say which service."""
    if key.fwmark:
        return {"af": key.af, "fwmark": key.fwmark}
    return {
        "af": key.af,
        "protocol": key.protocol,
        "addr": key.addr.ljust(_ADDRESS, b"\0"),
        "port": key.port,
    }


@lru_cache(maxsize=KEYS)
def write_service_nest(key: ServiceKey) -> bytes:
    """The same as bytes."""
    return encode(SERVICE, write_service_key(key))


def write_service(spec: ServiceSpec) -> Values:
    """The attributes of a whole service, in the kernel's order. Kernel: `ip_vs_genl_fill_service`."""
    return {
        **write_service_key(spec.key),
        "sched_name": spec.scheduler,
        "pe_name": spec.pe or None,
        "flags": _FLAGS.pack(spec.flags, spec.flags_mask),
        "timeout": spec.timeout,
        "netmask": _swap(spec.netmask, spec.key.af),
    }


def write_service_view(view: ServiceView) -> bytes:
    """NEW_SERVICE as an answer to GET_SERVICE."""
    values = write_service(view.spec)
    values["flags"] = _FLAGS.pack(view.spec.flags, _U32)
    return encode(TOP, {"service": encode(SERVICE, {**values, **_write_stats(view.totals, view.rates)})})


def read_service_view(top: Mapping[str, Any]) -> ServiceView:
    """An answer to GET_SERVICE. The number of destinations is not in it: 0. Raises ControlError EINVAL."""
    values = _nest(top, "service", SERVICE)
    return ServiceView(_service(values), 0, *_read_stats(values))


# Destinations


def read_dest(top: Mapping[str, Any], service_af: Family, *, full: bool = True) -> DestSpec:
    """A destination; with `full` all that NEW_DEST and SET_DEST need. Raises ControlError EINVAL, EAFNOSUPPORT.

    Kernel: `ip_vs_genl_parse_dest`, which judges what is there before the family.
    """
    return _dest(_nest(top, "dest", DEST), service_af, full=full)


def _dest(values: Values, service_af: Family, *, full: bool = True) -> DestSpec:
    _need(values, "DEST", "addr", "port")
    if full:
        _need(values, "DEST", "fwd_method", "weight", "u_thresh", "l_thresh")
    af = _family(values.get("addr_family", 0) or service_af, "the destination")
    key = DestKey(values["addr"].ljust(_ADDRESS, b"\0")[: _WIDTH[af]], values["port"], af)
    return DestSpec(
        key,
        forward=values.get("fwd_method", 0) & FWD_MASK,
        weight=values.get("weight", 0),
        u_threshold=values.get("u_thresh", 0),
        l_threshold=values.get("l_thresh", 0),
        tun_type=values.get("tun_type", TunType.IPIP),
        tun_port=values.get("tun_port", 0),
        tun_flags=values.get("tun_flags", 0),
    )


def write_dest_key(key: DestKey, service_af: Family) -> Values:
    """The attributes that say which destination."""
    return {
        "addr_family": service_af if key.af is None else key.af,
        "addr": key.addr.ljust(_ADDRESS, b"\0"),
        "port": key.port,
    }


def write_dest(spec: DestSpec, service_af: Family) -> Values:
    """The attributes of a destination as NEW_DEST and SET_DEST take them."""
    return {
        **write_dest_key(spec.key, service_af),
        "fwd_method": spec.forward & FWD_MASK,
        "weight": spec.weight,
        "u_thresh": spec.u_threshold,
        "l_thresh": spec.l_threshold,
        "tun_type": spec.tun_type,
        "tun_port": spec.tun_port,
        "tun_flags": spec.tun_flags,
    }


def write_dest_view(view: DestView, service_af: Family) -> bytes:
    """NEW_DEST as an answer to GET_DEST. Kernel: `ip_vs_genl_fill_dest`."""
    spec = view.spec
    values = {
        "addr": spec.key.addr.ljust(_ADDRESS, b"\0"),
        "port": spec.key.port,
        "fwd_method": spec.forward & FWD_MASK,
        "weight": spec.weight,
        "tun_type": spec.tun_type,
        "tun_port": spec.tun_port,
        "tun_flags": spec.tun_flags,
        "u_thresh": spec.u_threshold,
        "l_thresh": spec.l_threshold,
        "active_conns": view.activeconns & _U32,
        "inact_conns": view.inactconns & _U32,
        "persist_conns": view.persistconns & _U32,
        "addr_family": service_af if spec.key.af is None else spec.key.af,
        **_write_stats(view.totals, view.rates),
    }
    return encode(TOP, {"dest": encode(DEST, values)})


def read_dest_view(top: Mapping[str, Any], service_af: Family) -> DestView:
    """An answer to GET_DEST. Raises ControlError EINVAL."""
    values = _nest(top, "dest", DEST)
    return DestView(
        _dest(values, service_af),
        values.get("active_conns", 0),
        values.get("inact_conns", 0),
        values.get("persist_conns", 0),
        *_read_stats(values),
    )


# Counters


@lru_cache(maxsize=REMEMBERED)
def _write_stats(totals: Totals, rates: Rates) -> Mapping[str, bytes]:
    numbers = {**totals._asdict(), **rates._asdict()}
    narrow = {
        name: value & (_U32 if "bytes" not in name else (1 << 64) - 1) for name, value in numbers.items()
    }
    wide = {name: value & (1 << 64) - 1 for name, value in numbers.items()}
    return {"stats": encode(STATS, narrow), "stats64": encode(STATS64, wide)}


def _read_stats(values: Values) -> tuple[Totals, Rates]:
    name, table = ("stats64", STATS64) if "stats64" in values else ("stats", STATS)
    return _stats_of(values[name], table) if name in values else (Totals(), Rates())


@lru_cache(maxsize=REMEMBERED)
def _stats_of(nest: bytes, table: Table) -> tuple[Totals, Rates]:
    numbers = _decoded(nest, table)
    totals = Totals(*(numbers.get(field, 0) for field in Totals._fields))
    return totals, Rates(*(numbers.get(field, 0) for field in Rates._fields))


# Synchronisation daemons and timeouts


def _role(number: int) -> SyncState:
    if number not in (SyncState.MASTER, SyncState.BACKUP):
        raise ControlError(Errno.EINVAL, f"role {number} is neither 1 (master) nor 2 (backup)")
    return SyncState(number)


def read_daemon(top: Mapping[str, Any]) -> DaemonSpec:
    """A role to be started. Raises ControlError EINVAL. Kernel: `ip_vs_genl_new_daemon`."""
    values = _nest(top, "daemon", DAEMON)
    _need(values, "DAEMON", "state", "mcast_ifn", "sync_id")
    group = b""
    if "mcast_group" in values:
        group = values["mcast_group"].to_bytes(4, sys.byteorder)
    elif "mcast_group6" in values:
        group = values["mcast_group6"]
    return DaemonSpec(
        _role(values["state"]),
        values["mcast_ifn"],
        syncid=values["sync_id"],
        maxlen=values.get("sync_maxlen", 0),
        group=group,
        port=values.get("mcast_port", 0),
        ttl=values.get("mcast_ttl", 0),
    )


def read_daemon_state(top: Mapping[str, Any]) -> SyncState:
    """Which role is to be stopped. Raises ControlError EINVAL. Kernel: `ip_vs_genl_del_daemon`."""
    values = _nest(top, "daemon", DAEMON)
    _need(values, "DAEMON", "state")
    return _role(values["state"])


def write_daemon(spec: DaemonSpec, *, answer: bool = False) -> bytes:
    """NEW_DAEMON: as a request without what is left to the director, as an answer with everything.

    Kernel: `ip_vs_genl_fill_daemon`.
    """
    group = spec.group
    values: Values = {
        "state": spec.state,
        "mcast_ifn": spec.ifn,
        "sync_id": spec.syncid & _U32,
        "sync_maxlen": spec.maxlen if answer or spec.maxlen else None,
        "mcast_port": spec.port if answer or spec.port else None,
        "mcast_ttl": spec.ttl if answer or spec.ttl else None,
        "mcast_group": int.from_bytes(group, sys.byteorder) if len(group) == 4 else None,
        "mcast_group6": group if len(group) == _ADDRESS else None,
    }
    return encode(TOP, {"daemon": encode(DAEMON, values)})


def read_timeouts(top: Mapping[str, Any]) -> Timeouts:
    """SET_CONFIG; what is not there is 0."""
    return Timeouts(top.get("timeout_tcp", 0), top.get("timeout_tcp_fin", 0), top.get("timeout_udp", 0))


def write_timeouts(timeouts: Timeouts) -> bytes:
    """SET_CONFIG, as a request and as an answer to GET_CONFIG."""
    return encode(
        TOP,
        {
            "timeout_tcp": timeouts.tcp,
            "timeout_tcp_fin": timeouts.tcp_fin,
            "timeout_udp": timeouts.udp,
        },
    )
