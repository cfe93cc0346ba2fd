"""Owns the request as it came, read once; nothing is decided here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

from consentgate.domain.signals import NONE, Signals, read_signals
from consentgate.formats.headers import Headers
from consentgate.gates.declared.strangers import host_in
from consentgate.gates.headers.following import FOLLOWING
from consentgate.gates.messages import Scope
from consentgate.gates.records.header_classes import CLASSED, ClassedHeaders

_SECURE = frozenset(("https", "wss"))
_COOKIE: Final = 0
_HOST: Final = 1
_AGENT: Final = 2
_SIGNAL: Final = 3
_FOLLOWING: Final = 4


def _in_any_case(names: Iterable[bytes], role: int) -> dict[bytes, int]:
    """The names in lower case, as ASGI has them, and as servers write that keep to HTTP/1.1."""
    return {form: role for name in names for form in (name, name.title(), name.upper())}


_ROLES = {
    **_in_any_case((b"cookie",), _COOKIE),
    **_in_any_case((b"host",), _HOST),
    **_in_any_case((b"user-agent",), _AGENT),
    **_in_any_case((b"sec-gpc", b"dnt", b"sec-purpose"), _SIGNAL) | {b"Sec-GPC": _SIGNAL},
    **_in_any_case(FOLLOWING, _FOLLOWING),
}
"""Name of a request header to what it is to the gate; most are nobody's business."""
_LOGGED_ROLES = _ROLES | {name: place - len(CLASSED) for name, place in CLASSED.items()}
"""The same where there is a site log. A header that is put into classes has the place of its value,
counted from the end of ``classed``: it is below 0, so one look tells it from the others."""
_NOTHING_CLASSED: ClassedHeaders = []


class Request:
    """One request of a visitor, read once."""

    __slots__ = (
        "_facts",
        "agent",
        "classed",
        "cookies",
        "headers",
        "host_field",
        "is_marked",
        "stated",
    )

    _facts: dict[str, Any]
    """What the scope said before the app got it."""
    agent: bytes
    """The first User-Agent; empty: there is none."""
    classed: ClassedHeaders
    """Headers that the site log puts into classes; empty: nobody asks."""
    cookies: tuple[tuple[bytes, bytes], ...]
    """The pairs of the ``Cookie`` fields, in order."""
    headers: Headers
    host_field: bytes
    """The ``Host`` field as the visitor sent it, so far as known; empty: there is none."""
    is_marked: bool
    """Whether any header may tell the visitor apart: see ``gates/headers/following``."""
    stated: Signals
    """What the browser states, before the policy says what of it counts."""

    def call_by(self, scheme: str | None, host: bytes | None) -> None:
        """Take over how the visitor called the site, where proxies stand between; None: unknown.

        The scope stays as it is: only what the gate itself says of the site follows.
        """
        if scheme is not None:
            self._facts = {**self._facts, "scheme": scheme}
        if host is not None:
            self.host_field = host

    @property
    def is_websocket(self) -> bool:
        """Whether it opens a WebSocket."""
        return bool(self._facts["type"] == "websocket")

    @property
    def method(self) -> str:
        """``WS`` for a WebSocket."""
        return self._facts.get("method", "WS")  # type: ignore[no-any-return]  # what the server gave

    @property
    def is_https(self) -> bool:
        """Whether the visitor came over HTTPS, as far as the server knows."""
        return self._facts.get("scheme", "http") in _SECURE

    @property
    def whole_path(self) -> str:
        """The path with the mount path, decoded."""
        return self._facts.get("path", "/")  # type: ignore[no-any-return]  # what the server gave

    @property
    def query(self) -> bytes:
        """What stands behind the question mark; empty: nothing."""
        return self._facts.get("query_string", b"")  # type: ignore[no-any-return]  # what the server gave

    @property
    def root_path(self) -> str:
        """Where the app that the gate stands before is mounted; empty at the root."""
        return self._facts.get("root_path", "")  # type: ignore[no-any-return]  # what the server gave

    @property
    def host(self) -> str:
        """The ``Host`` field as text."""
        return self.host_field.decode("latin-1")

    @property
    def own_host(self) -> str:
        """The host that the visitor's browser asked, as it looks it up; empty: not stated."""
        return host_in(self.host_field)

    @property
    def client(self) -> Any:
        """Address and port of the peer, None where the server does not know it."""
        return self._facts.get("client")

    def header(self, name: bytes) -> str:
        """The first header of that lower-case name; empty where there is none."""
        for key, value in self.headers:
            if key == name or key.lower() == name:
                return value.decode("latin-1")
        return ""

    @property
    def scheme(self) -> str:
        """``http`` or ``https``."""
        return "https" if self.is_https else "http"

    @property
    def path(self) -> str:
        """The path as the app knows it, without its mount path."""
        path, root = self.whole_path, self.root_path
        is_below = root and path.startswith(root) and path[len(root) : len(root) + 1] in ("", "/")
        return path[len(root) :] or "/" if is_below else path

    @property
    def sent_path(self) -> str:
        """The path as the visitor's browser knows it, percent-encoded."""
        raw: bytes = self._facts.get("raw_path") or quoted(self.whole_path)
        return raw.partition(b"?")[0].decode("latin-1")

    @property
    def address(self) -> str:
        """Path and query as the visitor's browser knows them, percent-encoded."""
        path = self.sent_path
        return f"{path}?{self.query.decode('latin-1')}" if self.query else path


def read_request(scope: Scope, is_logged: bool = False) -> Request:
    """Read a scope; its headers are walked once.

    A function: an ``__init__`` costs as much again as all that it sets.

    Args:
        scope: an ``http`` or ``websocket`` scope. Routers of mounted apps write into the scope that
            they get, so all that may be asked for later is kept as it is now.
        is_logged: whether the site log asks for the headers that it puts into classes.
    """
    request = Request()
    request._facts = {**scope}
    given = scope["headers"]
    headers = given if type(given) is list else [(pair[0], pair[1]) for pair in given]
    request.headers = headers
    request.agent = request.host_field = b""
    request.cookies = ()
    request.stated = NONE
    request.is_marked = False
    classed: ClassedHeaders = [None] * len(CLASSED) if is_logged else _NOTHING_CLASSED
    request.classed = classed
    roles = _LOGGED_ROLES if is_logged else _ROLES
    for name, value in headers:
        if name not in roles:
            continue
        role = roles[name]
        if role < 0:
            classed[role] = value
        elif role == _AGENT:
            request.agent = request.agent or value
        elif role == _HOST:
            request.host_field = value
        elif role == _COOKIE:
            request.cookies += ((name, value),)
        elif role == _SIGNAL:
            request.stated = request.stated.joined(read_signals(((name, value),)))
        else:
            request.is_marked = True
    return request


def quoted(path: str) -> bytes:
    """A path as it stands in a URL; what is no character is a question mark."""
    return quote(path, errors="replace").encode()
