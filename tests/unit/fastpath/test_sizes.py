from __future__ import annotations

from pathlib import Path

import pytest

from pyvs.fastpath import sizes
from pyvs.fastpath.errors import FastPathUnavailable
from pyvs.fastpath.fast import FastPath
from pyvs.fastpath.objects import CONNECTIONS, TEMPLATES
from pyvs.fastpath.tables import LIMITS

GIGABYTE = 1 << 30


def test_an_entry_is_what_the_kernel_makes_of_it() -> None:
    assert sizes.entry_bytes(16, 64) == 144
    assert sizes.entry_bytes(13, 61) == 144
    assert sizes.ENTRY_BYTES == 144
    assert sizes.CONNECTION_BYTES == 2 * (144 + 184)


@pytest.mark.parametrize(
    ("memory", "entries", "most"),
    [
        (GIGABYTE // 4, sizes.LEAST_ENTRIES, 204_600),
        (24 * GIGABYTE, 1 << 21, sizes.MOST),
        (8 * GIGABYTE, 1 << 19, 6_547_206),
        (1024 * GIGABYTE, LIMITS["MAX_CONNECTIONS"], sizes.MOST),
    ],
)
def test_tables_fit_the_memory(memory: int, entries: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "memory", lambda: memory)
    assert sizes.entries_for_memory() == entries
    assert sizes.most_connections() == most


def test_this_host_has_memory() -> None:
    assert sizes.memory() > 1 << 20


def test_templates_are_half_as_many() -> None:
    assert sizes.of_maps(4096) == dict.fromkeys(CONNECTIONS, 4096) | dict.fromkeys(TEMPLATES, 2048)
    assert sizes.of_maps(1)["templates"] == 1
    assert sizes.of_maps(1 << 25)["templates"] == LIMITS["MAX_TEMPLATES"]


@pytest.mark.root
def test_pinned_maps_are_taken_over_as_large_as_they_are(pins: Path) -> None:
    try:
        first = FastPath.open("tc", pins=pins, connections=1000)
    except FastPathUnavailable as why:
        pytest.skip(str(why))
    first.conns4.put(bytes(16), bytes(64))
    first.close()
    assert sizes.pinned(pins, ("conns4", "templates", "nothing")) == {"conns4": 1000, "templates": 500}
    second = FastPath.open("tc", pins=pins)
    assert second.loaded.entries("conns6") == 1000
    assert second.conns4.get(bytes(16)) == bytes(64)
    second.close()
