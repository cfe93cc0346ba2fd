"""Owns the request as it came, read once; nothing in it changes, and nothing is decided here."""

from __future__ import annotations

from operator import itemgetter
from typing import Any, Final
from urllib.parse import quote

from consentgate.domain.signals import NONE, Signals, read_signals
from consentgate.formats.headers import Headers
from consentgate.gates.headers.following import FOLLOWING
from consentgate.gates.messages import Scope
from consentgate.gates.records.header_classes import MOST_SHOWN, SHOWN, Shown
from consentgate.memo import Memo, up_to

_SECURE = frozenset(("https", "wss"))
_PASSED: Final = 0
_COOKIE: Final = 1
_HOST: Final = 2
_AGENT: Final = 3
_SIGNAL: Final = 4
_FOLLOWING: Final = 5
_CLASSED: Final = 6
"""This and higher: the header is put into classes, at the place that is left over."""
_ROLE_BY_NAME = {
    b"cookie": _COOKIE,
    b"host": _HOST,
    b"user-agent": _AGENT,
    **dict.fromkeys((b"sec-gpc", b"dnt", b"sec-purpose"), _SIGNAL),
    **dict.fromkeys(FOLLOWING, _FOLLOWING),
    **{name: _CLASSED + place for name, place in SHOWN.items()},
}
_NOTHING_CLASSED: Shown = []
_MOST_NAMES = 1_024
_MOST_NAME_BYTES = 64


def _role_of(name: bytes) -> int:
    """What a request header is to the gate, by its name in any case."""
    return _ROLE_BY_NAME.get(name.lower(), _PASSED)


def _role_without_log(name: bytes) -> int:
    """The same where there is no site log: then nothing is put into classes."""
    role = _role_of(name)
    return role if role < _CLASSED else _PASSED


_logged_roles: Memo[bytes, int] = Memo(_role_of, _MOST_NAMES, is_small=up_to(_MOST_NAME_BYTES))
_roles: Memo[bytes, int] = Memo(_role_without_log, _MOST_NAMES, is_small=up_to(_MOST_NAME_BYTES))
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
        "_host",
        "agent",
        "classed",
        "cookies",
        "headers",
        "is_marked",
        "stated",
    )

    def __init__(self, scope: Scope, is_logged: bool = False) -> None:
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
        self.agent = self._host = b""
        """``agent`` is the first User-Agent; empty: there is none."""
        self.cookies: tuple[tuple[bytes, bytes], ...] = ()
        """The pairs of the ``Cookie`` fields, in order."""
        self.stated: Signals = NONE
        """What the browser states, before the policy says what of it counts."""
        self.is_marked = False
        """Whether any header may tell the visitor apart: see ``gates/headers/following``."""
        self.classed: Shown = _NOTHING_CLASSED if not is_logged else [None] * MOST_SHOWN
        """Headers that the site log puts into classes; empty: nobody asks."""
        self._walk(headers, self.classed, _logged_roles if is_logged else _roles)

    def _walk(self, headers: Headers, classed: Shown, roles: Memo[bytes, int]) -> None:
        """Take in the headers, one after the other; most are nobody's business."""
        signalling: Headers = []
        for pair in headers:
            role = roles[pair[0]]
            if not role:
                continue
            if role >= _CLASSED:
                if classed[role - _CLASSED] is None:
                    classed[role - _CLASSED] = pair[1]
            elif role == _AGENT:
                self.agent = self.agent or pair[1]
            elif role == _HOST:
                self._host = pair[1]
            elif role == _COOKIE:
                self.cookies += (pair,)
            elif role == _SIGNAL:
                signalling.append(pair)
            else:
                self.is_marked = True
        if signalling:
            self.stated = read_signals(signalling)

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
        """The ``Host`` field; empty: there is none."""
        return self._host.decode("latin-1")

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
