"""Owns telling declared crawlers from people, by what they say of themselves.

Cautious on purpose: a browser taken for a crawler could not choose. What the site log counts as a
machine is another, wider question.
"""

from __future__ import annotations

import re
from functools import lru_cache

MAX_CHARS = 512
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
    return _declares(user_agent[:MAX_CHARS])


@lru_cache(maxsize=1_024)
def _declares(user_agent: bytes) -> bool:
    return _CRAWLER.search(user_agent.decode("latin-1").lower()) is not None
