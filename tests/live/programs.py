"""Programs of others that live tests drive, where they are installed."""

import os
import shutil

import pytest


def needs(program: str) -> pytest.MarkDecorator:
    """Skips a test where the program is missing."""
    found = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    return pytest.mark.skipif(found is None, reason=f"{program} is not installed")
