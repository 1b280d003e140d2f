"""Where the lab runs: mount, process and network namespaces of its own, so that nothing can stay behind.

The process that is asked becomes the warden: it moves to new namespaces and has a child in them, which is process
number 1 there and does the work. When that one ends, however it ends, the kernel ends all that were born in its
namespace, and with them go its mounts and its networks. The warden passes signals on and waits.

Without root the same happens inside a user namespace. /run is a file system of its own, which also holds
temporary files: neither iptables' lock nor a director's socket meets those of the machine.
"""

import contextlib
import errno
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn

from pyvs.datapath import system
from pyvs.lab.errors import LabError

_OWN: Final = system.CLONE_NEWNS | system.CLONE_NEWNET | system.CLONE_NEWPID
MOUNTS: Final = "mounts of its own"
PASSED_ON: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

RESTRICTIONS: Final = (
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        (
            "AppArmor forbids user namespaces to unprivileged programs here (Ubuntu 23.10 and later do so). "
            "Allow them with `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or run this as root."
        ),
    ),
    (
        "kernel/unprivileged_userns_clone",
        "0",
        (
            "This kernel keeps user namespaces for root. "
            "Allow them with `sudo sysctl kernel.unprivileged_userns_clone=1`, or run this as root."
        ),
    ),
    (
        "user/max_user_namespaces",
        "0",
        (
            "This system allows no user namespaces. "
            "Allow them with `sudo sysctl user.max_user_namespaces=10000`, or run this as root."
        ),
    ),
)
"""Switches below /proc/sys by which systems forbid the lab, the value that does, and the remedy."""


class Terminated(BaseException):
    """A signal asks the work in the sandbox to end."""

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by {signal.Signals(number).name}")
        self.number = number


def read_switch(name: str) -> str:
    """A value below /proc/sys; empty where this kernel doesn't have it."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys", name).read_text().strip()
    return ""


def why_forbidden(step: str, problem: OSError, read: Callable[[str], str] = read_switch) -> str:
    """The sentence for a system that doesn't let the lab have its namespaces, with the remedy."""
    if problem.errno in (errno.EPERM, errno.EACCES, errno.ENOSPC, errno.EUSERS):
        for name, value, sentence in RESTRICTIONS:
            if read(name) == value:
                return sentence
    if problem.errno in (errno.EPERM, errno.EACCES):
        return (
            f"This system doesn't allow {step} ({problem.strerror}). Run this as root; "
            "in a container, start that with --privileged."
        )
    if problem.errno == errno.ENOSPC:
        return f"This system has reached its limit of namespaces: {step} failed. See `sysctl user`."
    if problem.errno == errno.EINVAL and step == MOUNTS:
        return (
            "The root folder here is no mount point, as in a chroot, so the lab can't have mounts of its own. "
            "Before the chroot, mount its folder onto itself: `mount --bind FOLDER FOLDER`."
        )
    if problem.errno == errno.EINVAL:
        return f"This kernel lacks namespaces: {step} failed ({problem.strerror})."
    return f"{step} failed: {problem.strerror}."


def run(work: Callable[[], int]) -> int:
    """Do the work inside and return its exit status; 128 and the signal's number when a signal ended it.

    The work sees signals as the exception Terminated. Raises LabError where the system forbids the namespaces.
    """
    _leave()
    alive, warden = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(warden)
        _first_process(work, alive)
    os.close(alive)
    try:
        return _watch(child)
    finally:
        os.close(warden)


def _leave() -> None:
    """Move this process to new namespaces, those of processes for its children only."""
    step = "new mount, network and process namespaces"
    try:
        if os.geteuid() == 0:
            with contextlib.suppress(PermissionError):
                system.unshare(_OWN)
                return
        user, group = os.geteuid(), os.getegid()
        step = "a user namespace"
        system.unshare(system.CLONE_NEWUSER)
        step = "a user namespace in which one is root"
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
        step = "network namespaces inside a user namespace"
        system.unshare(_OWN)
    except OSError as problem:
        raise LabError(why_forbidden(step, problem)) from problem


def _watch(child: int) -> int:
    """Wait for the child and pass signals on to it."""

    def pass_on(number: int, _frame: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)

    before = {number: signal.signal(number, pass_on) for number in PASSED_ON}
    try:
        _, status = os.waitpid(child, 0)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def _first_process(work: Callable[[], int], alive: int) -> NoReturn:
    """The life of process number 1."""
    code = 1
    try:
        system.die_with_parent(signal.SIGKILL)
        _look_for_warden(alive)
        for number in PASSED_ON:
            signal.signal(number, _terminate)
        _furnish()
        code = work()
    except Terminated as end:
        code = 128 + end.number
    except LabError as problem:
        print(problem, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _look_for_warden(alive: int) -> None:
    """End at once if the warden went before it could be tied to this process."""
    os.set_blocking(alive, False)
    with contextlib.suppress(BlockingIOError):
        os.read(alive, 1)
        raise Terminated(signal.SIGTERM)
    os.close(alive)


def _terminate(number: int, _frame: object) -> None:
    """Once: the work cleans up after this, and further signals would only disturb that."""
    for other in PASSED_ON:
        signal.signal(other, signal.SIG_IGN)
    raise Terminated(number)


def _furnish() -> None:
    """Private mounts: /run, and /proc of the new process namespace where that may be mounted."""
    step = MOUNTS
    try:
        system.mount("none", "/", "", system.MS_REC | system.MS_PRIVATE)
        step = "a file system of its own on /run"
        system.mount("tmpfs", "/run", "tmpfs", system.MS_NOSUID | system.MS_NODEV, "mode=755,size=64m")
    except OSError as problem:
        raise LabError(why_forbidden(step, problem)) from problem
    with contextlib.suppress(
        OSError
    ):  # refused in containers that hide parts of /proc: the old one serves too
        system.mount("proc", "/proc", "proc", system.MS_NOSUID | system.MS_NODEV | system.MS_NOEXEC)
    os.environ["XTABLES_LOCKFILE"] = "/run/xtables.lock"
    os.environ["TMPDIR"] = tempfile.tempdir = "/run"
    Path("/run/netns").mkdir()
