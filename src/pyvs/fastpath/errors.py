"""What is said when the fast path can't be had."""

from typing import Final


class FastPathUnavailable(Exception):
    """Why the programs can't be used here, in a sentence; the engine serves alone then."""


NEEDS_ROOT: Final = (
    "the fast path needs root, or CAP_BPF and CAP_NET_ADMIN and a bpf file system of one's own"
)
