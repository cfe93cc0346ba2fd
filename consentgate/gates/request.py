"""Owns the request as it came, read once; nothing in it changes, and nothing is decided here."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
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
_facts_of = itemgetter(
    "type", "method", "scheme", "path", "raw_path", "query_string", "root_path", "client"
)


def _facts_left(scope: Scope) -> tuple[Any, ...]:
    """The facts of a scope that lacks some of them: WebSockets have no method."""
    get = scope.get
    return (
        scope["type"],
        get("method", "WS"),
        get("scheme", "http"),
        get("path", "/"),
        get("raw_path"),
        get("query_string", b""),
        get("root_path", ""),
        get("client"),
    )


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

    def __init__(self, scope: Scope, is_logged: bool = False) -> None:  # one walk
        """Read a scope; its headers are walked once.

        Args:
            scope: an ``http`` or ``websocket`` scope. Routers of mounted apps write into the scope
                that they get, so all that may be asked for later is read now.
            is_logged: whether the site log asks for the headers that it puts into classes.
        """
        try:
            self._facts: tuple[Any, ...] = _facts_of(scope)
        except KeyError:
            self._facts = _facts_left(scope)
        given = scope["headers"]
        headers: Headers = given if type(given) is list else [(pair[0], pair[1]) for pair in given]
        self.headers = headers
        self.agent = b""
        """The first User-Agent; empty: there is none."""
        self.host_field = b""
        """The ``Host`` field as it came; empty: there is none."""
        self.cookies: tuple[tuple[bytes, bytes], ...] = ()
        """The pairs of the ``Cookie`` fields, in order."""
        self.stated: Signals = NONE
        """What the browser states, before the policy says what of it counts."""
        self.is_marked = False
        """Whether any header may tell the visitor apart: see ``gates/headers/following``."""
        classed: ClassedHeaders = [None] * len(CLASSED) if is_logged else _NOTHING_CLASSED
        self.classed = classed
        """Headers that the site log puts into classes; empty: nobody asks."""
        roles = _LOGGED_ROLES if is_logged else _ROLES
        role_of = roles.get
        for name, value in headers:
            role = role_of(name)
            if role is None:
                continue
            if role < 0:
                classed[role] = value
            elif role == _AGENT:
                self.agent = self.agent or value
            elif role == _HOST:
                self.host_field = value
            elif role == _COOKIE:
                self.cookies += ((name, value),)
            elif role == _SIGNAL:
                self.stated = self.stated.joined(read_signals(((name, value),)))
            else:
                self.is_marked = True

    @property
    def is_websocket(self) -> bool:
        """Whether it opens a WebSocket."""
        return bool(self._facts[0] == "websocket")

    @property
    def method(self) -> str:
        """``WS`` for a WebSocket."""
        return self._facts[1]  # type: ignore[no-any-return]  # what the server gave

    @property
    def is_https(self) -> bool:
        """Whether the visitor came over HTTPS, as far as the server knows."""
        return self._facts[2] in _SECURE

    @property
    def whole_path(self) -> str:
        """The path with the mount path, decoded."""
        return self._facts[3]  # type: ignore[no-any-return]  # what the server gave

    @property
    def query(self) -> bytes:
        """What stands behind the question mark; empty: nothing."""
        return self._facts[5]  # type: ignore[no-any-return]  # what the server gave

    @property
    def root_path(self) -> str:
        """Where the app that the gate stands before is mounted; empty at the root."""
        return self._facts[6]  # type: ignore[no-any-return]  # what the server gave

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
        return self._facts[7]

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
        raw: bytes = self._facts[4] or quoted(self.whole_path)
        return raw.partition(b"?")[0].decode("latin-1")

    @property
    def address(self) -> str:
        """Path and query as the visitor's browser knows them, percent-encoded."""
        path = self.sent_path
        return f"{path}?{self.query.decode('latin-1')}" if self.query else path


def quoted(path: str) -> bytes:
    """A path as it stands in a URL; what is no character is a question mark."""
    return quote(path, errors="replace").encode()
