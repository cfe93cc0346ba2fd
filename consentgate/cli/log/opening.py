"""Owns how a verb of the log finds the policy, and with it the log's folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from consentgate.asgi.policy_file import load_policy
from consentgate.domain.policy import Policy
from consentgate.errors import LogError


def add_policy(parser: argparse.ArgumentParser) -> None:
    """Declare ``--policy``."""
    parser.add_argument("--policy", default="consentgate.toml", help="path of the policy file")


def policy_of(options: argparse.Namespace) -> Policy:
    """Read the policy that ``--policy`` names.

    Raises:
        PolicyError: it is wrong; every fault at once.
    """
    return load_policy(options.policy)


def folder_of(policy: Policy, name: str) -> Path:
    """The folder of the site log.

    Args:
        policy: read from the file ``name``.
        name: path of the policy file, for the error.

    Raises:
        LogError: the policy names none.
    """
    if not policy.log.directory:
        raise LogError(
            f'{name}: [log] directory = "": no site log is kept; name a folder such as "var/log"'
        )
    return Path(policy.log.directory)
