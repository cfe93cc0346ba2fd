"""Owns which ledger a policy's URL names."""

from __future__ import annotations

from consentgate.errors import SettingError
from consentgate.ledger import Ledger


def open_ledger(url: str, *, spool: str = "") -> Ledger:
    """Open ``sqlite:PATH`` or ``memory:``; nothing is created before the first write.

    Args:
        url: of the ledger.
        spool: folder for refusals that the ledger cannot take; empty: beside it, then on another
            file system.

    Raises:
        SettingError: another kind of URL.
    """
    kind, _, rest = url.partition(":")
    if kind == "sqlite" and rest:
        from consentgate.ledger.sqlite import SqliteLedger

        return SqliteLedger(rest.removeprefix("//"), spool=spool)
    if kind == "memory":
        from consentgate.ledger.memory import MemoryLedger

        return MemoryLedger()
    raise SettingError(f'[ledger] url = "{url}": expected "sqlite:PATH" or "memory:"')
