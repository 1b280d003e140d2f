"""`-R`: many lines from stdin, each one invocation.

A line that makes no sense ends the run; one that the director refuses doesn't. The last one's status counts.
"""

from collections.abc import Callable, Iterable, Sequence


def restore(lines: Iterable[str], line: Callable[[Sequence[str]], int]) -> int:
    """Carry out each line by `line`; words are parted by blanks, nothing is quoted; the name may lead."""
    status = 0
    for text in lines:
        words = text.split()
        if words and words[0] == "ipvsadm":
            words = words[1:]
        if words:
            status = line(words)
    return status
