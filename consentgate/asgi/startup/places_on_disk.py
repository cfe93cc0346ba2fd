"""Owns whether the files and folders that a policy names can be used here; never opens them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from consentgate.domain.policy.policy import Policy


def file_problems(policy: Policy) -> Iterator[tuple[str, tuple[str, str], str, str]]:
    """Say of each place that cannot be used on this machine, as it stands: id, key, what to do.

    The site may start all the same: what is missing now can be there later.
    """
    database = policy.regimes.place_database
    if database and not os.access(database, os.R_OK):
        message = (
            f'place_database = "{database}": {_why(database)}; until it is there the strictest '
            "rules hold for everyone"
        )
        yield "CG166", ("regimes", "place_database"), message, database
    kind, _, rest = policy.ledger.url.partition(":")
    folders = {
        ("ledger", "url"): str(Path(rest.removeprefix("//")).parent) if kind == "sqlite" else "",
        ("log", "directory"): policy.log.folder,
        ("log", "security_directory"): policy.log.security_directory,
    }
    for path, folder in folders.items():
        standing = standing_folder(folder) if folder else None
        if standing is not None and not os.access(standing, os.W_OK | os.X_OK):
            message = (
                f'{path[1]}: "{standing}" cannot be written by this user; nothing is kept there'
            )
            yield "CG167", path, message, folder


def _why(path: str) -> str:
    return "cannot be read by this user" if Path(path).exists() else "is not there"


def standing_folder(folder: str) -> Path:
    """The folder, or its nearest parent that is there."""
    path = Path(folder).absolute()
    while not path.is_dir() and path != path.parent:
        if path.exists():
            return path
        path = path.parent
    return path
