"""What the app sends stays what it was: files, lengths, the names of headers, whole pages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consentgate.domain.policy.policy import Policy, SiteSettings
from consentgate.domain.policy.purposes import SHIPPED
from tests.asgi import raw
from tests.asgi.raw import PAGE, Script, body, http, page, run, start
from tests.policies import SHOP

HTML = b"text/html; charset=utf-8"
OFFERED = {"http.response.pathsend": {}, "http.response.zerocopysend": {}}
OPEN: Policy = replace(
    SHOP,
    purposes=SHIPPED[:1],
    services=SHOP.services[:1],
    site=SiteSettings(csp="off", banner="none", undeclared="allow", unknown_hosts="report"),
)
"""Nothing can be denied, and nothing is drawn."""


def _file(folder: Path, data: bytes, kind: bytes) -> tuple[Script, dict[str, Any]]:
    place = folder / "file"
    place.write_bytes(data)
    sent = {"type": "http.response.pathsend", "path": str(place)}
    return Script(start(kind, length=len(data)), sent), sent


@pytest.mark.requirement("STO-15")
def test_a_file_that_is_no_page_is_the_servers_to_send(tmp_path: Path) -> None:
    """``pathsend`` is offered to the app, and its message passes as the same object."""
    app, sent = _file(tmp_path, b"body{}", b"text/css")
    seen = run(raw.gated(app), http("/a.css", extensions=OFFERED))
    assert "http.response.pathsend" in app.scope["extensions"]
    assert "http.response.zerocopysend" not in app.scope["extensions"]
    assert seen.sent[-1] is sent
    assert seen.one(b"content-length") == b"6"


@pytest.mark.requirement("STO-15")
@pytest.mark.parametrize("size", [0, 300, 200_000])
def test_a_page_in_a_file_is_gated(tmp_path: Path, size: int) -> None:
    """The gate reads it, puts the first layer in and holds what is denied."""
    tracker = b'<script src="https://t.ads.example/x.js"></script>'
    data = PAGE.replace(b"</body>", tracker + b"." * size + b"</body>")
    app, _ = _file(tmp_path, data, HTML)
    seen = run(raw.gated(app), http("/", extensions=OFFERED))
    assert seen.body.count(b"data-privacy-note") == 1
    assert b' src="https://t.ads.example' not in seen.body
    assert seen.only("http.response.pathsend") == []
    assert seen.one(b"content-length") in (None, b"%d" % len(seen.body))


def test_an_empty_file_is_an_empty_page(tmp_path: Path) -> None:
    """The answer ends all the same."""
    app, _ = _file(tmp_path, b"", HTML)
    app.messages[0]["headers"] = [(b"content-type", HTML)]
    assert run(raw.gated(app), http("/", extensions=OFFERED)).sent[-1]["more_body"] is False


def test_head_of_a_page_says_the_length_that_get_would_have() -> None:
    """Where the app sends the page to HEAD too, as Starlette does; the server drops the body."""
    answers = [run(raw.gated(page()), http("/", method=method)) for method in ("GET", "HEAD")]
    lengths = [answer.one(b"content-length") for answer in answers]
    assert lengths[0] == lengths[1] == b"%d" % len(answers[0].body)


def test_head_of_a_page_without_body_says_no_wrong_length() -> None:
    """The length that the page had before its markup is not true any more."""
    app = Script(start(HTML, length=len(PAGE)), body())
    seen = run(raw.gated(app), http("/", method="HEAD"))
    assert (seen.all(b"content-length"), seen.body) == ([], b"")


def test_names_of_headers_keep_their_case_and_place() -> None:
    """What is said anew stands where the app said it, under the name that the app wrote."""
    given = [
        (b"Cache-Control", b"public"),
        (b"Content-Type", HTML),
        (b"Content-Length", b"%d" % len(PAGE)),
        (b"VARY", b"Accept"),
        (b"X-Own", b"1"),
    ]
    app = Script({"type": "http.response.start", "status": 200, "headers": given}, body(PAGE))
    names = [name for name, _ in run(raw.gated(app), http("/")).pairs]
    assert names[:5] == [name for name, _ in given]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_page_that_nothing_is_done_to_passes_as_the_same_object(method: str) -> None:
    """Where nothing can be denied and nothing is drawn, no byte, header or message changes."""
    app = page((b"etag", b'"1"'), (b"Last-Modified", b"Sat, 28 Nov 2026 10:00:00 GMT"))
    seen = run(raw.gated(app, policy=OPEN), http("/", method=method))
    assert all(one is other for one, other in zip(seen.sent, app.messages, strict=True))


@pytest.mark.parametrize(
    ("headers", "is_plain"),
    [
        ([(b"accept", b"text/html")], True),
        ([(b"accept", b"*/*")], True),
        ([(b"accept", b"*/*"), (b"sec-fetch-dest", b"empty")], True),
        ([], True),
        ([(b"accept", b"*/*"), (b"sec-fetch-dest", b"script")], False),
        ([(b"accept", b"image/avif,image/webp"), (b"sec-fetch-dest", b"image")], False),
        ([(b"accept", b"application/json")], False),
    ],
)
def test_what_may_be_a_page_is_asked_for_plain(
    headers: list[tuple[bytes, bytes]], is_plain: bool
) -> None:
    """Once the app has compressed a page, ``Accept: */*`` and fetches ask for plain pages too."""
    app = Script(start(HTML, (b"content-encoding", b"gzip")), body(b"\x1f\x8b"))
    gate = raw.gated(app)
    run(gate, http("/"))
    run(gate, http("/", headers=[(b"accept-encoding", b"gzip"), *headers]))
    asked = [value for name, value in app.scope["headers"] if name == b"accept-encoding"]
    assert asked == ([] if is_plain else [b"gzip"])
