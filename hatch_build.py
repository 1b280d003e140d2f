"""Compiles the fast path's programs into the wheel, so that no user needs a compiler.

Without clang or libbpf's headers the wheel is built without them, said in one line: `pyvs` then compiles on first use
where it can. PYVS_REQUIRE_FASTPATH=1 makes that an error.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class FastPathHook(BuildHookInterface[Any]):
    """The build hook of the wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and put the object files beside the package's other files. version: `editable` or `standard`."""
        if version == "editable":
            return
        root = Path(self.root)
        sys.path.insert(0, str(root / "src"))
        from pyvs.fastpath import build  # noqa: PLC0415  not importable before
        from pyvs.fastpath.errors import FastPathUnavailable  # noqa: PLC0415

        folder = root / "build" / "fastpath"
        try:
            build.compile_into(folder)
        except FastPathUnavailable as why:
            if os.environ.get("PYVS_REQUIRE_FASTPATH") == "1":
                raise SystemExit(f"hatch_build: {why}") from None
            self.app.display_warning(f"hatch_build: {why}; the wheel is built without the programs")
            return
        for name in build.PROGRAMS:
            build_data["force_include"][str(folder / f"{name}.o")] = f"pyvs/fastpath/objects/{name}.o"
