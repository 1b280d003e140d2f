"""What a scenario says, checked: a file in the recordings' format, or a recording of which only `scenario` counts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pyvs.core.errors import PyvsError

T = TypeVar("T")


class ScenarioError(PyvsError):
    """A scenario that can't be read: where, and what was expected."""


@dataclass(slots=True, frozen=True)
class InterfaceSpec:
    """An interface of the director."""

    mac: str
    addresses: tuple[str, ...] = ()
    mtu: int = 1500
    neighbours: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, frozen=True)
class Step:
    """A frame that arrives, a command line, or a look at the tables; `t`: not before that second."""

    frame: bytes | None = None
    iface: str = ""
    cmd: str | None = None
    snap: str = ""
    t: float = 0.0


@dataclass(slots=True, frozen=True)
class Scenario:
    """A whole scenario; `raw` is what it was read from."""

    raw: dict[str, Any]
    name: str
    interfaces: dict[str, InterfaceSpec]
    routes: tuple[str, ...]
    sysctls: dict[str, Any]
    modules: tuple[str, ...]
    setup: tuple[str, ...]
    steps: tuple[Step, ...]
    settle: float
    linger: float


def read(path: Path) -> Scenario:
    """The scenario in a file. Raises ScenarioError."""
    try:
        loaded = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ScenarioError(f"{path}: {error}") from None
    try:
        return parse(loaded)
    except ScenarioError as error:
        raise ScenarioError(f"{path}: {error}") from None


def parse(loaded: Any) -> Scenario:
    """The scenario in a mapping, or in its `scenario`. Raises ScenarioError."""
    if isinstance(loaded, Mapping) and isinstance(loaded.get("scenario"), Mapping):
        loaded = loaded["scenario"]
    raw = _is(loaded, dict, "the scenario")
    interfaces = {
        str(name): _interface(name, spec)
        for name, spec in _is(raw.get("interfaces", {}), dict, "interfaces").items()
    }
    steps = tuple(
        _step(number, step, interfaces)
        for number, step in enumerate(_is(raw.get("steps", []), list, "steps"))
    )
    return Scenario(
        raw=raw,
        name=_is(raw.get("name", ""), str, "name"),
        interfaces=interfaces,
        routes=_texts(raw, "routes"),
        sysctls=_is(raw.get("sysctls", {}), dict, "sysctls"),
        modules=_texts(raw, "modules"),
        setup=_texts(raw, "setup"),
        steps=steps,
        settle=_seconds(raw.get("settle", 0.02), "settle"),
        linger=_seconds(raw.get("linger", 0.02), "linger"),
    )


def _is(value: Any, kind: type[T], what: str) -> T:
    if not isinstance(value, kind):
        names: dict[type, str] = {dict: "an object", list: "a list", str: "a text"}
        raise ScenarioError(f"{what}: expected {names.get(kind, kind.__name__)}, not {type(value).__name__}")
    return value


def _texts(raw: dict[str, Any], name: str) -> tuple[str, ...]:
    return tuple(_is(text, str, name) for text in _is(raw.get(name, []), list, name))


def _seconds(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e7:
        raise ScenarioError(f"{what}: expected seconds, not {value!r}")
    return float(value)


def _interface(name: str, spec: Any) -> InterfaceSpec:
    what = f"interface {name}"
    spec = _is(spec, dict, what)
    mtu = spec.get("mtu", 1500)
    if not isinstance(mtu, int) or not 68 <= mtu <= 65535:
        raise ScenarioError(f"{what}: mtu {mtu!r} is not between 68 and 65535")
    neighbours = _is(spec.get("neighbours", {}), dict, f"{what}: neighbours")
    return InterfaceSpec(
        _is(spec.get("mac"), str, f"{what}: mac"), _texts(spec, "addresses"), mtu, dict(neighbours)
    )


def _step(number: int, step: Any, interfaces: Mapping[str, InterfaceSpec]) -> Step:
    what = f"step {number}"
    step = _is(step, dict, what)
    t = _seconds(step.get("t", 0), f"{what}: t")
    if "frame" in step:
        iface = _is(step.get("iface"), str, f"{what}: iface")
        if iface not in interfaces:
            raise ScenarioError(f"{what}: there is no interface {iface!r}")
        try:
            return Step(frame=bytes.fromhex(step["frame"]), iface=iface, t=t)
        except (TypeError, ValueError):
            raise ScenarioError(f"{what}: frame is not hexadecimal") from None
    if "cmd" in step:
        return Step(cmd=_is(step["cmd"], str, f"{what}: cmd"), t=t)
    if "snap" in step:
        return Step(snap=_is(step["snap"], str, f"{what}: snap"), t=t)
    raise ScenarioError(f"{what}: expected frame, cmd or snap, not {', '.join(map(str, step)) or 'nothing'}")
