"""How many ICMP errors we send: the host's own limits, a bucket of tokens a receiver.

Kernel: `icmpv4_xrlim_allow`, `icmpv6_xrlim_allow`, `inet_peer_xrlim_allow`, `icmp_global_allow`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pyvs.core.flags import Proto

BURST: Final = 6
"""Errors that a receiver may get at once. Kernel: `XRLIM_BURST_FACTOR`."""
RECEIVERS_MAX: Final = 16_384
FRAG_NEEDED: Final = (3, 4)
TOO_BIG6: Final = 2

_V4: Final = "/proc/sys/net/ipv4"
_V6: Final = "/proc/sys/net/ipv6/icmp"


class IcmpRate:
    """Decides whether one more ICMP error may be sent to an address."""

    def __init__(
        self,
        *,
        interval: float = 1.0,
        mask: int = 0x1818,
        interval6: float = 1.0,
        global_rate: int = 1000,
        global_burst: int = 50,
    ) -> None:
        """interval: seconds between errors to one receiver (0: no limit), IPv4 and IPv6; mask: IPv4 types that are
        limited; global_rate, global_burst: errors a second, and at once, to all together.
        """  # noqa: D205
        self.interval = interval
        self.mask = mask
        self.interval6 = interval6
        self.global_rate = global_rate
        self.global_burst = global_burst
        self._tokens: dict[bytes, tuple[float, float]] = {}
        """Receiver -> (seconds' worth of tokens, when that was)."""
        self._credit = float(global_burst)
        self._credit_at = 0.0

    @classmethod
    def of_host(cls) -> IcmpRate:
        """With this host's sysctls."""
        return cls(
            interval=_number(f"{_V4}/icmp_ratelimit", 1000) / 1000,
            mask=_number(f"{_V4}/icmp_ratemask", 0x1818),
            interval6=_number(f"{_V6}/ratelimit", 1000) / 1000,
            global_rate=_number(f"{_V4}/icmp_msgs_per_sec", 1000),
            global_burst=_number(f"{_V4}/icmp_msgs_burst", 50),
        )

    def allow(self, data: bytes, now: float) -> bool:
        """Whether this ICMP error (a whole packet) may leave now; if so, its token is taken. Others always may."""
        if data[9 if data[0] >> 4 == 4 else 6] not in (Proto.ICMP, Proto.ICMPV6):
            return True
        if data[0] >> 4 == 4:
            at = (data[0] & 15) * 4
            kind, code, receiver, interval = data[at], data[at + 1], data[16:20], self.interval
            limited = kind < 32 and bool(self.mask >> kind & 1) and (kind, code) != FRAG_NEEDED
        else:
            kind, receiver, interval = data[40], data[24:40], self.interval6
            limited = kind < 128 and kind != TOO_BIG6
        if not limited:
            return True
        return self._globally(now) and (interval <= 0 or self._receiver(receiver, interval, now))

    def _globally(self, now: float) -> bool:
        self._credit = min(
            self.global_burst, self._credit + max(0.0, now - self._credit_at) * self.global_rate
        )
        self._credit_at = now
        if self._credit < 1:
            return False
        self._credit -= 1
        return True

    def _receiver(self, receiver: bytes, interval: float, now: float) -> bool:
        known = self._tokens.get(receiver)
        tokens = BURST * interval
        if known is not None:
            tokens = min(tokens, known[0] + now - known[1])
        elif len(self._tokens) >= RECEIVERS_MAX:
            self._tokens.clear()
        allowed = tokens >= interval
        self._tokens[receiver] = (tokens - interval if allowed else tokens), now
        return allowed


def _number(path: str, default: int) -> int:
    try:
        return int(Path(path).read_text("ascii"))
    except (OSError, ValueError):
        return default
