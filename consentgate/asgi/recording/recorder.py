"""Owns what is written down when a visit ends; a fault there is counted, never the visitor's."""

from __future__ import annotations

from consentgate.asgi.faults import Faults
from consentgate.asgi.own_routes import UNNOTED
from consentgate.asgi.recording.security_log import SecurityLog
from consentgate.asgi.recording.signal_counts import count_signals
from consentgate.asgi.recording.site_log import SiteLog
from consentgate.asgi.recording.warnings import Warnings
from consentgate.domain.signals import NONE
from consentgate.gates.gated import NOTHING
from consentgate.gates.visit import Visit
from consentgate.log.counts.signals import SignalCounts


class Recorder:
    """Tells the logs, the sums and the operator of visits that have ended."""

    def __init__(
        self,
        site_log: SiteLog,
        security_log: SecurityLog | None,
        signal_counts: SignalCounts,
        warnings: Warnings,
        faults: Faults,
        *,
        watches_pages: bool,
    ) -> None:
        """Prepare.

        Args:
            site_log: keeps records.
            security_log: keeps incidents; None: none are kept.
            signal_counts: sums of what signals switch off.
            warnings: tells the operator what was found.
            faults: is told what could not be written down.
            watches_pages: whether pages may have told third parties who a visitor is.
        """
        self._site_log = site_log
        self._security_log = security_log
        self._signal_counts = signal_counts
        self._warnings = warnings
        self._faults = faults
        self._watches_pages = watches_pages
        self.is_idle = not site_log.is_on and security_log is None and not watches_pages
        """Whether only what was found is told: nothing is written down of an ordinary visit."""

    def note(self, visit: Visit, route: object, duration_ns: int) -> None:
        """Write down what may be remembered of a visit; warn of undeclared names. Never raises.

        Args:
            visit: that has ended.
            route: what the app's router left in the scope, or one of our own.
            duration_ns: how long it took.
        """
        signals = visit.visitor.signals
        try:
            ended = visit.ended(route)
            if signals is not NONE:
                count_signals(self._signal_counts, ended)
            if self._security_log is not None and ended.status >= 400:
                self._security_log.note(ended)
            if route is UNNOTED or (self._site_log.is_on and not ended.outcome.plan.is_logged):
                return
            self._site_log.note(ended, duration_ns)
            if self._watches_pages or ended.found is not NOTHING:
                self._warnings.note(ended)
        except Exception:
            self._faults.failed("note", "the visit is not written down")

    def close(self) -> None:
        """Write what waits and let go of the files."""
        self._site_log.close()
        if self._security_log is not None:
            self._security_log.close()
        self._signal_counts.flush()
