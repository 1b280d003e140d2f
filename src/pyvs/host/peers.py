"""How much each host out there was told lately: redirects and errors are rationed. Kernel: inetpeer.c, route.c."""

from dataclasses import dataclass
from typing import Final

BURST: Final = 6
"""Errors that may follow at once. Kernel: `XRLIM_BURST_FACTOR`."""
UNREACHABLE_COST: Final = 1.0
UNREACHABLE_BURST: Final = 5.0
"""Seconds that a "no route" costs, and that may be saved up. Kernel: `ip_rt_error_cost`, `ip_rt_error_burst`."""
REDIRECTS: Final = 9
REDIRECT_LOAD: Final = 0.02
REDIRECT_SILENCE: Final = 20.48
"""Kernel: `ip_rt_redirect_number`, `ip_rt_redirect_load`, `ip_rt_redirect_silence`."""
NEW: Final = 60.0
"""Seconds that a peer seems to have been silent when it is first met."""
MOST: Final = 65536


@dataclass(slots=True)
class _Peer:
    """One host. Kernel: `struct inet_peer`."""

    last: float
    tokens: float = 0.0
    redirects: int = 0


class Peers:
    """All hosts that were told something."""

    def __init__(self) -> None:
        self._peers: dict[bytes, _Peer] = {}

    def _peer(self, address: bytes, now: float) -> _Peer:
        peer = self._peers.get(address)
        if peer is None:
            if len(self._peers) >= MOST:
                del self._peers[next(iter(self._peers))]
            peer = self._peers[address] = _Peer(now - NEW)
        return peer

    def _spend(self, address: bytes, now: float, cost: float, burst: float) -> bool:
        peer = self._peer(address, now)
        peer.tokens = min(peer.tokens + now - peer.last, burst)
        peer.last = now
        if peer.tokens < cost:
            return False
        peer.tokens -= cost
        return True

    def may_err(self, address: bytes, now: float, interval: float) -> bool:
        """Whether one more ICMP error may go there; interval: seconds for one, 0 for no limit.

        Kernel: `inet_peer_xrlim_allow`.
        """
        return interval <= 0 or self._spend(address, now, interval, BURST * interval)

    def may_be_unreachable(self, address: bytes, now: float) -> bool:
        """Whether a host may be told once more that there is no route. Kernel: `ip_error`."""
        return self._spend(address, now, UNREACHABLE_COST, UNREACHABLE_BURST)

    def may_redirect(self, address: bytes, now: float) -> bool:
        """Whether a host may be redirected once more. Kernel: `ip_rt_send_redirect`."""
        peer = self._peer(address, now)
        if now > peer.last + REDIRECT_SILENCE:
            peer.tokens, peer.redirects = 0.0, 0
        if peer.redirects >= REDIRECTS:
            peer.last = now
            return False
        if peer.redirects and now <= peer.last + REDIRECT_LOAD * (1 << peer.redirects):
            return False
        peer.last = now
        peer.redirects += 1
        return True
