"""Owns the rows of the table: which requests are counted, and what is taken off each count."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

LIMITS = Path(__file__).with_name("limits.json")


@dataclass(frozen=True, kw_only=True)
class Row:
    """Requests of one kind, all to the same app behind the same middleware."""

    key: str
    """Its name in ``limits.json``."""
    name: str
    """Its name in the table."""
    stack: str
    """``bare``, ``session``, ``gate`` or ``gate+log``."""
    path: str = "/json"
    choice: str = "none"
    """``none``, ``refused`` or ``granted``."""
    cookies: int = 0
    """Cookies of the site beside the token."""
    is_chrome: bool = False
    """All sixteen headers that Chrome sends with a page view, instead of five."""
    begins: bool = False
    """Whether a visit begins with it: no ``Referer``, ``Sec-Fetch-Site: none``."""
    new: str = ""
    """``token`` or ``agent``: what no earlier request has had. Everything else repeats."""
    services: int = 4
    """How many the policy names."""
    without: str = ""
    """Key of the row whose count is taken off this one; empty: the bare app's."""
    is_quick: bool = False
    """Whether the quick run has it too."""
    requests: int = 200
    """With the site log there are more: what is done once a second is counted with them."""


BARE = "bare "
"""With a path behind it: the key of the bare app's own row."""
SESSION = "session"
"""Key of the row whose share is 1.00."""


_of_bare = partial(Row, stack="bare", is_quick=True)
_of_gate = partial(Row, stack="gate")
_of_log = partial(Row, stack="gate+log", is_chrome=True, requests=1_000)
_granted = partial(_of_gate, choice="granted", cookies=5)
_page = partial(_of_gate, path="/page", is_chrome=True, requests=100)
_unseen = partial(_granted, new="token")

ROWS = (
    *(
        _of_bare(key=BARE + path, name=f"bare app, {path}", path=path)
        for path in ("/session", "/json", "/cookies", "/page")
    ),
    Row(
        key=SESSION,
        name="SessionMiddleware, session loaded and read",
        stack="session",
        path="/session",
        is_quick=True,
    ),
    Row(key="session-unread", name="SessionMiddleware, session loaded", stack="session"),
    _of_gate(key="idle-16", name="idle: JSON, 16 headers", is_chrome=True, is_quick=True),
    _of_gate(key="idle-15", name="idle: JSON, where a visit begins", is_chrome=True, begins=True),
    _of_gate(key="idle", name="idle: JSON, 5 headers"),
    _of_gate(
        key="refused", name="refused: JSON, 5 cookies", choice="refused", cookies=5, is_quick=True
    ),
    _granted(key="granted", name="granted: JSON, 5 cookies", is_quick=True),
    _granted(
        key="granted-16",
        name="granted: JSON, 5 cookies, 16 headers",
        is_chrome=True,
        is_quick=True,
    ),
    _unseen(key="unseen-10", name="granted: token not seen before, 10 services", services=10),
    _unseen(
        key="unseen-100",
        name="granted: token not seen before, 100 services",
        services=100,
        is_quick=True,
    ),
    _unseen(
        key="unseen-1000", name="granted: token not seen before, 1,000 services", services=1_000
    ),
    _of_gate(
        key="set-cookies",
        name="granted: three Set-Cookie",
        choice="granted",
        path="/cookies",
        is_quick=True,
    ),
    _page(key="page-none", name="first visit: 5 KB page, first layer", begins=True, is_quick=True),
    _page(key="page-refused", name="refused: 5 KB page", choice="refused"),
    _page(key="page-granted", name="granted: 5 KB page", choice="granted"),
    _of_log(
        key="log-T0",
        name="the site log adds, T0 (idle, 16 headers)",
        without="idle-16",
        is_quick=True,
    ),
    _of_log(
        key="log-T0-begins",
        name="the same, where a visit begins",
        begins=True,
        without="idle-15",
    ),
    _of_log(
        key="log-T1",
        name="the site log adds, T1 (granted, 16 headers)",
        choice="granted",
        cookies=5,
        without="granted-16",
        is_quick=True,
    ),
    Row(
        key="log-T0-few",
        name="the site log adds, T0 (idle, 5 headers)",
        stack="gate+log",
        without="idle",
        requests=1_000,
    ),
    Row(
        key="log-T1-few",
        name="the site log adds, T1 (granted, 5 headers)",
        stack="gate+log",
        choice="granted",
        cookies=5,
        without="granted",
        requests=1_000,
    ),
    _of_log(
        key="agent-T0", name="new user agent, with the site log, T0", new="agent", requests=200
    ),
    _of_log(
        key="agent-T1",
        name="new user agent, with the site log, T1",
        choice="granted",
        cookies=5,
        new="agent",
        requests=200,
    ),
)


def chosen(*, quick: bool) -> list[Row]:
    """The rows of a run, those that are taken off others among them."""
    return [row for row in ROWS if row.is_quick or not quick]


def limits() -> dict[str, float]:
    """Per key, the largest share of what SessionMiddleware adds that a row may have."""
    shares: dict[str, float] = _written()["shares"]
    return shares


def measured_with() -> str:
    """Versions that the limits were measured with: another Starlette's sessions cost otherwise."""
    return ", ".join(f"{name} {value}" for name, value in _written()["measured with"].items())


@cache
def _written() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(LIMITS.read_text(encoding="utf-8"))
    return found
