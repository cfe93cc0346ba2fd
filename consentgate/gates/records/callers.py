"""Owns telling declared crawlers from people, by what they say of themselves.

Cautious on purpose: a browser taken for a crawler could not choose. What the site log counts as a
machine is another, wider question.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from consentgate.gates.records.header_classes import Seen
from consentgate.memo import Memo

MAX_CHARS = 512
MOST_CALLERS = 8_192
_CRAWLER = re.compile(
    r"(?<!cu)bot(?:\b|[-/_;])|crawler|spider/|slurp|mediapartners-google|google-inspectiontool|"
    r"google-extended|googleother|apis-google|feedfetcher|facebookexternalhit|meta-externalagent|"
    r"ia_archiver|chatgpt-user|perplexity-user|claude-user|bytespider|yandex\w+/|duckassist|"
    r"bingpreview|qwantify|embedly|quora link preview|pinterest/0|"
    r"whatsapp/|telegram|skypeuripreview"
)


def is_crawler(user_agent: bytes) -> bool:
    """Whether a User-Agent's value declares a crawler, an indexer or a link preview (COL-27).

    Args:
        user_agent: anything at all; only its first 512 bytes are read.
    """
    return Caller.of(user_agent).is_crawler


@dataclass(slots=True, eq=False)
class Caller:
    """Who asks, by its User-Agent alone."""

    agent: str
    """Its first 512 characters; empty: there is none."""
    is_crawler: bool
    seen: Seen | None = None
    """What the site log makes of it; None: it was not asked yet."""

    @classmethod
    def of(cls, user_agent: bytes) -> Caller:
        """Read a User-Agent."""
        agent = user_agent[:MAX_CHARS].decode("latin-1")
        return cls(agent, _CRAWLER.search(agent.lower()) is not None)


def known_callers() -> Memo[bytes, Caller]:
    """Callers by User-Agent, each read once; for as long as a gate lives."""
    return Memo(Caller.of, MOST_CALLERS, is_small=lambda agent: len(agent) <= MAX_CHARS)
