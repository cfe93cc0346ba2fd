"""Owns the files of ``static/``: read from the wheel or a checkout, named by their content."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

MEDIA_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
STYLE, PAGE_STYLE = "banner.css", "page.css"
SCRIPT, MODES, INTEREST, BOXES = "banner.js", "modes.js", "interest.js", "choices.js"
ASSETS = (STYLE, PAGE_STYLE, SCRIPT, MODES, INTEREST, BOXES)


def static_file(name: str) -> bytes:
    """A file of ``static/``, from the wheel or from a checkout.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    inside = files("consentgate") / "static" / name
    if inside.is_file():
        return inside.read_bytes()
    return (Path(str(files("consentgate"))).parent / "static" / name).read_bytes()


@cache
def address_of(name: str) -> str:
    """The last part of a static file's address: its content's hash and its suffix."""
    return f"{hashlib.sha256(static_file(name)).hexdigest()[:16]}.{name.rpartition('.')[2]}"


@cache
def assets() -> Mapping[str, tuple[str, bytes]]:
    """Last part of the address to media type and bytes, for every file we serve."""
    return {
        address_of(name): (MEDIA_TYPES[name.rpartition(".")[2]], static_file(name))
        for name in ASSETS
    }


@cache
def compressed() -> Mapping[str, bytes]:
    """Last part of the address to the file's bytes in gzip, made once."""
    return {name: gzip.compress(body, 9, mtime=0) for name, (_, body) in assets().items()}
