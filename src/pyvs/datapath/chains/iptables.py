"""The programs that put chains into the kernel: iptables in the variant that works here, nft or legacy."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pyvs.core.errors import PyvsError
from pyvs.core.flags import Family
from pyvs.datapath.chains.rules import JUMPS, PREFIX

PROGRAMS: Final = {Family.INET: "iptables", Family.INET6: "ip6tables"}
VARIANTS: Final = ("", "-nft", "-legacy")
"""The one that the system chose comes first: there the administrator's own rules are."""
LOCK_SECONDS: Final = 5
PATIENCE: Final = 30.0
LOCK: Final = "/run/xtables.lock"


class ChainError(PyvsError):
    """The chains can't be put in or out, in a sentence with its remedy."""


def environment() -> dict[str, str]:
    """For the programs: without root's rights they lock a file of our own, as nobody else shares our tables."""
    env = dict(os.environ)
    env.setdefault("LC_ALL", "C")
    if "XTABLES_LOCKFILE" not in env and not _writable(LOCK):
        env["XTABLES_LOCKFILE"] = f"/tmp/pyvs-xtables-{os.getpid()}.lock"
    return env


def _writable(path: str) -> bool:
    return os.access(path, os.W_OK) if os.path.exists(path) else os.access(Path(path).parent, os.W_OK)


def remove_lock() -> None:
    """Take away the lock file of `environment`, if there is one."""
    Path(f"/tmp/pyvs-xtables-{os.getpid()}.lock").unlink(missing_ok=True)


@dataclass(slots=True)
class Saved:
    """What of ours stands in one variant's tables."""

    chains: dict[str, list[str]] = field(default_factory=dict)
    """By table."""
    jumps: dict[str, list[str]] = field(default_factory=dict)
    """Rules of other chains that lead to ours, by table, as `-A CHAIN ...`."""
    rules: list[str] = field(default_factory=list)
    """All rules of all tables that are not ours: `TABLE -A CHAIN ...`."""
    policies: dict[tuple[str, str], str] = field(default_factory=dict)
    """What becomes of packets that no rule judges, by table and chain of the kernel's: ACCEPT or DROP."""

    def __bool__(self) -> bool:
        return bool(self.chains or self.jumps)

    @property
    def whole(self) -> bool:
        """Whether all our chains are there, and each way into them once."""
        wanted = sorted((table, f"-A {chain} -j {ours}") for table, chain, ours, _ in JUMPS)
        there = sorted((table, jump) for table, found in self.jumps.items() for jump in found)
        return wanted == there and all(ours in self.chains.get(table, ()) for table, _, ours, _ in JUMPS)

    def removal(self) -> str:
        """Text for iptables-restore that takes ours away and leaves the rest."""
        lines: list[str] = []
        for table in sorted({*self.chains, *self.jumps}):
            lines.append(f"*{table}")
            lines += [f"-D {jump.removeprefix('-A ')}" for jump in self.jumps.get(table, ())]
            chains = self.chains.get(table, ())
            lines += [f"-F {chain}" for chain in chains]
            lines += [f"-X {chain}" for chain in chains]
            lines.append("COMMIT")
        return "\n".join(lines) + "\n"


def read_saved(text: str) -> Saved:
    """What `iptables-save` printed."""
    saved = Saved()
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif line.startswith(f":{PREFIX}"):
            saved.chains.setdefault(table, []).append(line[1:].split()[0])
        elif line.startswith(":"):
            chain, policy = line[1:].split()[:2]
            if policy != "-":
                saved.policies[table, chain] = policy
        elif line.startswith("-A ") and not line.startswith(f"-A {PREFIX}"):
            if f"-j {PREFIX}" in line or f"-g {PREFIX}" in line:
                saved.jumps.setdefault(table, []).append(line)
            else:
                saved.rules.append(f"{table} {line}")
    return saved


def jumps() -> str:
    """Text for iptables-restore that leads to our chains, which must exist."""
    lines: list[str] = []
    for table, chain, ours, first in JUMPS:
        lines += [f"*{table}", f"{'-I' if first else '-A'} {chain} -j {ours}", "COMMIT"]
    return "\n".join(lines) + "\n"


class Iptables:
    """One variant of the programs of one family."""

    def __init__(self, family: Family, variant: str) -> None:
        self.name = f"{PROGRAMS[family]}{variant}"

    @classmethod
    def all(cls, family: Family) -> list[Iptables]:
        """The variants that are installed, the system's choice first; one that has two names by the first."""
        found: dict[str, Iptables] = {}
        for tool in (cls(family, variant) for variant in VARIANTS):
            program = shutil.which(f"{tool.name}-restore", path=_path())
            if program is not None:
                found.setdefault(os.path.realpath(program), tool)
        return list(found.values())

    def save(self) -> Saved:
        """What stands in its tables; nothing when it does not work here."""
        try:
            done = subprocess.run(
                [f"{self.name}-save"], capture_output=True, text=True, check=False, timeout=PATIENCE,
                env={**environment(), "PATH": _path()},
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return Saved()
        return read_saved(done.stdout)

    def begin(self, text: str) -> Restoring:
        """Start to put rules in; the tables change when the process has ended well."""
        return Restoring(self.name, text)

    def restore(self, text: str) -> None:
        """Put rules in. Raises ChainError; a table is changed as a whole or not at all."""
        self.begin(text).wait()


PROBE: Final = f"{PREFIX}PROBE"


def can_match(match: str) -> bool:
    """Whether rules with a match can be put in here, which a chain shows that nothing leads to."""
    return all(any(_takes(tool, match) for tool in Iptables.all(family)) for family in PROGRAMS)


def _takes(tool: Iptables, match: str) -> bool:
    try:
        tool.restore(f"*mangle\n:{PROBE} - [0:0]\n-A {PROBE} {match} -j RETURN\nCOMMIT\n")
        tool.restore(f"*mangle\n-F {PROBE}\n-X {PROBE}\nCOMMIT\n")
    except ChainError:
        return False
    return True


class Restoring:
    """An iptables-restore that runs: it may have to wait for the lock, and packets must not wait for it."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._errors = os.memfd_create("errors")
        source = os.memfd_create("rules")
        try:
            with open(source, "wb", closefd=False) as file:
                file.write(text.encode())
            os.lseek(source, 0, os.SEEK_SET)
            self._process = subprocess.Popen(
                [f"{name}-restore", "--noflush", "-w", str(LOCK_SECONDS)],
                stdin=source, stdout=self._errors, stderr=self._errors,
                env={**environment(), "PATH": _path()},
            )  # fmt: skip
        except OSError as error:
            os.close(self._errors)
            raise ChainError(f"{name}-restore can't be started: {error.strerror}") from error
        finally:
            os.close(source)
        self.pidfd = os.pidfd_open(self._process.pid)
        """Readable when it has ended."""

    def ended(self) -> bool:
        """Whether `wait` would not wait."""
        return self._process.poll() is not None

    def wait(self) -> None:
        """Wait until it has ended. Raises ChainError if it did not do it."""
        try:
            status = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        os.close(self.pidfd)
        length = os.lseek(self._errors, 0, os.SEEK_END)
        said = os.pread(self._errors, min(length, 4096), 0).decode(errors="replace").strip()
        os.close(self._errors)
        if status:
            lines = [line for line in said.splitlines() if line.strip()]
            raise ChainError(
                f"{self._name}-restore refused our chains: {lines[0] if lines else f'status {status}'}"
            )


def _path() -> str:
    """Where programs are; an ordinary user's PATH may lack the system's."""
    path = os.environ.get("PATH", os.defpath)
    return os.pathsep.join([path, "/usr/sbin", "/sbin"])
