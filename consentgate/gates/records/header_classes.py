"""Owns the classes into which the site log puts a visit's headers; never keeps their own text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from consentgate.domain.agents import Browser
from consentgate.domain.signals import Signals
from consentgate.formats.headers.client_hints import hinted_browser
from consentgate.gates.records.referrers import (
    INTERNAL,
    is_entry,
    origin_of,
    primary_language,
    without_path,
)
from consentgate.memo import Memo, remember

MAX_CHARS = 512
"""Characters that are read of any header: what follows costs time and says nothing."""
MOST_ORIGINS = 4_096
MAX_WORD = 32
"""Characters that are read of a header whose value is one of few, all shorter words."""


class Referral(NamedTuple):
    """Where a visit comes from."""

    host: str
    """Empty: not known."""
    kind: str
    """Class of the host."""
    outer_host: str
    """The same host; empty: one of our own."""
    is_entry: bool
    """Whether a visit begins, as far as the headers tell."""


CLASSED = {
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
"""Headers that the site log puts into classes, and the place of each in ``ClassedHeaders``."""
ClassedHeaders = list[bytes | None]
"""The last of each of those headers, in that order; None where there is none. It is made for each
visit and unpacked where it is read: ``referrer, site, destination, accept, languages, brands,
platform``."""


class Origin(NamedTuple):
    """What tells where a visit comes from."""

    referrer: bytes
    """Without its path."""
    own_host: bytes
    """The ``Host`` field."""
    site: bytes | None
    destination: bytes | None
    wants_page: bool


OriginFacts = tuple[bytes, bytes, bytes | None, bytes | None, bool]
"""The same without names: it is made for each visit, and named only for the first of its like."""


def refer(facts: OriginFacts) -> Referral:
    """Tell where a visit comes from; few origins make most of them."""
    origin = Origin(*facts)
    host, kind = origin_of(origin.referrer, origin.own_host[:MAX_CHARS].decode("latin-1"))
    accept = "text/html" if origin.wants_page else ""
    begins = is_entry(_word(origin.site), _word(origin.destination), kind, accept)
    return Referral(host, kind, "" if kind == INTERNAL else host, begins)


SAME_ORIGIN = b"same-origin"


LastReferral = tuple[bytes, bytes, bytes, Referral]
"""The last visit that went from page to page of one site, as most do: the next asks nothing. It has
its ``Host``, its ``Sec-Fetch-Site``, what its Referer began with (origin and a slash), and where it
came from. As the browser says so itself, no other header makes it begin."""
NOWHERE = Referral("", "none", "", is_entry=False)
NO_REFERRAL: LastReferral = (b"", b"?", b"", NOWHERE)
"""No visit is like it."""


def remember_referral(origin: Origin, referral: Referral) -> LastReferral:
    """Remember a visit; one whose headers are too long is not like the next."""
    if origin.site != SAME_ORIGIN or referral.kind != INTERNAL or not is_small(origin):
        return NO_REFERRAL
    return origin.own_host, origin.site, origin.referrer + b"/", referral


def is_small(facts: OriginFacts) -> bool:
    """Whether no part of an origin is longer than such parts are."""
    origin = Origin(*facts)
    words = max(len(origin.site or b""), len(origin.destination or b""))
    return max(len(origin.referrer), len(origin.own_host)) <= MAX_CHARS and words <= MAX_WORD


class Referrals:
    """Tells where visits come from; remembers origins, never a page."""

    def __init__(self) -> None:
        self._known: Memo[OriginFacts, Referral] = Memo(refer, MOST_ORIGINS, is_small=is_small)
        self._last = NO_REFERRAL

    def of(self, host: bytes, classed: ClassedHeaders) -> Referral:
        """Tell where a visit comes from; the next one from the same site need not ask.

        Args:
            host: the ``Host`` field.
            classed: the headers that are put into classes.
        """
        referrer, site, destination, accept, _, _, _ = classed
        last_host, last_site, last_start, last = self._last
        if referrer and site == last_site and host == last_host and referrer.startswith(last_start):
            return last
        start = without_path(referrer) if referrer else b""
        wants_page = accept is not None and accept.find(b"text/html") >= 0
        origin = (start, host, site, destination, wants_page)
        referral = self._known[origin]
        if site == SAME_ORIGIN and referral.kind == INTERNAL:
            self._last = remember_referral(Origin(*origin), referral)
        return referral


def _word(header: bytes | None) -> str:
    return (header or b"")[:MAX_WORD].decode("latin-1")


def classed_headers(headers: Iterable[tuple[bytes, bytes]]) -> ClassedHeaders:
    """Pick the headers that are put into classes, as they came: little of them is ever read."""
    found: ClassedHeaders = [None] * len(CLASSED)
    for name, value in headers:
        if name in CLASSED:
            found[CLASSED[name]] = value
    return found


_PAGES = (b"document", b"iframe", b"frame", b"object", b"embed")
_ASSETS = (
    b"image style script font audio video track manifest worker sharedworker serviceworker "
    b"audioworklet paintworklet xslt report json"
).split()
WANTED: dict[bytes | None, str] = {
    **dict.fromkeys(_PAGES, "page"),
    **dict.fromkeys(_ASSETS, "asset"),
    b"empty": "api",
}
"""``Sec-Fetch-Dest`` to what the answer is wanted for."""


def wanted_by(accept: bytes | None) -> str:
    """Tell what an answer is wanted for where the browser sends no ``Sec-Fetch-Dest``."""
    if accept is None:
        return ""
    if b"text/html" in accept:
        return "page"
    if accept.startswith((b"image/", b"text/css", b"font/")):
        return "asset"
    return "api" if accept.startswith(b"application/json") else ""


def hinted(brands: bytes | None, platform: bytes | None) -> Browser | None:
    """Tell the browser by its hints; None where it gives none."""
    if brands is None:
        return None
    return _hinted_by(brands[:MAX_CHARS], (platform or b"")[:MAX_CHARS])


@remember(1_024)
def _hinted_by(brands: bytes, platform: bytes) -> Browser | None:
    return hinted_browser(brands.decode("latin-1"), platform.decode("latin-1"))


def language_of(accept_language: bytes | None) -> str:
    """Tell the primary language of ``Accept-Language``; empty where it names none."""
    return primary_language((accept_language or b"")[:MAX_WORD].decode("latin-1"))


@remember(1_024)
def country_code(place: str) -> str:
    """Cut a place to its country, as ``US-CA`` to ``US``; empty where it is none."""
    code = place[:2].upper()
    return code if len(code) == 2 and code.isalpha() and code != "ZZ" else ""


def names_of(signals: Signals) -> tuple[str, ...]:
    """Name the signals that a browser states."""
    if not (signals.gpc or signals.dnt):
        return ()
    return tuple(n for n, is_set in (("gpc", signals.gpc), ("dnt", signals.dnt)) if is_set)
