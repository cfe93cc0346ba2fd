"""Builds the compiled search of pages into the package, where there is a compiler.

Without one, or with ``CONSENTGATE_PURE_PYTHON=1``, the package is complete all the same: the same
search in Python takes its place, several times slower.
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

MODULE = "consentgate.formats._html_search"
FOLDER = "consentgate/formats"
OLDEST = (3, 11)
"""One build serves this Python and every later one: it keeps to the stable ABI."""


class CompiledSearch(BuildHookInterface[Any]):
    """Adds the compiled module to a wheel, or puts it beside its source for an editable install."""

    _folder: Path | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile; a wheel that carries the module is tagged for its platform."""
        if not _may_compile():
            return
        self._folder = Path(mkdtemp())
        built = _compile(Path(self.root) / FOLDER, self._folder)
        if built is None:
            return
        if version == "editable":
            place = Path(self.root) / FOLDER / built.name
            shutil.copy(built, place.with_suffix(".new"))
            place.with_suffix(".new").replace(place)  # at once: another process may be loading it
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"cp{OLDEST[0]}{OLDEST[1]}-abi3-{platform}"
        build_data["force_include"][str(built)] = f"{FOLDER}/{built.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Leave nothing behind."""
        if self._folder is not None:
            shutil.rmtree(self._folder)


def _may_compile() -> bool:
    is_refused = os.environ.get("CONSENTGATE_PURE_PYTHON", "0") not in ("", "0")
    has_abi = sys.implementation.name == "cpython" and not sysconfig.get_config_var(
        "Py_GIL_DISABLED"
    )
    return has_abi and not is_refused


def _compile(sources: Path, folder: Path) -> Path | None:
    """Compile into a folder; None: it cannot be done here."""
    from setuptools import Distribution, Extension
    from setuptools.command.build_ext import build_ext

    source = sources / "_html_search.c"
    module = Extension(MODULE, [str(source)], py_limited_api=True)
    command = build_ext(Distribution({"name": "consentgate", "ext_modules": [module]}))
    command.build_lib = command.build_temp = str(folder)
    try:
        command.ensure_finalized()
        command.run()
    except Exception as error:  # whatever a compiler may lack: the package works without
        print(f"consentgate: not compiled ({error}): pages are searched in Python", file=sys.stderr)
        return None
    return Path(command.get_ext_fullpath(MODULE))
