"""The order of listings: by mark, family, protocol, address and port.

Numbers are compared by their difference in 32 bits, as the original does: 192.0.2.1 comes before 10.0.0.1. As such
an order is not transitive, the way of sorting shows: it is a merge sort by halves. Kept for equal listings.
"""

from collections.abc import Callable, Sequence
from struct import Struct
from typing import Final, Generic, NamedTuple, TypeVar

from pyvs.core.control.specs import DestView, ServiceView
from pyvs.core.flags import Family

T = TypeVar("T", ServiceView, DestView)
_WORDS: Final = Struct("!IIII")


class _Item(NamedTuple, Generic[T]):
    """What is sorted, with what it is sorted by at hand."""

    fwmark: int
    af: int | None
    protocol: int
    words: tuple[int, ...]
    port: int
    view: T


def _difference(a: int, b: int) -> int:
    """A minus b as a signed number of 32 bits."""
    return (a - b + 0x80000000 & 0xFFFFFFFF) - 0x80000000


def _words(addr: bytes) -> tuple[int, ...]:
    return _WORDS.unpack(addr.ljust(_WORDS.size, b"\0"))


def _compare_addresses(a: tuple[int, ...], b: tuple[int, ...], words: int) -> int:
    for x, y in zip(a[:words], b, strict=False):
        if x != y:
            return _difference(x, y)
    return 0


def _compare_services(x: _Item[ServiceView], y: _Item[ServiceView]) -> int:
    if x.fwmark != y.fwmark:
        return _difference(x.fwmark, y.fwmark)
    if x.af != y.af:
        return (x.af or 0) - (y.af or 0)
    if x.fwmark:
        return 0
    return x.protocol - y.protocol or _compare_addresses(x.words, y.words, 4) or x.port - y.port


def _compare_dests(x: _Item[DestView], y: _Item[DestView]) -> int:
    """By the first one's family: an IPv4 address is compared with the beginning of an IPv6 one."""
    return _compare_addresses(x.words, y.words, 4 if x.af == Family.INET6 else 1) or x.port - y.port


def _sorted(items: Sequence[_Item[T]], compare: Callable[[_Item[T], _Item[T]], int]) -> Sequence[_Item[T]]:
    if len(items) < 2:
        return items
    half = len(items) // 2
    left, right = _sorted(items[:half], compare), _sorted(items[half:], compare)
    merged: list[_Item[T]] = []
    i = j = 0
    while i < len(left) and j < len(right):
        if compare(left[i], right[j]) <= 0:
            merged.append(left[i])
            i += 1
        else:
            merged.append(right[j])
            j += 1
    merged += left[i:]
    merged += right[j:]
    return merged


def sort_services(views: Sequence[ServiceView]) -> list[ServiceView]:
    """Services in the order of listings."""
    keys = [(view.spec.key, view) for view in views]
    items = [_Item(key.fwmark, key.af, key.protocol, _words(key.addr), key.port, view) for key, view in keys]
    return [item.view for item in _sorted(items, _compare_services)]


def sort_dests(views: Sequence[DestView]) -> list[DestView]:
    """The servers of a service in the order of listings."""
    keys = [(view.spec.key, view) for view in views]
    items = [_Item(0, key.af, 0, _words(key.addr), key.port, view) for key, view in keys]
    return [item.view for item in _sorted(items, _compare_dests)]
