"""`ip netns exec NAME pyvs run`, which hides the host's bpf file system from the director."""

import subprocess
import sys
from pathlib import Path

import pytest

from pyvs.fastpath import pins
from pyvs.lab.namespace import Namespace

pytestmark = [pytest.mark.live, pytest.mark.root]

COURSE = Path(__file__).with_name("exec_course.py")
ROOT = COURSE.parent.parent.parent


def test_its_fast_path_outlives_it_and_is_found_from_another() -> None:
    done = subprocess.run(
        [sys.executable, str(COURSE)],
        cwd=ROOT,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "all of it went well\n"), done.stderr


def test_another_namespace_never_has_the_folder_of_one_that_is_gone() -> None:
    """Inode numbers of namespaces are given again, at once as often as not; what was left must not be taken over."""
    inodes, homes = set(), set()
    for _ in range(12):
        with Namespace("passing") as passing:
            inodes.add(passing.call(lambda: Path("/proc/thread-self/ns/net").stat().st_ino))
            homes.add(passing.call(pins.home))
    assert len(homes) == 12, f"{homes} of namespaces {inodes}"
