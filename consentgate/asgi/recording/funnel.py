"""Owns what the consent funnel is told: the first layer that a page shows, and what came of it."""

from __future__ import annotations

from collections.abc import Callable

from consentgate.asgi.choices.acts import Act
from consentgate.domain.choices import Choice
from consentgate.domain.policy.policy import Policy
from consentgate.gates.answer import Answer
from consentgate.gates.records.header_classes import Referrals, classed_headers, country_code
from consentgate.log.counts.choices import ChoiceCounts, Setting
from consentgate.log.writing.background import TICKER

LanguageOf = Callable[[str], str]
"""Gives the language in which a visitor is spoken to, by ``Accept-Language``."""


class Funnel:
    """Counts pages with the first layer, and acts; never raises."""

    def __init__(self, policy: Policy, *, is_on: bool) -> None:
        """Remember what all acts have in common.

        Args:
            policy: its version and the place of the first layer.
            is_on: whether there is a site log.
        """
        self.counts = ChoiceCounts(policy.log.folder if is_on else "")
        self._version, self._position = policy.version, policy.site.banner
        self._is_on = is_on
        self._is_watched = False
        self._referrals = Referrals()

    def shown(self, visit: Answer, language: str) -> None:
        """Count a page that opens with the first layer; not the one that is tried at the start."""
        if self._is_on and visit.now:
            request, setting = visit.request, self._setting(visit, language)
            self._add("shown", setting, visit.now)
            classed = request.classed or classed_headers(request.headers)
            if self._referrals.of(request.host_field, classed).is_entry:
                self._add("asked", setting, visit.now)

    def acted(self, visit: Answer, act: Act, before: Choice | None, choice: Choice) -> None:
        """Count what a visitor made of it; a script's report of a signal is no act."""
        word = word_of(act, before, choice)
        if self._is_on and word:
            language = visit.request.header(b"accept-language")[:2].lower()
            is_plain = len(language) == 2 and language.isascii() and language.isalpha()
            self._add(word, self._setting(visit, language if is_plain else ""), visit.now)

    def _setting(self, visit: Answer, language: str) -> Setting:
        signals = visit.visitor.signals
        return Setting(
            version=self._version,
            regime=visit.outcome.regime.model.value,
            country=country_code(visit.outcome.regime.code),
            lang=language.partition("-")[0],
            position=self._position,
            signal="gpc" if signals.gpc else "dnt" if signals.dnt else "none",
        )

    def _add(self, act: str, setting: Setting, now: int) -> None:
        if not self._is_watched:
            self._is_watched = True
            TICKER.watch(self.counts)
        self.counts.add(act, setting, now)


def word_of(act: Act, before: Choice | None, choice: Choice) -> str:
    """Name what an act amounts to; empty: nothing that a funnel counts."""
    if act.kind == "signal":
        return ""
    if act.kind == "dismiss":
        return "dismissed"
    if choice.grants_anything:
        is_whole = bool(choice.purposes) and all(choice.purposes.values())
        return "accepted" if is_whole else "partly"
    had_grant = before is not None and before.grants_anything
    return "withdrawn" if had_grant or act.kind == "withdraw" else "refused"
