"""Rules as rows: what is sent beside the family's messages, and what stands in a journal. A row is a JSON array.

    ["service", KEY, scheduler, flags, timeout, netmask, persistence engine]
    ["server", KEY, SERVER, method, weight, upper, lower threshold, tunnel type, port, flags]
    ["policy", KEY, idle seconds, "silent" or "rst", whether UDP leaves]
    ["masquerade", WORD, ...]                                   words as in masquerade.py

KEY is `tcp/192.0.2.100/80`, `fwm/5` or `fwm6/5`; SERVER is `10.1.0.11/8080`. What is read is judged: hostile rows are
refused by ControlError(EINVAL).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import wraps
from json.encoder import encode_basestring_ascii
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Any, Final, ParamSpec, TypeVar

from pyvs.core.control.native import Rule
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Family, Proto
from pyvs.core.masquerade.requests import Request
from pyvs.core.policy.policy import DEFAULT, AtExpiry, Policy
from pyvs.netlink import masquerade

Row = Sequence[Any]
P = ParamSpec("P")
T = TypeVar("T")

_NAMES: Final[dict[int, str]] = {Proto.TCP: "tcp", Proto.UDP: "udp", Proto.SCTP: "sctp"}
_NUMBERS: Final = {name: int(number) for number, name in _NAMES.items()}
_U32: Final = 0xFFFFFFFF
_U16: Final = 0xFFFF

_encode: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, check_circular=False).encode
_PLAIN: Final[dict[type, Callable[[Any], str]]] = {str: encode_basestring_ascii, int: str}


def text_of(row: Row) -> str:
    """A row as a line, without its end."""
    try:
        return f"[{','.join([_PLAIN[type(each)](each) for each in row])}]"
    except KeyError:  # not only texts and numbers: this takes twice as long
        return _encode(row)


def row_of(text: str | bytes) -> list[Any]:
    """The row of a line. Raises ControlError(EINVAL)."""
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        raise ControlError(Errno.EINVAL, f"{text[:60]!r} is no row: expected a JSON array") from None
    if not isinstance(row, list) or not row:
        raise ControlError(Errno.EINVAL, f"{text[:60]!r} is no row: expected a JSON array")
    return row


def judged(read: Callable[P, T]) -> Callable[P, T]:
    """Whatever is wrong with a row is told as a refusal."""

    @wraps(read)
    def reading(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return read(*args, **kwargs)
        except (ValueError, TypeError, IndexError, KeyError, OSError, OverflowError, AttributeError):
            raise ControlError(
                Errno.EINVAL, f"{str(args)[:120]} is no row that {read.__name__} understands"
            ) from None

    return reading


def number(value: Any, low: int, high: int) -> int:
    """A whole number within limits. Raises ValueError."""
    if type(value) is not int or not low <= value <= high:
        raise ValueError
    return value


def seconds(value: Any) -> float:
    """A time. Raises ValueError."""
    if type(value) not in (int, float) or not 0 <= value < 1e12:
        raise ValueError
    return float(value)


def word(value: Any, longest: int) -> str:
    """A short text. Raises ValueError."""
    if not isinstance(value, str) or len(value) > longest:
        raise ValueError
    return value


# ---- keys ------------------------------------------------------------------


def key_text(key: ServiceKey) -> str:
    """A service in a word."""
    if key.fwmark:
        return f"fwm6/{key.fwmark}" if key.af == Family.INET6 else f"fwm/{key.fwmark}"
    name = _NAMES.get(key.protocol) or key.protocol
    return f"{name}/{inet_ntop(key.af, key.addr)}/{key.port}"


@judged
def read_key(text: Any) -> ServiceKey:
    """The service of a word. Raises ControlError(EINVAL)."""
    parts = text.split("/")
    if parts[0] in ("fwm", "fwm6"):
        (mark,) = parts[1:]
        af = Family.INET if parts[0] == "fwm" else Family.INET6
        return ServiceKey(af, Proto.TCP, bytes(4 if af == Family.INET else 16), 0, number(int(mark), 1, _U32))
    name, addr, port = parts
    protocol = _NUMBERS[name] if name in _NUMBERS else number(int(name), 0, _U16)
    af, packed = _address(addr)
    return ServiceKey(af, protocol, packed, number(int(port), 0, _U16))


def dest_text(key: DestKey) -> str:
    """A server in a word."""
    return f"{inet_ntop(AF_INET if len(key.addr) == 4 else AF_INET6, key.addr)}/{key.port}"


@judged
def read_dest_key(text: Any) -> DestKey:
    """The server of a word. Raises ControlError(EINVAL)."""
    addr, port = text.split("/")
    af, packed = _address(addr)
    return DestKey(packed, number(int(port), 0, _U16), af)


def _address(text: str) -> tuple[Family, bytes]:
    if ":" in text:
        return Family.INET6, inet_pton(AF_INET6, text)
    return Family.INET, inet_pton(AF_INET, text)


# ---- rows ------------------------------------------------------------------


def service_row(spec: ServiceSpec) -> Row:
    """What makes a service."""
    return (
        "service",
        key_text(spec.key),
        spec.scheduler,
        spec.flags,
        spec.timeout,
        spec.netmask,
        spec.pe,
    )


@judged
def read_service(row: Row) -> ServiceSpec:
    """The service of a row. Raises ControlError(EINVAL)."""
    _, key, scheduler, flags, timeout, netmask, pe = row
    return ServiceSpec(
        read_key(key),
        word(scheduler, 16),
        number(flags, 0, _U32),
        timeout=number(timeout, 0, _U32),
        netmask=number(netmask, 0, _U32),
        pe=word(pe, 16),
    )


def server_row(key: ServiceKey, spec: DestSpec) -> Row:
    """What makes a server of a service."""
    return (
        "server",
        key_text(key),
        dest_text(spec.key),
        int(spec.forward),
        spec.weight,
        spec.u_threshold,
        spec.l_threshold,
        int(spec.tun_type),
        spec.tun_port,
        int(spec.tun_flags),
    )


@judged
def read_server(row: Row) -> tuple[ServiceKey, DestSpec]:
    """The service and the server of a row. Raises ControlError(EINVAL)."""
    _, key, dest, forward, weight, upper, lower, tun_type, tun_port, tun_flags = row
    return read_key(key), DestSpec(
        read_dest_key(dest),
        forward=number(forward, 0, _U32),
        weight=number(weight, 0, 0x7FFFFFFF),
        u_threshold=number(upper, 0, _U32),
        l_threshold=number(lower, 0, _U32),
        tun_type=number(tun_type, 0, 255),
        tun_port=number(tun_port, 0, _U16),
        tun_flags=number(tun_flags, 0, _U16),
    )


def policy_row(key: ServiceKey, policy: Policy) -> Row:
    """A service's policy."""
    return "policy", key_text(key), policy.idle, policy.at_expiry.value, policy.udp_leaves


@judged
def read_policy(row: Row) -> tuple[ServiceKey, Policy]:
    """The service and the policy of a row. Raises ControlError(EINVAL)."""
    _, key, idle, at_expiry, leaves = row
    if type(leaves) is not bool:
        raise ValueError
    return read_key(key), Policy(seconds(idle), AtExpiry(at_expiry), leaves)


def masquerade_row(request: Request) -> Row:
    """A request to masquerading."""
    return "masquerade", *masquerade.write(request).split("\0")


@judged
def read_masquerade(row: Row) -> Request:
    """The request of a row. Raises ControlError(EINVAL)."""
    return masquerade.read("\0".join(row[1:]))


def rule_rows(rule: Rule) -> list[Row]:
    """A service, its servers and, if it has one, its policy."""
    service, servers, policy = rule
    rows = [service_row(service), *(server_row(service.key, server) for server in servers)]
    if policy != DEFAULT:
        rows.append(policy_row(service.key, policy))
    return rows
