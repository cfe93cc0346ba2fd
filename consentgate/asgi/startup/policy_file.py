"""Owns reading the policy from disk; checking it belongs to formats/policy/reader."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from consentgate.asgi.startup.texts import load_texts
from consentgate.domain.policy.policy import Policy
from consentgate.errors import Fault, PolicyError, SettingError


def load_policy(path: str | Path) -> Policy:
    """Read and check a policy file.

    Raises:
        PolicyError: the file cannot be read, or everything that is wrong in it.
    """
    from consentgate.formats.policy.reader import parse_policy

    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        remedy = f"cannot be read: {error}; make one with: consentgate init {path}"
        raise PolicyError((Fault("CG100", f"{path}:", remedy),)) from error
    text = _decoded(raw, str(path))
    policy = parse_policy(
        text,
        name=str(path),
        catalogue=load_catalogue(),
        regimes=load_regimes()["regime"],
        texts=load_texts(),
    )
    _check_eff_policy(policy, str(path))
    _check_officer(policy, str(path))
    return policy


_MARKS = {
    b"\xef\xbb\xbf": "UTF-8 with a byte order mark",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
"""First bytes of a file to what they say of it."""


def _decoded(raw: bytes, name: str) -> str:
    """The text of a policy file, which TOML has in UTF-8 without a mark.

    Raises:
        PolicyError: in another encoding, which is named.
    """
    marked = next((what for mark, what in _MARKS.items() if raw.startswith(mark)), "")
    if not marked and b"\x00" in raw[:64]:
        marked = "UTF-16"
    line = 1
    if not marked:
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            marked = "Latin-1 (Windows-1252)"
    message = f"is in {marked}; TOML is UTF-8 without a byte order mark: save it so"
    raise PolicyError((Fault("CG150", f"{name}:{line}:", message),))


def without_files(policy: Policy) -> Policy:
    """The same policy, whose choices are kept in memory and whose visits nobody writes down."""
    return replace(
        policy,
        ledger=replace(policy.ledger, url="memory:"),
        log=replace(policy.log, directory="", security_directory=""),
    )


def _check_eff_policy(policy: Policy, name: str) -> None:
    """Attesting the EFF's policy means its exact bytes: it is never shipped, read from a path."""
    from consentgate.formats.headers.tracking_status import EFF_POLICY_SHA1, is_eff_policy

    place = policy.site.eff_dnt_policy
    if not place:
        return
    try:
        body = Path(place).read_bytes()
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    else:
        if is_eff_policy(body):
            return
        problem = f"is not the EFF's DNT policy 1.0 (SHA-1 {EFF_POLICY_SHA1})"
    raise PolicyError(
        (Fault("CG128", f"{name}: [site]", f'eff_dnt_policy = "{place}": {problem}'),)
    )


def _check_officer(policy: Policy, name: str) -> None:
    """A security log that nobody could open is of no use: the officer's key must be there."""
    place = policy.log.security_public_key
    if not place:
        return
    from consentgate.log.security.sealing import read_public_key

    try:
        read_public_key(place)
    except SettingError as error:
        message = f'security_public_key = "{place}": {error}'
        raise PolicyError((Fault("CG134", f"{name}: [log]", message),)) from error


@lru_cache(maxsize=1)
def load_regimes() -> dict[str, Any]:
    """The shipped table of regimes: ``reviewed``, and ``regime`` from code to facts."""
    text = (files("consentgate") / "data" / "regimes.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@lru_cache(maxsize=1)
def load_catalogue() -> dict[str, Any]:
    """The shipped facts about well-known services, by key; one file a family of products."""
    catalogue: dict[str, Any] = {}
    for entry in (files("consentgate") / "data" / "services").iterdir():
        if entry.name.endswith(".toml"):
            catalogue.update(tomllib.loads(entry.read_text(encoding="utf-8")))
    return catalogue
