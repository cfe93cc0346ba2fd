"""Owns which ledger a policy's URL names."""

from __future__ import annotations

from consentgate.errors import SettingError
from consentgate.ledger import Ledger


def open_ledger(url: str, *, spool: str = "") -> Ledger:
    """Open ``sqlite:PATH``, ``postgresql://HOST/DATABASE`` or ``memory:``; nothing is created
    before the first write.

    Args:
        url: of the ledger.
        spool: folder for refusals that the ledger cannot take; empty: beside it, then on another
            file system.

    Raises:
        SettingError: another kind of URL, or its driver is not installed.
    """
    kind, _, rest = url.partition(":")
    if kind == "sqlite" and rest:
        from consentgate.ledger.sqlite import SqliteLedger

        return SqliteLedger(rest.removeprefix("//"), spool=spool)
    if kind == "memory":
        from consentgate.ledger.memory import MemoryLedger

        return MemoryLedger()
    if kind in ("postgresql", "postgres"):
        return _postgres(url, spool)
    raise SettingError(
        f'[ledger] url = "{kind}:…": expected "sqlite:PATH", "postgresql://HOST/DATABASE" or '
        '"memory:"'
    )


def _postgres(url: str, spool: str) -> Ledger:
    try:
        from consentgate.ledger.postgres.ledger import PostgresLedger
    except ImportError as error:
        raise SettingError(
            f"[ledger] url: install consentgate[postgresql] for PostgreSQL: {error}"
        ) from error
    return PostgresLedger(url, spool=spool)
