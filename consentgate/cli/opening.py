"""Owns how a verb of the log finds the policy, and with it the log's folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from consentgate.asgi.startup.policy_file import load_policy
from consentgate.domain.policy.policy import Policy
from consentgate.errors import LogError, SettingError
from consentgate.log.writing.layout import Layout


def add_policy(parser: argparse.ArgumentParser) -> None:
    """Declare ``--policy``."""
    parser.add_argument("--policy", default="consentgate.toml", help="path of the policy file")


def policy_of(options: argparse.Namespace) -> Policy:
    """Read the policy that ``--policy`` names.

    Raises:
        PolicyError: it is wrong; every fault at once.
    """
    return load_policy(options.policy)


def layout_of(options: argparse.Namespace) -> Layout:
    """The folders of the site log that the policy names.

    Raises:
        PolicyError: the policy is wrong.
        LogError: it keeps no site log.
    """
    return layout_in(policy_of(options), options.policy)


def layout_in(policy: Policy, name: str) -> Layout:
    """The folders of a policy's site log; ``name``: of its file, for the error.

    Raises:
        LogError: it keeps none.
    """
    if policy.log.directory == "-":
        raise LogError(
            f'{name}: [log] directory = "-": the site log goes to standard output; whoever '
            "collects it keeps, prunes and erases it"
        )
    if not policy.log.directory:
        raise LogError(
            f'{name}: [log] directory = "": no site log is kept; name a folder such as "var/log"'
        )
    return Layout.of(policy.log.directory)


def security_of(options: argparse.Namespace) -> Path:
    """The folder of the security log that the policy names.

    Raises:
        PolicyError: the policy is wrong.
        LogError: it keeps no security log.
    """
    folder = policy_of(options).log.security_directory
    if not folder:
        raise LogError(
            f'{options.policy}: [log] security_directory = "": no security log is kept; name a '
            'folder such as "var/security"'
        )
    return Path(folder)


def passphrase_of(options: argparse.Namespace) -> bytes | None:
    """The first line of the file that ``--passphrase-file`` names; None: there is none.

    Raises:
        SettingError: it cannot be read, or its first line is empty.
    """
    path: Path | None = options.passphrase_file
    if path is None:
        return None
    try:
        line = path.read_bytes().partition(b"\n")[0].rstrip(b"\r")
    except OSError as error:
        raise SettingError(f"{path}: cannot be read: {error.strerror}") from error
    if not line:
        raise SettingError(f"{path}: expected the passphrase in its first line")
    return line
