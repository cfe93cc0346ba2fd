"""Owns what the headers of a visit show to the site log, in classes; never their own text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from consentgate.domain.agents import Bot, Browser
from consentgate.domain.signals import Signals
from consentgate.formats.client_hints import hinted_browser
from consentgate.gates.origins import is_entry, origin_of, primary_language

MAX_CHARS = 512
"""Of any header: what follows costs time and says nothing."""
MAX_WORD = 32
"""Of a header that is one of few words, the longest of which is shorter."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a User-Agent shows, in classes."""

    bot: Bot | None
    device: str
    is_tool: bool
    says_browser: bool
    """Whether it has a browser's name. Then it is suspect where it comes with headers that no
    browser sends: each states its languages, and over HTTPS each in use since 2023 its
    ``Sec-Fetch-*`` headers."""


@dataclass(frozen=True, slots=True)
class Coming:
    """Where a visit comes from."""

    host: str
    """Empty: not known."""
    kind: str
    outer_host: str
    """The same host; empty: one of our own."""
    is_entry: bool


_WANTED = frozenset(
    (
        b"referer",
        b"sec-fetch-site",
        b"sec-fetch-dest",
        b"accept",
        b"accept-language",
        b"user-agent",
        b"sec-ch-ua",
        b"sec-ch-ua-platform",
    )
)


def coming_of(
    origin: bytes, own_host: str, site: bytes, destination: bytes, wants_page: bool
) -> Coming:
    """Where a visit comes from; few origins make most of them."""
    host, kind = origin_of(origin, own_host)
    accept = "text/html" if wants_page else ""
    return Coming(
        host,
        kind,
        "" if kind == "internal" else host,
        is_entry(site.decode("latin-1"), destination.decode("latin-1"), kind, accept),
    )


def wanted(headers: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The first of each header that is wanted, as it came: few of them are ever read."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _WANTED and name not in found:
            found[name] = value
    return found


def text_of(headers: Mapping[bytes, bytes], name: bytes) -> str:
    """A header as text, capped; empty where there is none."""
    return headers.get(name, b"")[:MAX_CHARS].decode("latin-1")


def hinted(headers: Mapping[bytes, bytes]) -> Browser | None:
    """The browser as its hints say; None where it gives none."""
    brands = headers.get(b"sec-ch-ua")
    if brands is None:
        return None
    return _hinted_by(brands[:MAX_CHARS], headers.get(b"sec-ch-ua-platform", b"")[:MAX_CHARS])


@lru_cache(1_024)
def _hinted_by(brands: bytes, platform: bytes) -> Browser | None:
    return hinted_browser(brands.decode("latin-1"), platform.decode("latin-1"))


@lru_cache(1_024)
def language_of(accept_language: bytes) -> str:
    """The primary language of ``Accept-Language``."""
    return primary_language(accept_language.decode("latin-1"))


@lru_cache(1_024)
def country_code(place: str) -> str:
    """``US`` of ``US-CA``; empty where it is no country."""
    code = place[:2].upper()
    return code if len(code) == 2 and code.isalpha() and code != "ZZ" else ""


def names_of(signals: Signals) -> tuple[str, ...]:
    """The names of what is signalled."""
    if not (signals.gpc or signals.dnt):
        return ()
    return tuple(n for n, is_set in (("gpc", signals.gpc), ("dnt", signals.dnt)) if is_set)
