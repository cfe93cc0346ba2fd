"""Builds the compiled readers of pages into the package, where there is a compiler.

Without one, or with ``CONSENTGATE_PURE_PYTHON=1``, the package is complete all the same: Python
takes their place, several times slower.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MODULES = ("_search", "_tokens")
PACKAGE = "consentgate.formats.html"
FOLDER = PACKAGE.replace(".", "/")
OLDEST = (3, 11)
"""One build serves this Python and every later one: it keeps to the stable ABI."""


class CompiledReaders(BuildHookInterface[Any]):
    """Adds the compiled modules to a wheel; where it is edited, puts them beside their sources."""

    _folder: Path | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile; a wheel that carries the modules is tagged for its platform."""
        if not _may_compile():
            return
        self._folder = Path(mkdtemp())
        built = _compile(Path(self.root) / FOLDER, self._folder)
        if version == "editable":
            for module in built:
                _put_beside(module, Path(self.root) / FOLDER)
        elif built:
            platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
            build_data["pure_python"] = False
            build_data["tag"] = f"cp{OLDEST[0]}{OLDEST[1]}-abi3-{platform}"
            build_data["force_include"] |= {str(one): f"{FOLDER}/{one.name}" for one in built}

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Leave nothing behind."""
        if self._folder is not None:
            shutil.rmtree(self._folder)


def _put_beside(module: Path, folder: Path) -> None:
    """At once, since another process may be loading the one that was there."""
    new = folder / f"{module.name}.new"
    shutil.copy(module, new)
    new.replace(folder / module.name)


def _may_compile() -> bool:
    is_refused = os.environ.get("CONSENTGATE_PURE_PYTHON", "0") not in ("", "0")
    has_abi = sys.implementation.name == "cpython" and not sysconfig.get_config_var(
        "Py_GIL_DISABLED"
    )
    return has_abi and not is_refused


def _compile(sources: Path, folder: Path) -> list[Path]:
    """Compile into a folder; empty: it cannot be done here."""
    from setuptools import Distribution, Extension
    from setuptools.command.build_ext import build_ext

    modules = [
        Extension(f"{PACKAGE}.{name}", [str(sources / f"{name}.c")], py_limited_api=True)
        for name in MODULES
    ]
    command = build_ext(Distribution({"name": "consentgate", "ext_modules": modules}))
    command.build_lib = command.build_temp = str(folder)
    try:
        command.ensure_finalized()
        command.run()
    except Exception as error:  # whatever a compiler may lack: the package works without
        print(f"consentgate: not compiled ({error}): pages are read in Python", file=sys.stderr)
        return []
    return [Path(command.get_ext_fullpath(module.name)) for module in modules]
