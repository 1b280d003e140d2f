"""Whatever the bytes: the engine gives a verdict with a counted reason, sends only whole packets, keeps little."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from fuzz.packets import CLIENT, CLIENT6, HOOKS, SEEDS, VIP, as_received, director, fragment6, mutated, offer
from hypothesis import given, settings
from hypothesis import strategies as st

from pyvs.core.flags import Hook, PacketType, Proto
from pyvs.core.packet.fragments import MOST_WAITING
from pyvs.core.reasons import Reason
from pyvs.testing.wire import icmp, ip

FUZZER = Path(__file__).parents[2] / "fuzz" / "packets.py"

known = st.fixed_dictionaries(
    {
        "mark": st.sampled_from((0, 0, 7)),
        "iif": st.sampled_from(("eth0", "lo", "")),
        "type": st.sampled_from((PacketType.HOST, PacketType.HOST, PacketType.BROADCAST)),
    }
)
extensions = st.sampled_from((0, 43, 44, 51, 60))
hooks = st.sampled_from(HOOKS)
names = st.sampled_from(sorted(SEEDS))
knobs = st.fixed_dictionaries(
    {
        name: st.integers(0, 1)
        for name in ("nat_icmp_send", "schedule_icmp", "sloppy_tcp", "conntrack", "pmtu_disc")
    }
)


def examples(few: int) -> int:
    return settings().max_examples * few // 100


@settings(max_examples=examples(150))
@given(
    st.booleans(),
    knobs,
    st.lists(
        st.tuples(names, st.integers(0, 3), hooks, known, st.sampled_from((0.0, 1.0, 40.0))), max_size=12
    ),
    st.randoms(use_true_random=False),
)
def test_good_packets_gone_bad(
    masquerading: bool,
    knobs: dict[str, int],
    course: list[tuple[str, int, Hook, dict[str, Any], float]],
    random: Random,
) -> None:
    engine = director(masquerading=masquerading, **knobs)
    now = 1.0
    for name, times, hook, known, pause in course:
        now += pause
        engine.handle_timeouts(now)
        offer(engine, mutated(SEEDS[name], random, times), hook, now, **known)


@settings(max_examples=examples(200))
@given(st.binary(max_size=120), hooks, known, st.sampled_from((None, 4, 6)))
def test_noise(data: bytes, hook: Hook, known: dict[str, Any], version: int | None) -> None:
    if version and data:
        data = bytes((version << 4 | 5,)) + data[1:]
    offer(ENGINE, data, hook, 1.0, **known)


@settings(max_examples=examples(200))
@given(
    st.sampled_from((3, 4, 11, 12)),
    st.integers(0, 15),
    st.integers(0, 0xFFFFFFFF),
    st.binary(max_size=80),
    hooks,
)
def test_icmp_that_quotes_noise(kind: int, code: int, rest: int, quoted: bytes, hook: Hook) -> None:
    offer(ENGINE, icmp(CLIENT, VIP, kind, code, rest, b"\x45" + quoted), hook, 1.0)


@settings(max_examples=examples(200))
@given(
    st.lists(
        st.tuples(
            st.sampled_from((0, 43, 44, 51, 60)), st.integers(0, 255), st.binary(min_size=6, max_size=30)
        )
    )
)
def test_chains_of_extension_headers_that_lie(chain: list[tuple[int, int, bytes]]) -> None:
    kinds = [kind for kind, _, _ in chain] + [int(Proto.TCP)]
    body = b"".join(
        bytes((follows, size)) + rest for follows, (_, size, rest) in zip(kinds[1:], chain, strict=True)
    )
    offer(ENGINE, ip(CLIENT6, "2001:db8::100", kinds[0], body + bytes(20)), Hook.LOCAL_IN, 1.0)


@settings(max_examples=examples(150))
@given(
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 40), st.booleans(), st.integers(0, 1)), max_size=20),
)
def test_fragments_in_any_disorder(six: bool, pieces: list[tuple[int, int, bool, int]]) -> None:
    engine = director()
    for place, size, more, ident in pieces:
        if six:
            data = fragment6(bytes(size), place * 8, more, ident)
        else:
            word = place | (0x2000 if more else 0)
            data = ip(CLIENT, VIP, Proto.UDP, bytes(size), fragment=word, ident=ident, df=False)
        offer(engine, data, Hook.LOCAL_IN, 1.0)
    offer(engine, SEEDS["tcp4-syn"], Hook.LOCAL_IN, 100.0)
    engine.ns.reassembly.expire(100.0)
    assert len(engine.ns.reassembly) == 0


def test_a_flood_of_first_fragments_is_bounded() -> None:
    engine = director()
    for ident in range(3 * MOST_WAITING):
        data = ip(CLIENT, VIP, Proto.UDP, bytes(64), fragment=0x2000, ident=ident & 0xFFFF, df=False)
        verdict = offer(engine, data, Hook.LOCAL_IN, 1.0)
        assert verdict.reason is Reason.FRAGMENT_QUEUED
    assert len(engine.ns.reassembly) == MOST_WAITING


def test_a_flood_of_tiny_fragments_of_one_packet_is_bounded() -> None:
    engine = director()
    reasons = []
    for place in range(0, 4000, 2):
        data = ip(CLIENT, VIP, Proto.UDP, bytes(8), fragment=0x2000 | place, df=False)
        reasons.append(offer(engine, data, Hook.LOCAL_IN, 1.0).reason)
    assert set(reasons) == {Reason.FRAGMENT_QUEUED, Reason.BAD_FRAGMENT}


def test_the_seeds_reach_what_they_are_to_reach() -> None:
    engine = director(nat_icmp_send=1)
    for name, data in SEEDS.items():
        hook = Hook.FORWARD if "reply" in name or "server" in name or "epsv" in name else Hook.LOCAL_IN
        offer(engine, data, hook, 1.0, iif="eth0")
    reached = set(engine.ns.reasons)
    assert reached >= {
        Reason.FORWARDED, Reason.REPLY, Reason.TTL_EXCEEDED, Reason.NOT_AN_OPENER, Reason.TUNNEL_ICMP,
        Reason.ICMP_REPLY, Reason.FRAGMENT_QUEUED, Reason.BAD_FRAGMENT, Reason.UNKNOWN_PROTOCOL,
    }  # fmt: skip


def test_bytes_behind_the_end_are_not_handed_over() -> None:
    for data in SEEDS.values():
        assert as_received(data + b"trailer") == data


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_fuzzer_runs_by_itself(seed: str) -> None:
    done = subprocess.run(
        [sys.executable, str(FUZZER), "--seconds", "0.3", "--seed", seed],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "nothing found" in done.stdout


ENGINE = director(schedule_icmp=1, nat_icmp_send=1)
