"""Owns how declared crawlers are told from people; never knows what the site log counts as one.

It is cautious on purpose: a browser that is taken for a crawler could not choose.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from consentgate.memo import Memo, up_to

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


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, by its User-Agent alone."""

    agent: str
    """Its first 512 characters; empty: there is none."""
    is_crawler: bool

    @classmethod
    def of(cls, user_agent: bytes) -> Caller:
        """Read the value of a User-Agent."""
        agent = user_agent[:MAX_CHARS].decode("latin-1")
        return cls(agent, _CRAWLER.search(agent.lower()) is not None)


def known_callers() -> Memo[bytes, Caller]:
    """Make a memory of callers by User-Agent, each read once."""
    return Memo(Caller.of, MOST_CALLERS, is_small=up_to(MAX_CHARS))
