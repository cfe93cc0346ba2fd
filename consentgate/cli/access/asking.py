"""Owns who calls a command, and the one way in which a command asks whether it may run."""

from __future__ import annotations

import argparse
import os
import pwd

from consentgate.domain.policy.policy import Policy
from consentgate.domain.rights.access import PURPOSES, Access, permit
from consentgate.errors import RightsError


def add_purpose(parser: argparse.ArgumentParser, default: str) -> None:
    """Declare ``--purpose``."""
    known = "; ".join(f"{key}: {text}" for key, text in PURPOSES.items())
    parser.add_argument(
        "--purpose", default=default, help=f"what for ({known}; or one of a role's); {default}"
    )


def user() -> str:
    """The account that calls: who took root's rights with sudo is called by their own name."""
    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:
        name = f"uid-{number}"
    return os.environ.get("SUDO_USER") or name if number == 0 else name


def allowed(policy: Policy, act: str, purpose: str) -> Access:
    """Ask whether whoever calls may do something.

    Args:
        policy: its ``[role.*]`` say who.
        act: such as ``rights.export``.
        purpose: what for.

    Raises:
        RightsError: they may not, and why.
    """
    found = permit(policy, user=user(), act=act, purpose=purpose)
    if not found.is_permitted:
        raise RightsError(f"{act}: refused: {found.why}")
    return found
