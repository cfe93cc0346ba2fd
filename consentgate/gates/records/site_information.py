"""Owns the builders of the access record; each can reach only what its tier may use.

The operational builder's input has no address, agent, referrer, path or query in it: a leak
there is a type error, not an oversight (LOG-01, LOG-04, LOG-15).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from consentgate.domain.agents import Bot, Browser
from consentgate.domain.record import Tier
from consentgate.gates.records.referrers import (
    is_entry,
    primary_language,
    referrer_class,
    referrer_host,
)
from consentgate.memo import remember

Record = dict[str, object]

METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "WS")
)
"""What a record calls by its name; ``WS`` is a WebSocket."""


@dataclass(slots=True)
class Operational:
    """What may be written of any visit: the server's own facts, and classes of the rest."""

    hour: str
    method: str
    route: str
    status: int
    bytes_out: int
    duration_us: int
    referrer_class: str
    device: str
    is_entry: bool
    is_suspect: bool
    signals: tuple[str, ...]
    version: str


@dataclass(slots=True, kw_only=True)
class Statistics:
    """What may be written in addition where the visitor granted statistics."""

    minute: str
    path: str
    query: Mapping[str, str] | None = None
    is_paid: bool = False
    referrer_host: str = ""
    country: str = ""
    language: str = ""
    browser: Browser | None = None
    visitor: str = ""
    event: str = ""
    properties: Mapping[str, str] | None = None


@dataclass(slots=True)
class Machine:
    """What may be written in addition of a declared machine: it is nobody."""

    minute: str
    path: str
    referrer_host: str
    country: str
    bot: Bot


def operational_record(facts: Operational) -> Record:
    """Build the record of a visit whose visitor has not granted statistics (T0)."""
    record: Record = {
        "ts": facts.hour,
        "tier": "T0",
        "v": facts.version,
        "method": facts.method,
        "route": facts.route,
        "status": facts.status,
        "bytes": two_digits(facts.bytes_out),
        "dur_us": two_digits(facts.duration_us),
        "ref": facts.referrer_class,
        "device": facts.device,
    }
    if facts.is_suspect:
        record["suspect"] = True
    if facts.is_entry:
        record["entry"] = True
    if facts.signals:
        record["sig"] = list(facts.signals)
    return record


_AMOUNTS, _SLOTS = b'"bytes":0,"dur_us":0', b'"bytes":%d,"dur_us":%d'


def operational_template(facts: Operational, encode: Callable[[object], bytes]) -> bytes:
    """The line of operational records that differ in size and duration alone, with ``%d`` for each.

    Args:
        facts: both numbers are 0.
        encode: makes a line of a record, compact JSON; a quotation mark inside a text is escaped.
    """
    line = encode(operational_record(facts)).replace(b"%", b"%%")
    return line.replace(_AMOUNTS, _SLOTS, 1)


def statistics_record(facts: Operational, more: Statistics) -> Record:
    """Build the record of a visit whose visitor granted statistics (T1)."""
    record = operational_record(facts)
    record.pop("sig", None)
    record["ts"] = more.minute
    record["tier"] = Tier.STATISTICS.value
    record["path"] = more.path
    record["ref"] = more.referrer_host or facts.referrer_class
    record.update(_said_of_visitor(more))
    return record


def _said_of_visitor(more: Statistics) -> Record:
    """The fields that only a visitor who granted statistics leaves, in their order."""
    said: Record = {}
    if more.is_paid:
        said["paid"] = True
    if more.query:
        said["q"] = dict(more.query)
    if more.country:
        said["country"] = more.country
    if more.language:
        said["lang"] = more.language
    if more.browser is not None:
        _add_browser(said, more.browser)
    if more.visitor:
        said["visitor"] = more.visitor
    return said


_NO_MINUTE, _NO_PATH = b'"ts":""', b'"path":""'


def statistics_template(
    facts: Operational, referrer_host: str, encode: Callable[[object], bytes]
) -> bytes:
    """The beginning of lines of T1 that differ in minute, size and duration alone.

    ``%b`` stands for the minute, ``%d`` for each number; the text of the path comes next.

    Args:
        facts: both numbers are 0.
        referrer_host: empty where only the class is known.
        encode: as for ``operational_template``.
    """
    more = Statistics(minute="", path="", referrer_host=referrer_host)
    line = encode(statistics_record(facts, more)).replace(b"%", b"%%")
    line = line.replace(_NO_MINUTE, b'"ts":"%b"', 1).replace(_AMOUNTS, _SLOTS, 1)
    return line[: line.index(_NO_PATH) + len(_NO_PATH) - 2]


def statistics_text(more: Statistics, encode: Callable[[object], bytes]) -> bytes:
    """Fields of a line of T1 after its path, such as ``,"country":"CH"``; often none."""
    said = _said_of_visitor(more)
    return b"," + encode(said).rstrip()[1:-1] if said else b""


def _add_browser(record: Record, browser: Browser) -> None:
    if browser.family:
        record["browser"] = browser.family
    if browser.major:
        record["bmaj"] = browser.major
    if browser.os:
        record["os"] = browser.os


def interest_record(version: str, route: str, device: str, more: Statistics) -> Record:
    """Build the record of a sign of interest (T1); what was answered is another record's."""
    record: Record = {"ts": more.minute, "tier": Tier.STATISTICS.value, "v": version}
    browser = more.browser
    for name, value in (
        ("route", route),
        ("path", more.path),
        ("country", more.country),
        ("lang", more.language),
        ("browser", browser.family if browser else ""),
        ("bmaj", browser.major if browser else ""),
        ("os", browser.os if browser else ""),
        ("device", device),
        ("visitor", more.visitor),
        ("event", more.event),
        ("props", dict(more.properties or ())),
    ):
        if value:
            record[name] = value
    return record


def longitudinal_record(facts: Operational, more: Statistics, subject: str) -> Record:
    """Build the record of a visitor who agreed to be recognised across days (T2)."""
    record = statistics_record(facts, more)
    record["tier"] = Tier.LONGITUDINAL.value
    record["subject"] = subject
    return record


def machine_record(facts: Operational, more: Machine) -> Record:
    """Build the record of a declared machine (TB): no visitor, no entry, no signal."""
    record = operational_record(facts)
    for name in ("sig", "entry", "suspect", "device"):
        record.pop(name, None)
    record["ts"] = more.minute
    record["tier"] = Tier.BOT.value
    record["path"] = more.path
    record["ref"] = more.referrer_host or facts.referrer_class
    if more.country:
        record["country"] = more.country
    record["bot"] = more.bot.name
    record["bot_kind"] = more.bot.kind
    return record


def method_name(method: str) -> str:
    """A known method, or ``_OTHER`` (OpenTelemetry's word for the rest)."""
    return method if method in METHODS else "_OTHER"


_UNITS = tuple(int("1" + "0" * power) for power in range(1, 64))


def two_digits(number: int) -> int:
    """Keep two significant digits: enough for every percentile, too few for a fingerprint."""
    if number < 1_000:
        return number - number % 10 if number >= 100 else max(number, 0)
    if number < 10_000:
        return number - number % 100
    if number < 100_000:
        return number - number % 1_000
    if number < 1_000_000:
        return number - number % 10_000
    return number - number % _UNITS[len(str(number)) - 3]


@remember(512)
def hour_of(at: int) -> str:
    """``2026-11-23T21Z``: the hour, UTC (LOG-08)."""
    return time.strftime("%Y-%m-%dT%HZ", time.gmtime(at))


@remember(512)
def minute_of(at: int) -> str:
    """``2026-11-23T21:05Z``: the minute, UTC."""
    return time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(at))


def month_of(at: int) -> str:
    """``2026-11``: the month, UTC."""
    return time.strftime("%Y-%m", time.gmtime(at))


__all__ = [
    "Machine",
    "Operational",
    "Record",
    "Statistics",
    "hour_of",
    "interest_record",
    "is_entry",
    "longitudinal_record",
    "machine_record",
    "method_name",
    "minute_of",
    "month_of",
    "operational_record",
    "operational_template",
    "primary_language",
    "referrer_class",
    "referrer_host",
    "statistics_record",
    "statistics_template",
    "statistics_text",
    "two_digits",
]
