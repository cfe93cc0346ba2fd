"""Owns reading what visitors told other consent tools, from the cookies those leave behind.

Each reader gives what was said, under the tool's own keys, and when: ``{"statistics": False}``.
Which purposes that means is the policy's to say. Nothing here is signed: anybody can have
written it.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, unquote

MAX_BYTES = 8_192
Said = tuple[dict[str, bool], int | None]
"""What was said, and when: whole seconds since the epoch, None where the cookie does not tell."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A consent tool whose cookie can be read."""

    cookie: str
    """The name it gives its cookie, unless a site chose another."""
    read: Callable[[str], Said]
    """Reads the value; raises ValueError, KeyError, TypeError or AttributeError for another one."""
    purposes: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """What its own keys usually mean; a policy may say otherwise."""


def said_to(tool: Tool, value: bytes) -> Said | None:
    """What a visitor told a tool, by the value of its cookie; None where it says nothing.

    Never raises: the value is anything at all.
    """
    if not value or len(value) > MAX_BYTES:
        return None
    try:
        said, at = tool.read(value.decode("utf-8"))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    return (said, at) if said else None


def _object(value: str) -> Mapping[str, Any]:
    document = json.loads(unquote(value))
    if not isinstance(document, dict):
        raise TypeError("expected an object")
    return document


def _flags(document: Mapping[str, Any]) -> dict[str, bool]:
    """Only a literal true was granted, only a literal false refused."""
    return {key: said for key, said in document.items() if isinstance(said, bool)}


def _moment(text: str) -> int:
    return int(dt.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


def _vanilla(value: str) -> Said:
    """vanilla-cookieconsent 3: the categories that were accepted, among all that there are."""
    document = _object(value)
    accepted = document["categories"]
    known = {*document.get("services", {}), *accepted}
    at = document.get("lastConsentTimestamp") or document.get("consentTimestamp")
    return {key: key in accepted for key in known}, _moment(at) if at else None


def _each(value: str) -> Said:
    """Klaro and Orejime: one flag for each service or purpose, and no moment."""
    return _flags(_object(value)), None


def _tarteaucitron(value: str) -> Said:
    """``!youtube=true!ads=false``; ``wait`` is no answer."""
    pairs = (part.split("=", 1) for part in unquote(value).split("!") if "=" in part)
    return {key: said == "true" for key, said in pairs if said in ("true", "false")}, None


def _c15t(value: str) -> Said:
    """``c.marketing:1,i.t:1795868483464``: what is not named was refused."""
    pairs = dict(part.split(":", 1) for part in unquote(value).split(",") if ":" in part)
    granted = {key[2:] for key, said in pairs.items() if key.startswith("c.") and said == "1"}
    if "necessary" not in granted:
        raise ValueError("every cookie of it grants what is necessary")
    return {key: key in granted for key in C15T_KEYS}, int(pairs["i.t"]) // 1_000


def _cookiebot(value: str) -> Said:
    """A literal of JavaScript: ``{stamp:'…',necessary:true,marketing:false,utc:1795868483464}``."""
    text = unquote(value)
    found = dict(re.findall(r"(\w+):(true|false)\b", text))
    at = re.search(r"\butc:(\d{10,14})\b", text)
    said = {key: found[key] == "true" for key in COOKIEBOT_KEYS if key in found}
    return said, int(at[1]) // 1_000 if at else None


def _onetrust(value: str) -> Said:
    """``groups=C0001:1,C0002:0&datestamp=…``; the moment is written as a browser writes it."""
    fields = dict(parse_qsl(value if "groups=" in value else unquote(value)))
    pairs = (part.rsplit(":", 1) for part in fields["groups"].split(",") if ":" in part)
    said = {key: flag == "1" for key, flag in pairs if flag in ("0", "1")}
    return said, _browser_moment(fields.get("datestamp", ""))


def _browser_moment(text: str) -> int | None:
    """``Sat Nov 28 2026 12:20:30 GMT+0100 (…)``; None for another one."""
    found = re.match(r"\w{3} (\w{3} \d\d \d{4} \d\d:\d\d:\d\d) GMT([+ -]\d{4})", text)
    if found is None:
        return None
    zone = found[2].replace(" ", "+")
    return int(dt.datetime.strptime(f"{found[1]} {zone}", "%b %d %Y %H:%M:%S %z").timestamp())


def _tcf(value: str) -> Said:
    """A TC string of version 2: the purposes that the core segment grants by consent.

    IAB Tech Lab, "Consent string and vendor list formats v2": version 6 bits, Created 36,
    LastUpdated 36 (tenths of a second); PurposesConsent are the 24 bits from bit 152 on.
    """
    core = value.partition(".")[0]
    raw = base64.b64decode(core + "=" * (-len(core) % 4), altchars=b"-_", validate=True)
    if len(raw) < _TCF_LEAST_BYTES:
        raise binascii.Error("too short")
    bits = int.from_bytes(raw, "big")
    size = len(raw) * 8

    def field(start: int, length: int) -> int:
        return bits >> (size - start - length) & ((1 << length) - 1)

    if field(0, 6) != 2:
        raise ValueError("another version")
    said = {str(number): bool(field(151 + number, 1)) for number in range(1, 12)}
    return said, field(42, 36) // 10


_TCF_LEAST_BYTES = 22
C15T_KEYS = ("functionality", "experience", "measurement", "marketing")
COOKIEBOT_KEYS = ("preferences", "statistics", "marketing")

TOOLS: Mapping[str, Tool] = {
    "cc_cookie": Tool("cc_cookie", _vanilla),
    "klaro": Tool("klaro", _each),
    "orejime": Tool("eu-consent", _each),
    "tarteaucitron": Tool("tarteaucitron", _tarteaucitron),
    "c15t": Tool(
        "c15t",
        _c15t,
        {
            "functionality": ("functional",),
            "experience": ("functional",),
            "measurement": ("statistics",),
            "marketing": ("marketing",),
        },
    ),
    "cookiebot": Tool(
        "CookieConsent",
        _cookiebot,
        {
            "preferences": ("functional",),
            "statistics": ("statistics",),
            "marketing": ("marketing",),
        },
    ),
    "onetrust": Tool(
        "OptanonConsent",
        _onetrust,
        {
            "C0002": ("statistics",),
            "C0003": ("functional",),
            "C0004": ("marketing",),
            "C0005": ("marketing",),
        },
    ),
    "tcf": Tool(
        "euconsent-v2",
        _tcf,
        {
            "1": ("functional", "statistics", "marketing"),
            "2": ("marketing",),
            "3": ("marketing",),
            "4": ("marketing",),
            "5": ("functional",),
            "6": ("functional",),
            "7": ("marketing",),
            "8": ("statistics",),
            "9": ("statistics",),
        },
    ),
}
"""Key in the policy to the tool."""
