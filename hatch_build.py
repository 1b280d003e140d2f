"""Compiles what is not Python into the wheel, so that no user needs a compiler: one function a product.

Without the compilers or headers the wheel is built without them, said in one line: `pyvs` then compiles on first use
where it can. PYVS_REQUIRE_FASTPATH=1 and PYVS_REQUIRE_EXEC=1 make that an error.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompileHook(BuildHookInterface[Any]):
    """The build hook of the wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and put the products beside the package's other files. version: `editable` or `standard`."""
        if version == "editable":
            return
        root = Path(self.root)
        sys.path.insert(0, str(root / "src"))
        self._fast_path(root / "build" / "fastpath", build_data)
        self._exec(root / "build" / "exec", build_data)

    def _fast_path(self, folder: Path, build_data: dict[str, Any]) -> None:
        """The eBPF programs: the same for all machines."""
        from pyvs.fastpath import build  # noqa: PLC0415  not importable before
        from pyvs.fastpath.errors import FastPathUnavailable  # noqa: PLC0415

        try:
            build.compile_into(folder)
        except FastPathUnavailable as why:
            self._without("FASTPATH", str(why))
            return
        for name in build.PROGRAMS:
            build_data["force_include"][str(folder / f"{name}.o")] = f"pyvs/fastpath/objects/{name}.o"

    def _exec(self, folder: Path, build_data: dict[str, Any]) -> None:
        """The shim and the supervisor: for this machine, so the wheel is, too."""
        from pyvs.core.errors import PyvsError  # noqa: PLC0415
        from pyvs.exec.build import PRODUCTS, compile_to  # noqa: PLC0415

        try:
            for product in PRODUCTS:
                compile_to(product, folder / product.file)
        except PyvsError as why:
            self._without("EXEC", str(why))
            return
        for product in PRODUCTS:
            build_data["force_include"][str(folder / product.file)] = f"pyvs/exec/{product.file}"
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"

    def _without(self, product: str, why: str) -> None:
        if os.environ.get(f"PYVS_REQUIRE_{product}") == "1":
            raise SystemExit(f"hatch_build: {why}")
        self.app.display_warning(f"hatch_build: {why}; the wheel is built without it")
