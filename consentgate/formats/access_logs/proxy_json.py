"""Owns the access lines in JSON: of Caddy, Traefik, Cloudflare, and of nginx with usual names.

One row of SHAPES says where a program writes a column; nothing else of a line is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from consentgate.formats.access_logs.imported import (
    UNKNOWN,
    ForeignLine,
    minute_of_number,
    minute_of_text,
)

Loads = Callable[[str], Any]
"""Reads JSON; raises ValueError."""


class Shape(NamedTuple):
    """Where a program writes a column: names of keys, ``>`` goes one level down; the first wins."""

    time: tuple[str, ...]
    status: tuple[str, ...]
    size: tuple[str, ...]
    duration: tuple[str, ...]
    unit_us: float
    """Microseconds in a unit of the duration."""
    method: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    request: tuple[str, ...] = ()
    """The whole request line, where there is one."""
    referrer: tuple[str, ...] = ()
    agent: tuple[str, ...] = ()
    host: tuple[str, ...] = ()


SHAPES = {
    "caddy": Shape(
        time=("ts",),
        status=("status",),
        size=("size",),
        duration=("duration",),
        unit_us=1e6,
        method=("request>method",),
        target=("request>uri",),
        referrer=("request>headers>Referer",),
        agent=("request>headers>User-Agent",),
        host=("request>host",),
    ),
    "traefik": Shape(
        time=("StartUTC", "time", "StartLocal"),
        status=("DownstreamStatus", "OriginStatus"),
        size=("DownstreamContentSize", "OriginContentSize"),
        duration=("Duration",),
        unit_us=1e-3,
        method=("RequestMethod",),
        target=("RequestPath",),
        referrer=("request_Referer",),
        agent=("request_User-Agent",),
        host=("RequestHost",),
    ),
    "cloudflare": Shape(
        time=("EdgeStartTimestamp",),
        status=("EdgeResponseStatus",),
        size=("EdgeResponseBytes",),
        duration=("EdgeTimeToFirstByteMs",),
        unit_us=1e3,
        method=("ClientRequestMethod",),
        target=("ClientRequestPath", "ClientRequestURI"),
        referrer=("ClientRequestReferer",),
        agent=("ClientRequestUserAgent",),
        host=("ClientRequestHost",),
    ),
    "nginx-json": Shape(
        time=("time_iso8601", "time_local", "msec", "time", "timestamp", "@timestamp"),
        status=("status",),
        size=("body_bytes_sent", "bytes_sent", "bytes"),
        duration=("request_time",),
        unit_us=1e6,
        method=("request_method", "method"),
        target=("request_uri", "uri", "path"),
        request=("request",),
        referrer=("http_referer", "http_referrer", "referer", "referrer"),
        agent=("http_user_agent", "user_agent", "agent"),
        host=("host", "http_host", "server_name"),
    ),
}
"""Program to the shape of its lines."""


def json_line(line: str, loads: Loads, *, program: str = "") -> ForeignLine | None:
    """Read one line; None for anything that lacks a moment, a request or a status.

    Args:
        line: characters are bytes (latin-1); JSON is UTF-8.
        loads: the JSON reader.
        program: a name of SHAPES; empty: told by the keys.
    """
    try:
        entry = loads(line.encode("latin-1").decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict):
        return None
    shape = SHAPES[program or _program(entry)]
    try:
        return _read(entry, shape)
    except (ValueError, OverflowError, OSError):
        return None


def _program(entry: Mapping[str, Any]) -> str:
    if isinstance(entry.get("request"), dict):
        return "caddy"
    if "DownstreamStatus" in entry or "RequestMethod" in entry:
        return "traefik"
    return "cloudflare" if "ClientRequestMethod" in entry else "nginx-json"


def _read(entry: Mapping[str, Any], shape: Shape) -> ForeignLine | None:
    status, request = _digits(_value(entry, shape.status)), _request(entry, shape)
    if len(status) != 3 or not request:
        return None
    return ForeignLine(
        _minute(_value(entry, shape.time)),
        request,
        status,
        _digits(_value(entry, shape.size)) or "0",
        _duration(_value(entry, shape.duration), shape.unit_us),
        _text(_value(entry, shape.referrer)),
        _text(_value(entry, shape.agent)),
        _text(_value(entry, shape.host)).lower(),
    )


def _request(entry: Mapping[str, Any], shape: Shape) -> str:
    method, target = _text(_value(entry, shape.method)), _text(_value(entry, shape.target))
    if method and target:
        return f"{method} {target}"
    return _text(_value(entry, shape.request))


def _value(entry: Mapping[str, Any], names: tuple[str, ...]) -> object:
    for name in names:
        found: object = entry
        for step in name.split(">"):
            found = found.get(step) if isinstance(found, dict) else None
        if isinstance(found, list):
            found = found[0] if found else None
        if found is not None:
            return found
    return None


def _text(value: object) -> str:
    """The text as bytes in latin-1, like every other line's."""
    if not isinstance(value, str) or value == "-":
        return ""
    return value.encode("utf-8", "replace").decode("latin-1")


def _digits(value: object) -> str:
    """A whole number of at most 15 digits, in digits; empty for anything else."""
    if isinstance(value, bool):
        return ""
    text = str(value) if isinstance(value, int) and abs(value) < 10**15 else value
    if not isinstance(text, str) or len(text) > 15 or not (text.isascii() and text.isdecimal()):
        return ""
    return text.lstrip("0") or "0"


def _minute(value: object) -> int:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return minute_of_number(value)
    return minute_of_text(value[:40] if isinstance(value, str) else "")


def _duration(value: object, unit_us: float) -> int:
    if isinstance(value, bool):
        return UNKNOWN
    try:
        duration = float(value) * unit_us  # type: ignore[arg-type]  # whatever a line holds
    except (TypeError, ValueError):
        return UNKNOWN
    return round(duration) if 0 <= duration < 1e15 else UNKNOWN
