"""The programs beside the engine once more, in a kernel of years ago: user-mode Linux, where there is one.

Debian 12 has 6.1: its verifier, no type information, no compiler for programs (so no `bpf_loop`), a sweep by key.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pyvs.fastpath import build

pytestmark = [pytest.mark.root, pytest.mark.live]

HERE = Path(__file__).resolve().parent
TESTS = ("test_one_truth.py", "test_schedulers.py", "test_up.py")
INIT = """#!/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
mount -t bpf bpf /sys/fs/bpf
mount -t tmpfs modules /lib/modules
ln -s "/usr/lib/uml/modules/$(uname -r)" "/lib/modules/$(uname -r)"
mount -t hostfs none /mnt -o {folder}
modprobe -a ipv6 veth cls_bpf sch_ingress
ip link set lo up
mkdir /run/tmp
cd {root}
export HOME=/run TMPDIR=/run/tmp HYPOTHESIS_STORAGE_DIRECTORY=/run/hypothesis
export XDG_CACHE_HOME={cache} PYTHONPATH={root}/src
exec >/mnt/log 2>&1
uname -r
timeout 1500 {python} -m pytest -q -p no:cacheprovider --tb=short {tests}
echo "ended with $?"
poweroff -f
"""


def test_an_older_kernel_agrees_too(tmp_path: Path) -> None:
    if shutil.which("linux.uml") is None:
        pytest.skip("there is no user-mode Linux here (Debian: user-mode-linux)")
    if os.geteuid() != 0 or not Path("/lib/modules").is_dir():
        pytest.skip("the guest needs root's files and a folder /lib/modules")
    for name in build.PROGRAMS:  # the guest can't write
        build.program(name)
    init = tmp_path / "init"
    init.write_text(
        INIT.format(
            folder=tmp_path,
            root=HERE.parent.parent,
            cache=build.cache().parent.parent,
            python=sys.executable,
            tests=" ".join(f"tests/fastpath/{name}" for name in TESTS),
        )
    )
    init.chmod(0o755)
    command = [
        "linux.uml", "mem=1G", "rootfstype=hostfs", "rootflags=/", "ro", "quiet", "root=/dev/root", f"init={init}",
        f"uml_dir={tmp_path}", "umid=guest", "con=null", "con0=null,fd:1",
    ]  # fmt: skip
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=1800,
        check=False,
    )
    log = tmp_path / "log"
    if not log.exists():
        pytest.skip(f"the guest did not start: {done.stdout[-300:]}{done.stderr[-300:]}")
    said = log.read_text()
    assert "ended with 0" in said.splitlines(), said[-6000:]
