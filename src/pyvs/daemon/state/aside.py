"""A file that could not be read is kept beside the new one, for its administrator."""

from __future__ import annotations

from itertools import count
from pathlib import Path


def put_aside(path: Path) -> Path:
    """Give a file a name that no file has: NAME.damaged, NAME.damaged-2 and so on; where it is now. Raises OSError."""
    for number in count(1):
        place = path.with_name(f"{path.name}.damaged" + (f"-{number}" if number > 1 else ""))
        if not place.exists():
            path.rename(place)
            return place
    raise AssertionError
