"""The 33 things that middleware gets wrong, as raw ASGI messages through the real gate.

A row is one case: what the app sends, over which connection, and what must hold of what the
server sees. The numbers name the topics; every topic has a row.
"""

from __future__ import annotations

import asyncio
import contextvars
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.asgi import raw
from tests.asgi.raw import PAGE, Exchange, Script, body, drive, http, page, start, websocket
from tests.policies import with_site

SITE = raw.in_memory(with_site())
NOTE = b"data-privacy-note"


@dataclass
class Run:
    """One case that has been run: the app, the gate's answer, and a log of what happened when."""

    app: Any
    seen: Exchange
    order: list[str] = field(default_factory=list)


Check = Callable[[Run], None]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A row."""

    topic: int
    name: str
    app: Callable[[], Any]
    scope: Callable[[], raw.Scope] = http
    incoming: tuple[raw.Message, ...] = ()
    checks: tuple[Check, ...]


def sends(*messages: raw.Message, returns: Any = None) -> Callable[[], Script]:
    """An app that sends just these messages."""
    return lambda: Script(*messages, returns=returns)


def over(kind: Callable[..., raw.Scope], *path: str, **more: Any) -> Callable[[], raw.Scope]:
    """A connection, made anew for each run."""
    return lambda: kind(*path, **more)


# What must hold


def is_untouched(run: Run) -> None:
    """Every message is the very object that the app sent, in order."""
    assert len(run.seen.sent) == len(run.app.messages)
    for given, got in zip(run.app.messages, run.seen.sent, strict=True):
        assert got is given


def is_unread_but_guarded(run: Run) -> None:
    """HTML that cannot be gated in its bytes: they pass, under the blocking policy (STO-14)."""
    given, *rest = run.app.messages
    got, *passed = run.seen.sent
    assert all(one is other for one, other in zip(rest, passed, strict=True))
    assert got["headers"][: len(given["headers"])] == given["headers"]
    (policy,) = run.seen.all(b"content-security-policy")
    assert policy.startswith(b"default-src 'self'")
    assert b"ads.example" not in policy
    is_private(run)


def is_under_the_strictest_policy(run: Run) -> None:
    """A document that is no HTML: its bytes pass, under a policy that caches may share."""
    given, *rest = run.app.messages
    got, *passed = run.seen.sent
    assert all(one is other for one, other in zip(rest, passed, strict=True))
    assert got["headers"][: len(given["headers"])] == given["headers"]
    (policy,) = run.seen.all(b"content-security-policy")
    assert policy.startswith(b"default-src 'self'")
    assert b"ads.example" not in policy
    assert run.seen.all(b"cache-control") == []


def is_same(run: Run) -> None:
    """Every message says what the app said, in order; nothing is merged, split or lost."""
    assert [_plain(m) for m in run.seen.sent] == [_plain(m) for m in run.app.messages]


def _plain(message: raw.Message) -> dict[str, Any]:
    pairs = message.get("headers")
    return {**message, "headers": [tuple(p) for p in pairs]} if pairs is not None else dict(message)


def has_banner(run: Run) -> None:
    """The first layer stands right after ``<body …>``, once, and our script in the head."""
    assert run.seen.body.count(NOTE) == 1
    assert re.search(rb"(?i)<body[^>]*>\s*<section[^>]*" + NOTE, run.seen.body)
    head = run.seen.body[: run.seen.body.index(NOTE)]
    assert b"/privacy-choices/assets/" in head


def has_no_banner(run: Run) -> None:
    assert b"privacy-choices" not in run.seen.body


def has_exact_length(run: Run) -> None:
    assert run.seen.one(b"content-length") == b"%d" % len(run.seen.body)


def has_no_length(run: Run) -> None:
    assert run.seen.all(b"content-length") == []


def has_empty_body(run: Run) -> None:
    assert run.seen.body == b""


def is_private(run: Run) -> None:
    control = b", ".join(run.seen.all(b"cache-control")).lower()
    assert b"private" in control or b"no-store" in control
    assert b"public" not in control
    assert b"s-maxage" not in control
    vary = b", ".join(run.seen.all(b"vary")).lower()
    for name in (b"cookie", b"sec-gpc", b"dnt"):
        assert vary.count(name) == 1


def keeps(name: bytes, *values: bytes) -> Check:
    """The answer's header has just these values, in order."""

    def check(run: Run) -> None:
        assert run.seen.all(name) == list(values)

    return check


def app_got(name: bytes, *values: bytes) -> Check:
    """The app's request header has just these values, in order."""

    def check(run: Run) -> None:
        assert [v for n, v in run.app.scope["headers"] if n.lower() == name] == list(values)

    return check


def sent_body(data: bytes) -> Check:
    def check(run: Run) -> None:
        assert run.seen.body == data

    return check


def went(*steps: str) -> Check:
    """Things happened in just this order."""

    def check(run: Run) -> None:
        assert run.order == list(steps)

    return check


def raised(kind: type[BaseException]) -> Check:
    def check(run: Run) -> None:
        assert type(run.seen.raised) is kind

    return check


def raised_nothing(run: Run) -> None:
    if run.seen.raised is not None:
        raise run.seen.raised


def sent_kinds(*kinds: str) -> Check:
    def check(run: Run) -> None:
        assert [message["type"] for message in run.seen.sent] == list(kinds)

    return check


def started_only(run: Run) -> None:
    """No message of a page's body was added."""
    assert len(run.seen.sent) == len(run.app.messages)


def headers_hold_no_line_end(run: Run) -> None:
    for name, value in run.seen.pairs:
        assert not re.search(rb"[\r\n\0]", name + value), (name, value)


# Apps that do more than send


class Reused:
    """Sends the same constant messages on every request, as apps with constants do."""

    def __init__(self) -> None:
        self.headers = ((b"content-type", b"text/html"), (b"set-cookie", b"_fbp=1"))
        self.start = {"type": "http.response.start", "status": 200, "headers": self.headers}
        self.messages = (self.start, body(PAGE))
        self.calls = 0

    async def __call__(self, scope: raw.Scope, receive: Any, send: Any) -> None:
        self.calls += 1
        for message in self.messages:
            await send(message)


def is_unchanged_constant(run: Run) -> None:
    assert run.app.start == {
        "type": "http.response.start",
        "status": 200,
        "headers": ((b"content-type", b"text/html"), (b"set-cookie", b"_fbp=1")),
    }
    again = raw.run(raw.gated(run.app, SITE), http())
    assert again.pairs == run.seen.pairs
    assert again.body == run.seen.body


class Stepping:
    """Sends a stream and writes down what happened before what."""

    def __init__(self, *pieces: bytes, content_type: bytes = b"text/html") -> None:
        self.messages = (
            start(content_type),
            *(body(piece, more_body=True) for piece in pieces),
            body(),
        )
        self.order: list[str] = []

    async def __call__(self, scope: raw.Scope, receive: Any, send: Any) -> None:
        for number, message in enumerate(self.messages):
            await send(message)
            self.order.append(f"app {number}")


class Background:
    """Answers, then works on before it returns."""

    def __init__(self) -> None:
        self.messages = (start(length=len(PAGE)), body(PAGE))
        self.order: list[str] = []

    async def __call__(self, scope: raw.Scope, receive: Any, send: Any) -> None:
        for message in self.messages:
            await send(message)
        self.order.append("background")


SPOKEN: contextvars.ContextVar[str] = contextvars.ContextVar("SPOKEN", default="")


class Speaking(Script):
    """Sets a context variable, which only the same task lets out again."""

    async def __call__(self, scope: raw.Scope, receive: Any, send: Any) -> Any:
        SPOKEN.set("heard")
        self.task = asyncio.current_task()
        return await super().__call__(scope, receive, send)


class Failing(Script):
    """Sends its messages, then raises."""

    async def __call__(self, scope: raw.Scope, receive: Any, send: Any) -> Any:
        await super().__call__(scope, receive, send)
        raise ZeroDivisionError("the app's own fault")


class Reading(Script):
    """Answers without reading; the body must still be there for whoever reads next."""


def read_nothing(run: Run) -> None:
    """The gate took no message off ``receive`` and handed the server's own function on."""
    (receive,) = run.app.receives
    message = asyncio.run(receive())
    assert message["body"] == b"untouched"


def is_called_with_same_scope(run: Run) -> None:
    assert run.app.scope is run.seen.scope


def is_called_with_copied_scope(run: Run) -> None:
    """Another scope and header list; the server's keep every cookie; the state is shared."""
    assert run.app.scope is not run.seen.scope
    assert run.app.scope["headers"] is not run.seen.scope["headers"]
    assert any(name == b"cookie" for name, _ in run.seen.scope["headers"])
    assert run.app.scope["state"] is run.seen.scope["state"]


def offers(extension: str) -> Check:
    def check(run: Run) -> None:
        assert extension in run.app.scope["extensions"]

    return check


def hides(extension: str) -> Check:
    def check(run: Run) -> None:
        assert extension not in run.app.scope["extensions"]
        assert extension in run.seen.scope["extensions"]
        assert "tls" in run.app.scope["extensions"]

    return check


def returned(value: object) -> Check:
    def check(run: Run) -> None:
        assert run.seen.returned == value

    return check


def is_sub_app(run: Run) -> None:
    """The addresses in the markup begin with the mount path."""
    assert b'action="/shop/privacy-choices"' in run.seen.body
    assert b'src="/shop/privacy-choices/assets/' in run.seen.body


def is_gated_once(run: Run) -> None:
    assert run.seen.body.count(NOTE) == 1
    assert run.seen.body.count(b"<script src=") == 1


class Twice:
    """A gate inside a gate, as happens when an app and its parent both add one."""

    def __init__(self) -> None:
        self.inner = page()
        self.gate = raw.gated(self.inner, SITE)

    async def __call__(self, scope: raw.Scope, receive: Any, send: Any) -> Any:
        return await self.gate(scope, receive, send)


def names_nothing_else(run: Run) -> None:
    """The banner returns to a path of this site, escaped."""
    assert b"<script>alert" not in run.seen.body


GZIPPED = b"\x1f\x8b\x08\x00" + b"\0" * 20
UTF_16 = "<!doctype html><html><body>é</body></html>".encode("utf-16")
EXTENSIONS = {"http.response.pathsend": {}, "http.response.zerocopysend": {}, "tls": {}}
PATHSEND = {"type": "http.response.pathsend", "path": "/srv/page.html"}
ZEROCOPY = {"type": "http.response.zerocopysend", "file": 3}
PUSH = {"type": "http.response.push", "path": "/style.css", "headers": []}
HINT = {"type": "http.response.early_hint", "links": [b"</style.css>; rel=preload"]}
TRAILERS = {"type": "http.response.trailers", "headers": [(b"x-sum", b"1")], "more_trailers": False}
UNKNOWN = {"type": "http.response.something.new", "what": object()}
HTML = b"text/html; charset=utf-8"
OURS = b"session=abc"


def pairs_of(*pairs: Any) -> Iterable[Any]:
    """A generator of header pairs: read once, then empty."""
    yield from pairs


CASES = (
    # 1 Content-Length
    Case(
        topic=1,
        name="one message has its exact new length",
        app=page,
        checks=(has_banner, has_exact_length),
    ),
    Case(
        topic=1,
        name="a stream loses its length",
        app=sends(start(length=len(PAGE)), body(PAGE[:40], more_body=True), body(PAGE[40:])),
        checks=(has_banner, has_no_length),
    ),
    Case(
        topic=1,
        name="a mixed-case length never stands twice",
        app=sends(start(HTML, (b"Content-Length", b"%d" % len(PAGE))), body(PAGE)),
        checks=(has_banner, has_exact_length),
    ),
    Case(
        topic=1,
        name="what is not a page keeps its length",
        app=raw.json_answer,
        checks=(is_untouched,),
    ),
    # 2 Answers without a body
    *(
        Case(
            topic=2,
            name=f"{status} never gets a body",
            app=sends(start(status=status), body()),
            checks=(is_untouched, has_empty_body),
        )
        for status in (204, 205, 304)
    ),
    Case(
        topic=2,
        name="HEAD gets a page's headers without length and validators, and no body",
        app=sends(start(HTML, (b"etag", b'"1"'), length=len(PAGE)), body()),
        scope=over(http, method="HEAD"),
        checks=(started_only, has_empty_body, has_no_length, keeps(b"etag"), is_private),
    ),
    Case(
        topic=2,
        name="HEAD of what is not a page is as the app says",
        app=sends(start(b"application/json", (b"etag", b'"1"'), length=14), body()),
        scope=over(http, method="HEAD"),
        checks=(is_untouched,),
    ),
    Case(
        topic=2,
        name="CONNECT passes",
        app=sends(start(None, status=200), body()),
        scope=over(http, method="CONNECT"),
        checks=(is_untouched,),
    ),
    # 3 Ranges
    Case(
        topic=3,
        name="206 of a page passes under the blocking policy",
        app=sends(
            start(HTML, (b"content-range", b"bytes 0-9/99"), status=206, length=10), body(PAGE[:10])
        ),
        checks=(is_unread_but_guarded,),
    ),
    Case(
        topic=3,
        name="206 of anything else passes",
        app=sends(
            start(b"video/mp4", (b"content-range", b"bytes 0-9/99"), status=206, length=10),
            body(PAGE[:10]),
        ),
        checks=(is_untouched,),
    ),
    Case(
        topic=3,
        name="a page with a Content-Range, too",
        app=sends(start(HTML, (b"content-range", b"bytes 0-9/99"), length=10), body(PAGE[:10])),
        checks=(is_unread_but_guarded,),
    ),
    Case(
        topic=3,
        name="a gated page promises no ranges",
        app=lambda: page((b"accept-ranges", b"bytes")),
        checks=(has_banner, keeps(b"accept-ranges")),
    ),
    # 4 Validators
    Case(
        topic=4,
        name="validators and digests of the app's bytes leave a gated page",
        app=lambda: page(
            (b"ETag", b'"1"'),
            (b"Last-Modified", b"Mon, 21 Sep 2026 00:00:00 GMT"),
            (b"content-md5", b"x"),
            (b"digest", b"x"),
            (b"content-digest", b"x"),
            (b"repr-digest", b"x"),
        ),
        checks=(
            has_banner,
            *(
                keeps(name)
                for name in (
                    b"etag",
                    b"last-modified",
                    b"content-md5",
                    b"digest",
                    b"content-digest",
                    b"repr-digest",
                )
            ),
        ),
    ),
    Case(
        topic=4,
        name="validators of everything else stay",
        app=lambda: raw.json_answer((b"etag", b'"1"'), (b"last-modified", b"x")),
        checks=(is_untouched,),
    ),
    # 5 Caches
    Case(
        topic=5,
        name="a gated page is private and says what it depends on",
        app=lambda: page((b"cache-control", b"public, max-age=60, s-maxage=600")),
        checks=(has_banner, is_private),
    ),
    Case(
        topic=5,
        name="directives and fields of the app are merged, not repeated",
        app=lambda: page((b"Cache-Control", b"no-store"), (b"Vary", b"Accept-Encoding, Cookie")),
        checks=(
            keeps(b"cache-control", b"no-store"),
            keeps(b"vary", b"Accept-Encoding, Cookie, sec-gpc, dnt, accept-language"),
        ),
    ),
    Case(
        topic=5,
        name="what did not depend on the visitor stays cacheable",
        app=lambda: raw.json_answer((b"cache-control", b"public, max-age=60")),
        checks=(is_untouched,),
    ),
    Case(
        topic=5,
        name="an answer that expires a cookie is private",
        app=lambda: raw.json_answer((b"cache-control", b"public, max-age=60")),
        scope=over(http, cookie="_fbp=1"),
        checks=(keeps(b"cache-control", b"max-age=60, private"),),
    ),
    # 6 Compressed from inside
    *(
        Case(
            topic=6,
            name=f"a {coding.decode()} page passes under the blocking policy",
            app=sends(start(HTML, (b"content-encoding", coding), length=24), body(GZIPPED)),
            checks=(is_unread_but_guarded,),
        )
        for coding in (b"gzip", b"br", b"zstd", b"gzip, br")
    ),
    Case(
        topic=6,
        name="identity is no coding",
        app=lambda: page((b"content-encoding", b"identity")),
        checks=(has_banner, has_exact_length),
    ),
    # 7 Accept-Encoding
    Case(
        topic=7,
        name="Accept-Encoding reaches the app as it came",
        app=page,
        scope=over(http, headers=[(b"accept-encoding", b"gzip, br")]),
        checks=(app_got(b"accept-encoding", b"gzip, br"),),
    ),
    # 8 Streaming
    Case(
        topic=8,
        name="each piece of a page goes out before the app goes on",
        app=lambda: Stepping(b"<!doctype html><html><body>", b"one", b"two"),
        checks=(
            has_banner,
            started_only,
            went(
                "server http.response.start",
                "app 0",
                *("server http.response.body", "app 1"),
                *("server http.response.body", "app 2"),
                *("server http.response.body", "app 3"),
                *("server http.response.body", "app 4"),
            ),
        ),
    ),
    Case(
        topic=8,
        name="after the opening only a tag that is cut is held back",
        app=lambda: Stepping(b"<html><body>", b"<p>one <img src=/a.png", b"><scr"),
        checks=(
            has_banner,
            lambda run: _equal(run.seen.sent[2]["body"], b"<p>one "),
            lambda run: _equal(run.seen.sent[3]["body"], b"<img src=/a.png>"),
        ),
    ),
    # 9 What is no page
    *(
        Case(
            topic=9,
            name=f"{media_type.decode()} passes",
            app=sends(start(media_type), body(b"<html><body>one", more_body=True), body(b"two")),
            checks=(is_untouched,),
        )
        for media_type in (
            b"text/event-stream",
            b"application/x-ndjson",
            b"text/plain",
            b"application/octet-stream",
            b"text/html-sandboxed",
        )
    ),
    Case(
        topic=9,
        name="a drawing (SVG) passes under the strictest policy, the same for everyone",
        app=sends(start(b"image/svg+xml"), body(b"<svg>one", more_body=True), body(b"</svg>")),
        checks=(is_under_the_strictest_policy,),
    ),
    Case(
        topic=9,
        name="XHTML passes under the blocking policy",
        app=sends(start(b"application/xhtml+xml"), body(b"<html/>")),
        checks=(is_unread_but_guarded,),
    ),
    Case(
        topic=9,
        name="a download passes",
        app=lambda: page((b"content-disposition", b'attachment; filename="page.html"')),
        checks=(is_untouched,),
    ),
    Case(
        topic=9,
        name="a fragment is not a document",
        app=lambda: page(data=b"<tr><td>one row</td></tr>"),
        checks=(sent_body(b"<tr><td>one row</td></tr>"), has_exact_length),
    ),
    Case(
        topic=9,
        name="an error page is a page",
        app=lambda: page(status=404),
        checks=(has_banner, has_exact_length),
    ),
    # 10 Charsets
    Case(
        topic=10,
        name="utf-16 passes under the blocking policy",
        app=sends(start(b"text/html; charset=utf-16", length=len(UTF_16)), body(UTF_16)),
        checks=(is_unread_but_guarded,),
    ),
    Case(
        topic=10,
        name="utf-16 that is not declared passes byte for byte",
        app=sends(start(b"text/html", length=len(UTF_16)), body(UTF_16)),
        checks=(sent_body(UTF_16), has_exact_length),
    ),
    *(
        Case(
            topic=10,
            name=f"{charset} is gated, its bytes kept",
            app=lambda charset=charset: Script(
                start(b'text/html; charset="' + charset.encode() + b'"'),
                body(b"<!doctype html><body>" + "caf\xe9".encode(charset, "replace") + b"\x80\xff"),
            ),
            checks=(has_banner, lambda run: _true(run.seen.body.endswith(b"\x80\xff"))),
        )
        for charset in (
            "utf-8",
            "iso-8859-1",
            "windows-1252",
            "gb18030",
            "shift_jis",
            "euc-jp",
            "big5",
        )
    ),
    Case(
        topic=10,
        name="a byte order mark stays first",
        app=sends(start(), body(b"\xef\xbb\xbf" + PAGE)),
        checks=(has_banner, lambda run: _true(run.seen.body.startswith(b"\xef\xbb\xbf<!doctype"))),
    ),
    # 11 What a message may leave out
    Case(
        topic=11,
        name="a start without headers passes",
        app=sends({"type": "http.response.start", "status": 200}, {"type": "http.response.body"}),
        checks=(is_untouched,),
    ),
    Case(
        topic=11,
        name="a page's body message without body",
        app=sends(start(), {"type": "http.response.body"}),
        checks=(has_empty_body, has_no_length),
    ),
    Case(
        topic=11,
        name="an empty page with a length",
        app=sends(start(length=0), body()),
        checks=(has_empty_body, has_exact_length),
    ),
    # 12 Headers are any iterable
    Case(
        topic=12,
        name="a generator of headers is read once and kept whole",
        app=lambda: Script(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": pairs_of((b"content-type", b"text/plain"), (b"x-one", b"1")),
            },
            body(b"text"),
        ),
        checks=(keeps(b"content-type", b"text/plain"), keeps(b"x-one", b"1"), sent_body(b"text")),
    ),
    Case(
        topic=12,
        name="a generator of a page's headers",
        app=lambda: Script(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": pairs_of((b"content-type", HTML), (b"x-one", b"1")),
            },
            body(PAGE),
        ),
        checks=(has_banner, keeps(b"x-one", b"1")),
    ),
    Case(
        topic=12,
        name="a tuple of lists",
        app=sends(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": ([b"content-type", b"application/json"], [b"set-cookie", OURS]),
            },
            body(b"{}"),
        ),
        checks=(is_same,),
    ),
    Case(
        topic=12,
        name="the app's constants are never changed",
        app=Reused,
        checks=(has_banner, keeps(b"set-cookie"), is_unchanged_constant),
    ),
    # 13 Names in any case, values in latin-1
    Case(
        topic=13,
        name="a mixed-case Set-Cookie is gated, other names go out as they came",
        app=sends(
            start(None, (b"Set-Cookie", b"_fbp=1"), (b"SET-COOKIE", OURS), (b"X-Name", b"caf\xe9")),
            body(b"x"),
        ),
        checks=(
            keeps(b"set-cookie", OURS),
            lambda run: _equal(run.seen.pairs, [(b"SET-COOKIE", OURS), (b"X-Name", b"caf\xe9")]),
        ),
    ),
    Case(
        topic=13,
        name="a mixed-case Content-Type is read",
        app=sends(start(None, (b"Content-Type", b"Text/HTML; Charset=UTF-8")), body(PAGE)),
        checks=(has_banner,),
    ),
    # 14 Several Set-Cookie
    Case(
        topic=14,
        name="permitted lines stay in order, one field each, twice the same name too",
        app=lambda: raw.json_answer(
            (b"set-cookie", b"session=1; Path=/; HttpOnly"),
            (b"set-cookie", b"_fbp=1"),
            (b"set-cookie", b"cart=2;Max-Age=3"),
            (b"set-cookie", b"session=1; Path=/shop"),
        ),
        checks=(
            keeps(
                b"set-cookie",
                b"session=1; Path=/; HttpOnly",
                b"cart=2;Max-Age=3",
                b"session=1; Path=/shop",
            ),
        ),
    ),
    Case(
        topic=14,
        name="deletions pass, whatever they delete",
        app=lambda: raw.json_answer(
            (b"set-cookie", b"_fbp=; Max-Age=0"),
            (b"set-cookie", b"_an_id=; expires=Thu, 01 Jan 1970 00:00:00 GMT"),
        ),
        checks=(is_untouched,),
    ),
    # 15 Cookie fields
    Case(
        topic=15,
        name="permitted cookies pass byte for byte",
        app=page,
        scope=over(http, cookie=b'session="a b"; cart=\xff\x80=x;'),
        checks=(app_got(b"cookie", b'session="a b"; cart=\xff\x80=x;'),),
    ),
    Case(
        topic=15,
        name="crumbs stay several fields, each sifted",
        app=page,
        scope=over(
            http,
            headers=[
                (b"cookie", b"session=1"),
                (b"cookie", b"_fbp=2"),
                (b"cookie", b"cart=3; _an_=4"),
            ],
        ),
        checks=(app_got(b"cookie", b"session=1", b"cart=3"),),
    ),
    Case(
        topic=15,
        name="a field that keeps nothing disappears",
        app=page,
        scope=over(http, cookie="_fbp=1; _an_x=2"),
        checks=(app_got(b"cookie"),),
    ),
    Case(
        topic=15,
        name="valueless and empty cookies do not disturb",
        app=page,
        scope=over(http, cookie=b'session=; ; cart=""; _fbp=1'),
        checks=(raised_nothing, app_got(b"cookie", b'session=; ; cart=""')),
    ),
    Case(
        topic=15,
        name="nameless cookies are nobody's",
        app=page,
        scope=over(http, cookie=b"session; =x; cart=1"),
        checks=(raised_nothing, app_got(b"cookie", b"cart=1")),
    ),
    # 16 Scope
    Case(
        topic=16,
        name="nothing filtered: the very same scope",
        app=page,
        scope=over(http, cookie="session=1"),
        checks=(is_called_with_same_scope,),
    ),
    Case(
        topic=16,
        name="something filtered: a copy that shares the state",
        app=page,
        scope=over(http, cookie="session=1; _fbp=2", state={}),
        checks=(is_called_with_copied_scope,),
    ),
    # 17 Context and task
    Case(
        topic=17,
        name="the app runs in the server's own task and context",
        app=lambda: Speaking(start(), body(PAGE)),
        checks=(has_banner, lambda run: _equal(run.order[-1], "heard")),
    ),
    # 18 Background work
    Case(
        topic=18,
        name="the page goes out before the app's background work",
        app=Background,
        checks=(
            has_banner,
            went("server http.response.start", "server http.response.body", "background"),
        ),
    ),
    # 19 Receive
    Case(
        topic=19,
        name="nothing is read ahead",
        app=lambda: Reading(start(), body(PAGE)),
        scope=over(http, method="POST"),
        incoming=({"type": "http.request", "body": b"untouched", "more_body": False},),
        checks=(read_nothing,),
    ),
    # 20 Exceptions
    Case(
        topic=20,
        name="before the start: raised, nothing sent",
        app=Failing,
        checks=(raised(ZeroDivisionError), sent_kinds()),
    ),
    Case(
        topic=20,
        name="while the start is held: raised, the start dropped, so an outer error page works",
        app=lambda: Failing(start(length=len(PAGE))),
        checks=(raised(ZeroDivisionError), sent_kinds()),
    ),
    Case(
        topic=20,
        name="after the start: raised only",
        app=lambda: Failing(start(), body(b"<html><body>", more_body=True)),
        checks=(raised(ZeroDivisionError), sent_kinds("http.response.start", "http.response.body")),
    ),
    # 21 pathsend
    Case(
        topic=21,
        name="pathsend is offered to the app: the gate reads a page's file itself",
        app=page,
        scope=over(http, extensions=EXTENSIONS),
        checks=(has_banner, offers("http.response.pathsend")),
    ),
    Case(
        topic=21,
        name="pathsend of a page that is not there: the app hears of it, nothing was sent",
        app=sends(start(length=99), PATHSEND),
        checks=(raised(FileNotFoundError), sent_kinds()),
    ),
    Case(
        topic=21,
        name="pathsend of what is no page: start and path pass untouched",
        app=sends(start(b"image/png", length=99), PATHSEND),
        checks=(
            sent_kinds("http.response.start", "http.response.pathsend"),
            keeps(b"content-length", b"99"),
        ),
    ),
    # 22 zerocopysend
    Case(
        topic=22,
        name="zerocopysend is hidden from the app",
        app=page,
        scope=over(http, extensions=EXTENSIONS),
        checks=(has_banner, hides("http.response.zerocopysend")),
    ),
    Case(
        topic=22,
        name="zerocopysend sent all the same passes with its start",
        app=sends(start(b"image/png", length=99), ZEROCOPY),
        checks=(is_untouched,),
    ),
    # 23 Trailers
    Case(
        topic=23,
        name="trailers of a page pass, its length goes",
        app=sends(start(HTML, trailers=True, length=len(PAGE)), body(PAGE), TRAILERS),
        checks=(
            has_banner,
            has_no_length,
            sent_kinds("http.response.start", "http.response.body", "http.response.trailers"),
            lambda run: _equal(run.seen.start["trailers"], True),
        ),
    ),
    Case(
        topic=23,
        name="trailers of anything else pass untouched",
        app=sends(start(b"text/plain", trailers=True, length=1), body(b"x"), TRAILERS),
        checks=(is_untouched,),
    ),
    # 24 Push, hints, debug, unknown
    Case(
        topic=24,
        name="what is unknown passes at once, hints before the start too",
        app=sends(HINT, PUSH, UNKNOWN, start(b"text/plain"), UNKNOWN, body(b"x"), UNKNOWN),
        checks=(is_untouched,),
    ),
    Case(
        topic=24,
        name="nothing overtakes the start of a page",
        app=sends(start(length=len(PAGE)), PUSH, body(PAGE)),
        checks=(
            has_banner,
            has_no_length,
            sent_kinds("http.response.start", "http.response.push", "http.response.body"),
        ),
    ),
    # 25 Link
    Case(
        topic=25,
        name="first-party Link entries stay as they are",
        app=lambda: raw.json_answer((b"link", b"</style.css>; rel=preload; as=style")),
        checks=(is_untouched,),
    ),
    # 26 WebSocket
    Case(
        topic=26,
        name="denied cookies reach no socket",
        app=sends({"type": "websocket.accept"}),
        scope=over(websocket, "/live", cookie="session=1; _fbp=2"),
        checks=(app_got(b"cookie", b"session=1"), sent_kinds("websocket.accept")),
    ),
    Case(
        topic=26,
        name="Set-Cookie on accept is gated",
        app=sends(
            {
                "type": "websocket.accept",
                "subprotocol": "v1",
                "headers": [(b"set-cookie", b"_fbp=1"), (b"set-cookie", OURS)],
            },
            {"type": "websocket.send", "text": "hello"},
            {"type": "websocket.close", "code": 1000},
        ),
        scope=over(websocket, "/live"),
        checks=(
            keeps(b"set-cookie", OURS),
            sent_kinds("websocket.accept", "websocket.send", "websocket.close"),
            lambda run: _equal(run.seen.start["subprotocol"], "v1"),
        ),
    ),
    Case(
        topic=26,
        name="an accept without cookies passes untouched",
        app=sends({"type": "websocket.accept"}, {"type": "websocket.send", "bytes": b"\0"}),
        scope=over(websocket, "/live"),
        checks=(is_untouched,),
    ),
    Case(
        topic=26,
        name="Set-Cookie on a denial is gated, its page left alone",
        app=sends(
            {
                "type": "websocket.http.response.start",
                "status": 403,
                "headers": [
                    (b"content-type", HTML),
                    (b"set-cookie", b"_fbp=1"),
                    (b"set-cookie", OURS),
                ],
            },
            {"type": "websocket.http.response.body", "body": PAGE},
        ),
        scope=over(websocket, "/live"),
        checks=(
            keeps(b"set-cookie", OURS),
            sent_body(PAGE),
            sent_kinds("websocket.http.response.start", "websocket.http.response.body"),
        ),
    ),
    # 27 Other scopes
    Case(
        topic=27,
        name="lifespan passes with its own scope",
        app=sends({"type": "lifespan.startup.complete"}),
        scope=lambda: {"type": "lifespan", "asgi": {"version": "3.0"}},
        checks=(is_untouched, is_called_with_same_scope),
    ),
    Case(
        topic=27,
        name="an unknown scope passes",
        app=sends({"type": "mail.sent"}, returns=7),
        scope=lambda: {"type": "mail"},
        checks=(is_untouched, is_called_with_same_scope, returned(7)),
    ),
    # 28 Return value
    Case(
        topic=28,
        name="what the app returns reaches the server",
        app=sends(start(), body(PAGE), returns="something"),
        checks=(returned("something"),),
    ),
    # 29 Mounts
    Case(
        topic=29,
        name="markup carries the mount path where the path includes it",
        app=page,
        scope=over(http, "/shop/teapots", root_path="/shop"),
        checks=(has_banner, is_sub_app),
    ),
    Case(
        topic=29,
        name="markup carries the mount path where the path leaves it out",
        app=page,
        scope=over(http, "/teapots", root_path="/shop"),
        checks=(has_banner, is_sub_app),
    ),
    Case(
        topic=29,
        name="our addresses are found below the mount path",
        app=page,
        scope=over(http, "/shop/privacy-choices/state", root_path="/shop"),
        checks=(
            keeps(b"content-type", b"application/json"),
            lambda run: _equal(run.app.scopes, []),
        ),
    ),
    Case(topic=29, name="a gate inside a gate acts once", app=Twice, checks=(is_gated_once,)),
    # 30 raw_path
    *(
        Case(
            topic=30,
            name=f"raw_path {name}",
            app=page,
            scope=scope,
            checks=(has_banner, lambda run: _true(b'value="/caf%C3%A9?a=1"' in run.seen.body)),
        )
        for name, scope in (
            ("is there", over(http, "/café", query=b"a=1")),
            ("is None", over(http, "/café", query=b"a=1", raw_path=None)),
            (
                "is missing",
                lambda: {k: v for k, v in http("/café", query=b"a=1").items() if k != "raw_path"},
            ),
        )
    ),
    # 31 Header injection
    *(
        Case(
            topic=31,
            name=f"{name} ends no header line",
            app=page,
            scope=scope,
            checks=(has_banner, headers_hold_no_line_end, names_nothing_else),
        )
        for name, scope in (
            ("a host", over(http, host=b"a.example\r\nset-cookie: x", cookie="_fbp=1")),
            ("a path", over(http, "/a\r\nset-cookie: x/b", cookie="_fbp=1")),
            ("a cookie's name", over(http, cookie=b"_an_\r\nx=1; _fbp=1")),
            ("a language", over(http, headers=[(b"accept-language", b"de\r\nx: y")])),
            ("a query", over(http, query=b'"><script>alert(1)</script>\r\n')),
        )
    ),
    # 32 The app's Content-Security-Policy
    Case(
        topic=32,
        name="the app's policy stays as it is",
        app=lambda: page((b"content-security-policy", b"script-src 'nonce-abc' 'strict-dynamic'")),
        checks=(
            has_banner,
            lambda run: _equal(
                run.seen.all(b"content-security-policy")[0],
                b"script-src 'nonce-abc' 'strict-dynamic'",
            ),
            lambda run: _true(b"<style" not in run.seen.body),
            lambda run: _true(b"onclick" not in run.seen.body),
        ),
    ),
    # 33 Where the markup goes
    *(
        Case(
            topic=33,
            name=name,
            app=lambda document=document: page(data=document),
            checks=(lambda run, at=at: _note_follows(run, at),),
        )
        for name, document, at in (
            (
                "after <body>",
                b"<html><head></head><body class=a>text</body></html>",
                b"<body class=a>",
            ),
            ("without head", b"<!doctype html><html><body>text", b"<body>"),
            ("without body", b"<!doctype html><title>T</title><p>text", b"</title>"),
            (
                "not at a <body> in a comment",
                b"<!doctype html><!-- <body> --><body>text",
                b"--><body>",
            ),
            (
                "not at a <body> in a script",
                b"<html><head><script>'<body>'</script></head><body id=x>t",
                b"<body id=x>",
            ),
            ("not in an attribute", b'<html data-a="<body>"><body>text', b'"><body>'),
        )
    ),
    Case(
        topic=33,
        name="a head cut into single bytes",
        app=lambda: Script(
            start(),
            *(body(bytes((byte,)), more_body=True) for byte in PAGE),
            body(),
        ),
        checks=(has_banner,),
    ),
)


def _equal(got: object, expected: object) -> None:
    assert got == expected


def _true(statement: bool) -> None:
    assert statement


def _note_follows(run: Run, at: bytes) -> None:
    head = re.sub(
        rb"<link[^>]*privacy-choices[^>]*>|<script src[^>]*></script>", b"", run.seen.body
    )
    before = head[: head.index(b"<section")]
    assert before.endswith(at), before


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.topic:02d} {case.name}")
def test_the_gate_gets_it_right(case: Case) -> None:
    """What the server sees is what the row says."""
    app = case.app()
    gate = raw.gated(app, SITE)
    order: list[str] = getattr(app, "order", [])

    async def connection() -> Exchange:
        seen = await drive(
            gate,
            case.scope(),
            *case.incoming,
            on_send=lambda message: order.append(f"server {message['type']}"),
        )
        if isinstance(app, Speaking):
            assert app.task is asyncio.current_task()
            order.append(SPOKEN.get())
        return seen

    run = Run(app, asyncio.run(connection()), order)
    for check in case.checks:
        check(run)


def test_every_topic_has_a_row() -> None:
    """33 of 33."""
    assert {case.topic for case in CASES} == set(range(1, 34))
