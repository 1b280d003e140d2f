"""What may be written into a knob, and how it reads: all rows were recorded from Linux 6.1."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.errors import ControlError, Errno
from pyvs.core.sysctl.table import Sysctl

# fmt: off
RECORDED = [
    # name, writes one after another: text and what the file reads then, None: EINVAL
    ("am_droprate", [("5 abc", "5"), ("abc", None), ("", "5"), ("\n", None), (" 0x10", "16"), ("010", "8"),
                     ("-3", "-3"), ("+3", None), ("2147483648", None), ("-2147483648", "-2147483648"),
                     ("-2147483649", None), ("7x", None), ("00000000000000000000000000012", None), ("10", "10"),
                     ("\\n", None), ("0x", None), ("08", None), ("- 3", None)]),
    ("drop_entry", [("4", None), ("-1", None), ("2", "2"), ("1", "1"), ("0", "0")]),
    ("secure_tcp", [("5", None), ("2 1", "2"), ("9 1", None)]),
    ("sync_version", [("2", None), ("-1", None), ("0", "0")]),
    ("sync_ports", [("3", None), ("0", None), ("128", "128"), ("1073741824", "1073741824"), ("-2", None)]),
    ("sync_threshold", [("2", "2\t50"), ("5 5", None), ("5 0", "5\t0"), ("-1 5", None), ("1 2 3", "1\t2"),
                        ("60", None), ("4\t9", "4\t9"), ("4,9", None), ("0 1 x", "0\t1"), ("2 x", None)]),
    ("sync_refresh_period", [("21474836", "21474836"), ("21474837", None), ("-5", "-5"), ("0x10", "16")]),
    ("sync_retries", [("4", None), ("-1", None), ("3", "3")]),
    ("sync_qlen_max", [("-1", None), ("18446744073709551615", "18446744073709551615"),
                       ("18446744073709551616", None), ("5 6", "5"),
                       ("9223372036854775808", "9223372036854775808")]),
    ("sync_sock_size", [("-4", "-4")]),
    ("run_estimation", [("2", "2"), ("-1", "-1")]),
    ("conn_reuse_mode", [("77", "77")]),
    ("backup_only", [("-9", "-9")]),
    ("pmtu_disc", [("100", "100")]),
    ("amemthresh", [("-1", "-1")]),
    ("conntrack", [("2", "2")]),
    ("lblc_expiration", [("5", "5"), ("-5", "-5"), ("99999999", None)]),
]
DEFAULTS = {
    "am_droprate": "10", "amemthresh": "1024", "backup_only": "0", "cache_bypass": "0", "conn_reuse_mode": "1",
    "conntrack": "0", "debug_level": "0", "drop_entry": "0", "drop_packet": "0", "expire_nodest_conn": "0",
    "expire_quiescent_template": "0", "ignore_tunneled": "0", "nat_icmp_send": "0", "pmtu_disc": "1",
    "run_estimation": "1", "schedule_icmp": "0", "secure_tcp": "0", "sloppy_sctp": "0", "sloppy_tcp": "0",
    "snat_reroute": "1", "sync_persist_mode": "0", "sync_ports": "1", "sync_qlen_max": "3900",
    "sync_refresh_period": "0", "sync_retries": "0", "sync_sock_size": "0", "sync_threshold": "3\t50",
    "sync_version": "1",
}
# fmt: on


@pytest.mark.parametrize(("name", "writes"), RECORDED, ids=[row[0] for row in RECORDED])
def test_recorded(name: str, writes: list[tuple[str, str | None]]) -> None:
    sysctl = Sysctl()
    sysctl.bring({"lblc_expiration": 86400})
    for text, reads in writes:
        if reads is None:
            before = sysctl.read(name)
            with pytest.raises(ControlError, match=f"vs.{name} = .*: expected ") as refusal:
                sysctl.write(name, text)
            assert refusal.value.errno == Errno.EINVAL
            assert sysctl.read(name) == before
        else:
            sysctl.write(name, text)
            assert sysctl.read(name) == reads


def test_defaults() -> None:
    sysctl = Sysctl()
    assert {name: sysctl.read(name) for name in sysctl.names()} == DEFAULTS


def test_unknown() -> None:
    sysctl = Sysctl()
    for name in ("nosuch", "extra", "read", "lblc_expiration"):
        with pytest.raises(ControlError) as refusal:
            sysctl.read(name)
        assert refusal.value.errno == Errno.ENOENT
        with pytest.raises(ControlError) as refusal:
            sysctl.write(name, "1")
        assert refusal.value.errno == Errno.ENOENT


def test_brought_knobs_keep_their_values() -> None:
    sysctl = Sysctl()
    sysctl.bring({"lblc_expiration": 86400})
    sysctl.write("lblc_expiration", "5\n")
    sysctl.bring({"lblc_expiration": 86400, "lblcr_expiration": 7})
    assert sysctl.extra == {"lblc_expiration": 5, "lblcr_expiration": 7}


@given(st.sampled_from(Sysctl.names()), st.text(max_size=30))
def test_any_text_is_taken_or_refused(name: str, text: str) -> None:
    sysctl = Sysctl()
    before = sysctl.read(name)
    refusal = None
    try:
        sysctl.write(name, text)
    except ControlError as error:
        refusal = error
    if refusal is not None:
        assert refusal.errno == Errno.EINVAL
        assert sysctl.read(name) == before


@given(st.sampled_from(Sysctl.names()), st.integers(-(1 << 33), 1 << 33))
def test_what_is_read_can_be_written_back(name: str, value: int) -> None:
    sysctl = Sysctl()
    try:
        sysctl.write(name, str(value))
    except ControlError:
        return
    other = Sysctl()
    other.write(name, sysctl.read(name) + "\n")
    assert other == sysctl
