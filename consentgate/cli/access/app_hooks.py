"""Owns how a verb finds the app's hooks: a module with functions of the same names."""

from __future__ import annotations

import argparse
from importlib import import_module

from consentgate.asgi.rights.hooks import Hooks
from consentgate.errors import SettingError


def add_hooks(parser: argparse.ArgumentParser) -> None:
    """Declare ``--hooks``."""
    parser.add_argument(
        "--hooks",
        metavar="MODULE",
        help="module with the app's data_of and erase_of, so that its own data takes part",
    )


def hooks_of(options: argparse.Namespace) -> Hooks:
    """The hooks of the module that ``--hooks`` names; none where it names none.

    Raises:
        SettingError: there is no such module, or it has neither of them.
    """
    if not options.hooks:
        return Hooks()
    try:
        module = import_module(options.hooks)
    except ImportError as error:
        raise SettingError(f"--hooks {options.hooks}: cannot be imported: {error}") from error
    found = Hooks(
        data_of=getattr(module, "data_of", None), erase_of=getattr(module, "erase_of", None)
    )
    if found == Hooks():
        raise SettingError(f"--hooks {options.hooks}: expected data_of or erase_of in it")
    return found
