"""Owns who may see visitors' data, and who may be given it, as the policy declares it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Somebody outside who may be given data, and which (TPD-06)."""

    key: str
    name: str
    kind: str
    """``processor``, ``third-party``, ``authority`` or ``visitor``."""
    basis: str
    """The legal ground on which data is given out."""
    fields: tuple[str, ...]
    """Parts of a visitor's data that may be given out; ``*``: all of them."""
    country: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What some of the operator's people may do."""

    key: str
    users: tuple[str, ...]
    """Accounts of the operating system, or names that the app's own authorisation gives."""
    acts: tuple[str, ...]
    """Commands such as ``rights.show``; ``rights.*`` is every one of them, ``*`` everything."""
    purposes: tuple[str, ...]
    """What for: ``request``, ``demand``, or words of the site's own."""
    fields: tuple[str, ...] = ("*",)
    """Parts of a visitor's data that may be seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RightsSettings:
    """How visitors' requests are kept."""

    directory: str = ""
    """Folder of the register; empty: ``rights`` beside a SQLite ledger, else nowhere."""
    link_minutes: int = 30
    """How long a link to a visitor's data that the app makes can be used."""
