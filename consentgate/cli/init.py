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
    parser.add_argument(
        "--app", help="declare what this app's framework keeps; as servers name it: module:app"
    )


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
    code = _look_at_app(path, text, options.app) if options.app else 0
    print(f"{path}: written; fill in [controller], then run: consentgate check {path}")
    return code


def _look_at_app(path: Path, text: str, app: str) -> int:
    """Declare what an app keeps; it is loaded when the file is there, since its gate reads it."""
    from consentgate.cli.doctor.app import load_app
    from consentgate.cli.doctor.framework import kept_by, with_kept
    from consentgate.errors import SettingError

    try:
        kept = kept_by(load_app(app))
    except SettingError as error:
        print(f"{error}; the policy is written without it", file=sys.stderr)
        return 1
    path.write_text(with_kept(text, kept), encoding="utf-8")
    for name in (*kept.cookies, *kept.services):
        print(f"{path}: declared {name}")
    return 0
