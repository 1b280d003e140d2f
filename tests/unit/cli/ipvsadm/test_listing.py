from dataclasses import replace

import pytest

from pyvs.cli.ipvsadm.grammar import Option
from pyvs.cli.ipvsadm.listing import (
    HEADERS,
    Columns,
    Format,
    columns_of,
    large,
    scheduler_flags,
    service_lines,
    service_name,
    signed,
)
from pyvs.core.control.specs import DestKey, DestSpec, DestView, ServiceKey, ServiceSpec, ServiceView
from pyvs.core.flags import Family, Forward, ServiceFlag
from pyvs.core.stats.counters import Rates, Totals

WEB = ServiceKey(Family.INET, 6, bytes([192, 0, 2, 100]), 80)
TOTALS = Totals(1, 99_999_999, 100_000_000, 123_456_789_012, 1 << 63)
RATES = Rates(1, 2, 123_456_789, 99_999_999_999, 100_000_000_000)
SERVICE = ServiceView(ServiceSpec(WEB, "rr"), 1, TOTALS, RATES)
DEST = DestView(DestSpec(DestKey(bytes([10, 1, 0, 11]), 8080), weight=7), 5, 6, 2, TOTALS, RATES)


@pytest.mark.parametrize(
    ("number", "short", "exact"),
    [
        (0, "        0", "        0"),
        (99_999_999, " 99999999", " 99999999"),
        (100_000_000, "  100000K", " 100000000"),
        (999_999_999, "  999999K", " 999999999"),
        (1_000_000_000, "    1000M", " 1000000000"),
        (99_999_999_999, "   99999M", " 99999999999"),
        (100_000_000_000, "     100G", " 100000000000"),
        (99_999_999_999_999, "   99999G", " 99999999999999"),
        (100_000_000_000_000, "     100T", " 100000000000000"),
        ((1 << 64) - 1, "18446744T", " 18446744073709551615"),
    ],
)
def test_large_numbers(number: int, short: str, exact: str) -> None:
    assert large(number, exact=False) == short
    assert large(number, exact=True) == exact


def lines(columns: Columns, *, exact: bool = False) -> list[str]:
    return list(service_lines(SERVICE, [DEST], Format(columns, exact)))


def test_counters() -> None:
    assert lines(Columns.STATS) == [
        "TCP  192.0.2.100:80                      1 99999999  100000K     123G 9223372T",
        "  -> 10.1.0.11:8080                      1 99999999  100000K     123G 9223372T",
    ]


def test_rates_of_servers_are_plain_up_to_the_packets() -> None:
    assert lines(Columns.RATE) == [
        "TCP  192.0.2.100:80                      1        2  123456K   99999M     100G",
        "  -> 10.1.0.11:8080                      1        2 123456789   99999M     100G",
    ]
    assert lines(Columns.RATE, exact=True)[1] == (
        "  -> 10.1.0.11:8080                      1        2 123456789 99999999999 100000000000"
    )


@pytest.mark.parametrize(
    ("columns", "rest"),
    [
        (Columns.PLAIN, "Masq    7      5          6         "),
        (Columns.THRESHOLDS, "0          0          5          6         "),
        (Columns.PERSISTENT, "7         2           5          6         "),
        (Columns.TUNNEL, "Masq    n/a           7      5          6         "),
    ],
)
def test_other_columns(columns: Columns, rest: str) -> None:
    assert lines(columns)[1] == f"{'  -> 10.1.0.11:8080':<34}{rest}"


def test_each_format_has_two_lines_of_header() -> None:
    assert set(HEADERS) == set(Columns)
    assert all(len(header) == 2 for header in HEADERS.values())


def test_of_several_formats_the_first_counts() -> None:
    assert columns_of({Option.RATE, Option.STATS}) is Columns.STATS
    assert columns_of({Option.TUN_INFO, Option.PERSISTENT_CONN}) is Columns.PERSISTENT
    assert columns_of({Option.NUMERIC}) is Columns.PLAIN


def test_methods_and_tunnels_that_nobody_knows_are_shown_all_the_same() -> None:
    odd = replace(DEST, spec=replace(DEST.spec, forward=7))
    assert " Masq " in list(service_lines(SERVICE, [odd], Format()))[1]
    odd = replace(DEST, spec=replace(DEST.spec, forward=Forward.TUNNEL, tun_type=9, tun_flags=77))
    assert " ipip " in list(service_lines(SERVICE, [odd], Format(Columns.TUNNEL)))[1]
    assert service_name(ServiceKey(Family.INET, 50, bytes(4), 1), None) == "SCTP 0.0.0.0:1"


def test_marks_may_come_out_negative() -> None:
    assert [signed(0x7FFFFFFF), signed(0x80000000), signed(0xFFFFFFFF)] == [0x7FFFFFFF, -0x80000000, -1]


def test_flags_are_named_by_their_scheduler() -> None:
    both = ServiceFlag.SCHED1 | ServiceFlag.SCHED3
    assert scheduler_flags("rr", both) == "flag-1,flag-3"
    assert scheduler_flags("sh", both) == "sh-fallback"
    assert scheduler_flags("mh", ServiceFlag.SCHED2) == "mh-port"
