"""Owns counting what went wrong, and saying each kind once; it never quotes a visitor."""

from __future__ import annotations

import logging
import sys
import traceback
from collections import Counter

from consentgate.errors import LedgerUnavailable

logger = logging.getLogger("consentgate")


class Faults:
    """The counters of one gate, and what the operator is told of faults."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """How often something was refused or went wrong; names only, no visitors."""

    def count(self, reason: str) -> None:
        """Add one to a named counter."""
        self.counts[reason] += 1

    def failed(self, part: str, consequence: str) -> None:
        """Count a fault of our own and log the first of its kind; call it while handling it.

        Only where it happened is logged, never its text, which could quote a visitor.
        """
        self.count(f"{part}_failed")
        if self.counts[f"{part}_failed"] == 1:
            kind, _, place = sys.exc_info()
            name = getattr(kind, "__name__", "")
            trace = "".join(traceback.format_tb(place))
            logger.error("consentgate: %s: %s at\n%s", consequence, name, trace)

    def no_ledger(self, error: Exception) -> None:
        """Count a choice that could not be recorded and say why, once; call it while handling."""
        if not isinstance(error, LedgerUnavailable):
            self.failed("ledger", "refusals are queued, grants are not accepted")
        self.count("ledger_unavailable")
        if self.counts["ledger_unavailable"] == 1:
            logger.error(
                "consentgate: choices cannot be recorded: refusals are queued and take effect, "
                "grants are answered with 503: %s",
                error if isinstance(error, LedgerUnavailable) else type(error).__name__,
            )
