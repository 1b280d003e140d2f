"""The order of listings: by mark, family, protocol, address and port.

Numbers are compared by their difference in 32 bits, as the original does: 192.0.2.1 comes before 10.0.0.1. As such
an order is not transitive, the way of sorting shows: it is a merge sort by halves. Kept for equal listings.
"""

from collections.abc import Callable, Sequence
from itertools import zip_longest
from struct import iter_unpack
from typing import TypeVar

from pyvs.core.control.specs import DestView, ServiceView
from pyvs.core.flags import Family

T = TypeVar("T")


def _difference(a: int, b: int) -> int:
    """A minus b as a signed number of 32 bits."""
    return (a - b + 0x80000000 & 0xFFFFFFFF) - 0x80000000


def _words(addr: bytes) -> list[int]:
    return [word for (word,) in iter_unpack("!I", addr)]


def _compare_addresses(a: bytes, b: bytes, words: int) -> int:
    pairs = zip_longest(_words(a)[:words], _words(b)[:words], fillvalue=0)
    return next((r for r in (_difference(x, y) for x, y in pairs) if r), 0)


def _compare_services(a: ServiceView, b: ServiceView) -> int:
    x, y = a.spec.key, b.spec.key
    if x.fwmark != y.fwmark:
        return _difference(x.fwmark, y.fwmark)
    if x.af != y.af:
        return x.af - y.af
    if x.fwmark:
        return 0
    return x.protocol - y.protocol or _compare_addresses(x.addr, y.addr, 4) or x.port - y.port


def _compare_dests(a: DestView, b: DestView) -> int:
    """By the first one's family: an IPv4 address is compared with the beginning of an IPv6 one."""
    x, y = a.spec.key, b.spec.key
    words = 4 if x.af == Family.INET6 else 1
    return _compare_addresses(x.addr, y.addr, words) or x.port - y.port


def _sorted(items: Sequence[T], compare: Callable[[T, T], int]) -> list[T]:
    if len(items) < 2:
        return list(items)
    half = len(items) // 2
    left, right = _sorted(items[:half], compare), _sorted(items[half:], compare)
    merged: list[T] = []
    i = j = 0
    while i < len(left) and j < len(right):
        if compare(left[i], right[j]) <= 0:
            merged.append(left[i])
            i += 1
        else:
            merged.append(right[j])
            j += 1
    return merged + left[i:] + right[j:]


def sort_services(views: Sequence[ServiceView]) -> list[ServiceView]:
    """Services in the order of listings."""
    return _sorted(views, _compare_services)


def sort_dests(views: Sequence[DestView]) -> list[DestView]:
    """The servers of a service in the order of listings."""
    return _sorted(views, _compare_dests)
