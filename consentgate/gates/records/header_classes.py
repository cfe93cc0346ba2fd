"""Owns what the headers of a visit show to the site log, in classes; never their own text."""

from __future__ import annotations

from dataclasses import dataclass

from consentgate.domain.agents import Bot, Browser
from consentgate.domain.signals import Signals
from consentgate.formats.headers.client_hints import hinted_browser
from consentgate.gates.records.referrers import is_entry, origin_of, primary_language
from consentgate.memo import remember, up_to

MAX_CHARS = 512
"""Of any header: what follows costs time and says nothing."""
MAX_WORD = 32
"""Of a header that is one of few words, the longest of which is shorter."""


@dataclass(slots=True, eq=False)
class Seen:
    """What a User-Agent shows, in classes."""

    agent: str
    """Its first 512 characters."""
    bot: Bot | None
    device: str
    is_tool: bool
    says_browser: bool
    """Whether it has a browser's name. Then it is suspect where it comes with headers that no
    browser sends: each states its languages, and over HTTPS each in use since 2023 its
    ``Sec-Fetch-*`` headers."""
    told: bytes | None = None
    """What a line says of its family and system; None: nobody asked yet."""


@dataclass(slots=True, eq=False)
class Coming:
    """Where a visit comes from."""

    host: str
    """Empty: not known."""
    kind: str
    outer_host: str
    """The same host; empty: one of our own."""
    is_entry: bool


SHOWN = {
    name: place
    for place, name in enumerate(
        (
            b"referer",
            b"sec-fetch-site",
            b"sec-fetch-dest",
            b"accept",
            b"accept-language",
            b"sec-ch-ua",
            b"sec-ch-ua-platform",
        )
    )
}
"""Headers that the site log puts into classes, and the place of each in what is shown."""
MOST_SHOWN = len(SHOWN)
NO_PLACES: dict[bytes, int] = {}
Shown = list[bytes | None]
"""The first of each of those headers; None where there is none."""
Origin = tuple[bytes, str, bytes | None, bytes | None, bool]
"""What tells where a visit comes from: Referer without its path, own host, ``Sec-Fetch-Site``,
``Sec-Fetch-Dest``, whether a page is wanted."""


def coming_of(origin: Origin) -> Coming:
    """Where a visit comes from; few origins make most of them."""
    referrer, own_host, site, destination, wants_page = origin
    host, kind = origin_of(referrer, own_host[:MAX_CHARS])
    return Coming(
        host,
        kind,
        "" if kind == "internal" else host,
        is_entry(_word(site), _word(destination), kind, accept="text/html" if wants_page else ""),
    )


INTERNAL, SAME_ORIGIN = "internal", b"same-origin"


@dataclass(frozen=True, slots=True)
class Near:
    """Where the last visit came from that went from page to page of one site: most others, too.

    As the browser itself says so, neither ``Sec-Fetch-Dest`` nor ``Accept`` makes a visit begin.
    """

    host: str
    site: bytes
    start: bytes
    """What its Referer began with: origin and a slash."""
    coming: Coming

    @classmethod
    def of(cls, origin: Origin, coming: Coming) -> Near:
        """Remember it; what is too long is nobody else's."""
        referrer, host, site, _, _ = origin
        if site != SAME_ORIGIN or coming.kind != INTERNAL or not is_small(origin):
            return NOWHERE
        return cls(host, site, referrer + b"/", coming)


NOWHERE = Near("", b"?", b"", Coming("", "none", "", is_entry=False))
"""Nobody comes from there."""


def is_small(origin: Origin) -> bool:
    """Whether no part of it is longer than such parts are."""
    referrer, own_host, site, destination, _ = origin
    words = max(len(site or b""), len(destination or b""))
    return max(len(referrer), len(own_host)) <= MAX_CHARS and words <= MAX_WORD


def _word(header: bytes | None) -> str:
    return (header or b"")[:MAX_WORD].decode("latin-1")


def shown_in(headers: list[tuple[bytes, bytes]]) -> Shown:
    """What of a request's headers is put into classes, as it came: little of it is ever read."""
    shown: Shown = [None] * MOST_SHOWN
    for name, value in headers:
        if name in SHOWN and shown[place := SHOWN[name]] is None:
            shown[place] = value
    return shown


def hinted(brands: bytes | None, platform: bytes | None) -> Browser | None:
    """The browser as its hints say; None where it gives none."""
    if brands is None:
        return None
    return _hinted_by(brands[:MAX_CHARS], (platform or b"")[:MAX_CHARS])


@remember(1_024)
def _hinted_by(brands: bytes, platform: bytes) -> Browser | None:
    return hinted_browser(brands.decode("latin-1"), platform.decode("latin-1"))


def language_of(accept_language: bytes | None) -> str:
    """The primary language of ``Accept-Language``."""
    return primary_language((accept_language or b"")[:MAX_WORD].decode("latin-1"))


@remember(1_024, is_small=up_to(32))
def country_code(place: str) -> str:
    """``US`` of ``US-CA``; empty where it is no country."""
    code = place[:2].upper()
    return code if len(code) == 2 and code.isalpha() and code != "ZZ" else ""


def names_of(signals: Signals) -> tuple[str, ...]:
    """The names of what is signalled."""
    if not (signals.gpc or signals.dnt):
        return ()
    return tuple(n for n, is_set in (("gpc", signals.gpc), ("dnt", signals.dnt)) if is_set)
