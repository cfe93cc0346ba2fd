"""Owns the two builders of the access record; each can reach only what its tier may use.

The operational builder's input has no address, agent, referrer, path or query in it: a leak
there is a type error, not an oversight (LOG-01, LOG-04, LOG-15).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from consentgate.domain.record import Tier
from consentgate.formats.paths import kept_query, scrubbed_path

Record = dict[str, object]

_METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "WS")
)
_SEARCH = ("google.", "bing.", "duckduckgo.", "ecosia.", "qwant.", "yahoo.", "yandex.", "baidu.")
_SOCIAL = (
    "facebook.",
    "instagram.",
    "linkedin.",
    "reddit.",
    "pinterest.",
    "mastodon.",
    "x.com",
    "t.co",
    "bsky.",
)
_AI = ("chatgpt.", "openai.", "claude.", "perplexity.", "gemini.google.", "copilot.microsoft.")


@dataclass(frozen=True, slots=True)
class Operational:
    """What may be written of any visit: the server's own facts."""

    hour: str
    method: str
    route: str
    status: int
    bytes_out: int
    duration_us: int
    referrer_class: str
    is_entry: bool
    signals: tuple[str, ...]
    version: str


@dataclass(frozen=True, slots=True)
class Statistics:
    """What may be written in addition where the visitor granted statistics."""

    minute: str
    path: str
    query: Mapping[str, str]
    referrer_host: str
    language: str


def operational_record(facts: Operational) -> Record:
    """Build the record of a visit whose visitor has not granted statistics (T0)."""
    record: Record = {
        "ts": facts.hour,
        "tier": Tier.OPERATIONAL.value,
        "v": facts.version,
        "method": facts.method,
        "route": facts.route,
        "status": facts.status,
        "bytes": two_digits(facts.bytes_out),
        "dur_us": two_digits(facts.duration_us),
        "ref": facts.referrer_class,
    }
    if facts.is_entry:
        record["entry"] = True
    if facts.signals:
        record["sig"] = list(facts.signals)
    return record


def statistics_record(facts: Operational, more: Statistics) -> Record:
    """Build the record of a visit whose visitor granted statistics (T1)."""
    record = operational_record(facts)
    record.pop("sig", None)
    record["ts"] = more.minute
    record["tier"] = Tier.STATISTICS.value
    record["path"] = more.path
    record["ref"] = more.referrer_host or facts.referrer_class
    if more.query:
        record["q"] = dict(more.query)
    if more.language:
        record["lang"] = more.language
    return record


def method_name(method: str) -> str:
    """A known method, or ``_OTHER`` (OpenTelemetry's word for the rest)."""
    return method if method in _METHODS else "_OTHER"


def two_digits(number: int) -> int:
    """Keep two significant digits: enough for every percentile, too few for a fingerprint."""
    if number < 100:
        return max(number, 0)
    unit: int = 10 ** (len(str(number)) - 2)
    return number // unit * unit


def hour_of(at: int) -> str:
    """``2026-11-23T21Z``: the hour, UTC (LOG-08)."""
    return time.strftime("%Y-%m-%dT%HZ", time.gmtime(at))


def minute_of(at: int) -> str:
    """``2026-11-23T21:05Z``: the minute, UTC."""
    return time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(at))


def referrer_host(referrer: str) -> str:
    """The host a visit came from, never path or query; empty where there is none."""
    if not referrer.startswith(("http://", "https://")):
        return ""
    try:
        host = urlsplit(referrer[:2_048]).hostname or ""
    except ValueError:
        return ""
    return host if len(host) <= 253 and host.isprintable() else ""


def referrer_class(host: str, own_host: str) -> str:
    """What kind of place a visit came from: none, internal, search, social, ai or external."""
    if not host:
        return "none"
    if host == own_host.rpartition("]")[2].partition(":")[0].lower():
        return "internal"
    for words, name in ((_AI, "ai"), (_SEARCH, "search"), (_SOCIAL, "social")):
        if any(word in f"{host}." for word in words):
            return name
    return "external"


def is_entry(site: str, destination: str, kind: str) -> bool:
    """Whether a visit begins here, judged without any identifier.

    Args:
        site: ``Sec-Fetch-Site``.
        destination: ``Sec-Fetch-Dest``; empty where the browser sends none.
        kind: class of the referrer.
    """
    if destination and destination != "document":
        return False
    if site:
        return site in ("none", "cross-site")
    return kind not in ("internal",)


def primary_language(accept_language: str) -> str:
    """The primary subtag of the first wish, such as ``de``; empty where it is none."""
    tag = accept_language[:16].partition(",")[0].partition(";")[0].partition("-")[0].strip().lower()
    return tag if 2 <= len(tag) <= 3 and tag.isascii() and tag.isalpha() else ""


def statistics_of(
    *, at: int, path: str, query: bytes, allowed: frozenset[str], referrer: str, language: str
) -> Statistics:
    """Minimise what T1 may say of a visit."""
    return Statistics(
        minute=minute_of(at),
        path=scrubbed_path(path),
        query=kept_query(query, allowed),
        referrer_host=referrer_host(referrer),
        language=primary_language(language),
    )
