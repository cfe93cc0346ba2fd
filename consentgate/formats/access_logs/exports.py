"""Owns how an access record is written for other programs: one row of WRITERS a format.

Only what the record holds is written; where a format demands a column that it cannot hold, a
constant stands there, the same for everybody.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from consentgate.domain.record import NAMES
from consentgate.formats.access_logs.frozen_agents import frozen_agent
from consentgate.formats.access_logs.imported import MONTHS

Record = Mapping[str, Any]

NOBODY = "100::"
"""Stands for the address: of the discard-only block (RFC 6666), so that readers take it for one."""


class Writer(NamedTuple):
    """Makes a line of a record."""

    line: Callable[[Record], str]
    """Empty: the format has no line for such a record."""
    header: str = ""
    """What stands before the first line, without its end; empty: nothing."""


def moment(record: Record) -> tuple[str, str]:
    """Day ``2026-10-01`` and time ``14:00:00`` of a record, as fine as it says."""
    day, _, clock = str(record.get("ts", ""))[:-1].partition("T")
    hour, _, rest = clock.partition(":")
    return day or "1970-01-01", f"{hour or '00'}:{rest[:2] or '00'}:00"


def combined_line(record: Record) -> str:
    """The combined log format, as GoAccess and Matomo's importer read it; a sign of interest is no
    request and has no line in it."""
    if "event" in record:
        return ""
    day, time = moment(record)
    year, month, date = day.split("-")
    method = str(record.get("method", "GET"))
    return (
        f"{record.get('visitor') or NOBODY} - - "
        f"[{date}/{MONTHS[int(month) - 1]}/{year}:{time} +0000] "
        f'"{_METHODS.get(method, method)} {_target(record)} HTTP/1.1" '
        f'{record.get("status", 0):03d} {record.get("bytes", 0)} "{_origin(record)}" '
        f'"{frozen_agent(record)}"'
    )


_METHODS = {"_OTHER": "TRACE", "WS": "GET"}
"""What readers of log files do not know, in words they know."""


def _target(record: Record) -> str:
    """Path, else route; an address whose route is not known is ``/(unmatched)``."""
    target = str(record.get("path") or record.get("route") or "")
    target = target if target.startswith("/") else f"/{target}"
    return quote(target, safe="/{}()~:@!$&'*+,;=")


def _origin(record: Record) -> str:
    host = str(record.get("ref_host", ""))
    return f"https://{quote(host, safe='.-:')}/" if host else "-"


_W3C = {
    "method": "cs-method",
    "path": "cs-uri-stem",
    "status": "sc-status",
    "bytes": "sc-bytes",
    "ref_host": "cs(Referer)",
}
"""Field to its name in the W3C format; the rest begin with ``x-``."""
_W3C_FIELDS = tuple(name for name in NAMES if name not in ("ts", "dur_us"))
_W3C_HEADER = "#Version: 1.0\n#Fields: date time time-taken " + " ".join(
    _W3C.get(name, f"x-{name}") for name in _W3C_FIELDS
)


def w3c_line(record: Record) -> str:
    """The W3C extended log format; ``-`` for what the record does not hold."""
    day, time = moment(record)
    taken = record.get("dur_us")
    cells = [day, time, "-" if taken is None else f"{taken / 1e6:.6f}"]
    cells += [_w3c_cell(record.get(name)) for name in _W3C_FIELDS]
    return " ".join(cells)


def _w3c_cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    text = "1" if value is True else str(_flat("", value))
    return quote(text, safe="/{}()~:@!$&'*+,;=.").replace("%20", "+")


_ECS = {
    "tier": "labels.consentgate_tier",
    "v": "labels.consentgate_policy",
    "method": "http.request.method",
    "route": "labels.http_route",
    "path": "url.path",
    "status": "http.response.status_code",
    "bytes": "http.response.bytes",
    "ref_host": "labels.referrer",
    "country": "client.geo.country_iso_code",
    "lang": "labels.language",
    "browser": "user_agent.name",
    "bmaj": "user_agent.version",
    "os": "user_agent.os.name",
    "device": "user_agent.device.name",
    "bot": "labels.bot",
    "bot_kind": "labels.bot_kind",
    "visitor": "labels.visitor",
    "event": "event.action",
}
"""Field to its name in the Elastic Common Schema; the rest are labels."""


def ecs_line(record: Record) -> str:
    """JSON in the Elastic Common Schema; ``client.ip`` and ``user_agent.original`` never."""
    document: dict[str, Any] = {"@timestamp": _rfc3339(record), "ecs": {"version": "8.11.0"}}
    for name, value in record.items():
        if name not in ("ts", "dur_us"):
            _put(document, _ECS.get(name, f"labels.{name}"), _flat(name, value))
    if "dur_us" in record:
        _put(document, "event.duration", record["dur_us"] * 1_000)
    _put(document, "event.kind", "event")
    _put(document, "event.category", ["web"])
    return _json(document)


def _put(document: dict[str, Any], name: str, value: object) -> None:
    *steps, last = name.split(".")
    for step in steps:
        document = document.setdefault(step, {})
    document[last] = value


def _flat(name: str, value: Any) -> Any:
    """A label holds one value: tables and lists become text."""
    return _json(value) if isinstance(value, dict | list) else value


_OTEL = {
    "method": "http.request.method",
    "route": "http.route",
    "path": "url.path",
    "status": "http.response.status_code",
    "bytes": "http.response.body.size",
    "country": "client.geo.country_iso_code",
    "browser": "user_agent.name",
    "bmaj": "user_agent.version",
    "os": "user_agent.os.name",
}
"""Field to its name in OpenTelemetry's HTTP conventions; the rest stand under ``consentgate.``."""


def otel_line(record: Record) -> str:
    """JSON with OpenTelemetry's names; ``client.address`` and ``user_agent.original`` never."""
    attributes: dict[str, Any] = {
        _OTEL.get(name, f"consentgate.{name}"): _flat(name, value)
        for name, value in record.items()
        if name not in ("ts", "dur_us")
    }
    if "dur_us" in record:
        attributes["http.server.request.duration"] = record["dur_us"] / 1e6
    if "bot" in record:
        attributes["user_agent.synthetic.type"] = "bot"
    return _json({"timestamp": _rfc3339(record), "attributes": attributes})


def _rfc3339(record: Record) -> str:
    day, time = moment(record)
    return f"{day}T{time}Z"


_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_line(record: Record) -> str:
    """Comma-separated values; what a spreadsheet would take for a formula begins with ``'``."""
    return ",".join(_csv_cell(record.get(name)) for name in NAMES)


def _csv_cell(value: object) -> str:
    if value is None:
        return ""
    text = _json(value) if isinstance(value, dict | list | bool) else str(value)
    text = "".join(char if char.isprintable() else " " for char in text)
    if isinstance(value, str) and value.startswith(_FORMULA):
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in '",;') else text


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


WRITERS = {
    "jsonl": Writer(_json),
    "combined": Writer(combined_line),
    "w3c": Writer(w3c_line, _W3C_HEADER),
    "ecs": Writer(ecs_line),
    "otel": Writer(otel_line),
    "csv": Writer(csv_line, ",".join(NAMES)),
}
"""What ``--to`` and ``--as`` may say."""
