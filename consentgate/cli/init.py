"""``consentgate init``: writes a first policy file, with comments, that passes the check."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from importlib.resources import files
from pathlib import Path


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("policy", nargs="?", default="consentgate.toml", help="path to write")


def run(options: argparse.Namespace) -> int:
    """Write the file; an existing one is never overwritten."""
    path = Path(options.policy)
    template = (files("consentgate") / "data" / "starter.toml").read_text(encoding="utf-8")
    text = template.replace("2026-01-01", dt.datetime.now(dt.UTC).date().isoformat())
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        print(f"{path}: exists already; name another path or remove it", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{path}: cannot be written: {error}", file=sys.stderr)
        return 2
    print(f"{path}: written; fill in [controller], then run: consentgate check {path}")
    return 0
