"""What is said when the fast path can't be had."""


class FastPathUnavailable(Exception):
    """Why the programs can't be used here, in a sentence; the engine serves alone then."""
