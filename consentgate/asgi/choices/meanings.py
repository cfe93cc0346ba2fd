"""Owns what earlier policies meant, so that choices made under them still count."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from consentgate.domain.policy.fingerprints import Meaning
from consentgate.errors import LedgerUnavailable
from consentgate.ledger import Ledger

logger = logging.getLogger("consentgate")


class Meanings:
    """The meanings of the policy's archive, and those that the ledger has seen."""

    def __init__(self, ledger: Ledger, today: Meaning, archived: Mapping[bytes, Meaning]) -> None:
        """Take them in.

        Args:
            ledger: is asked now, and again by ``recall`` where it does not answer.
            today: of the policy in force.
            archived: of earlier policies, as they were shipped with it.
        """
        self._ledger = ledger
        self._is_recalled = False
        self.known: dict[bytes, Meaning] = {**archived, today.hash: today}
        """Under their hashes; grows in place."""
        self.recall()

    def recall(self) -> None:
        """Ask the ledger, unless it has answered before."""
        if self._is_recalled:
            return
        try:
            for name, table in self._ledger.meanings().items():
                self.known.setdefault(name, Meaning.from_json(table))
            self._is_recalled = True
        except (LedgerUnavailable, ValueError) as error:
            logger.warning(
                "consentgate: earlier meanings are not readable, whoever chose under them is "
                "asked again for now: %s",
                error,
            )

    def tables(self) -> dict[bytes, str]:
        """All of them as the ledger stores them."""
        return {name: meaning.to_json() for name, meaning in self.known.items()}
