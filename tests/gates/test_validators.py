"""ETag and Last-Modified: no identifier for the denied, and still a 304 for ordinary files."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from starlette.staticfiles import StaticFiles

from tests.asgi.raw import Exchange, Script, body, chosen, gated, http, json_answer, run, start

BYTES = b"p{color:red}"


class Planter:
    """Gives every visitor a validator of their own, and writes down which ones come back."""

    def __init__(self, *, size: int = 1, media_type: bytes = b"text/css") -> None:
        self._ids = itertools.count(1)
        self._pieces = [body(BYTES, more_body=True)] * (size - 1) + [body(BYTES)]
        self._media_type = media_type
        self.recognised: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.recognised += [
            value for name, value in scope["headers"] if name.startswith((b"if-none", b"if-mod"))
        ]
        number = next(self._ids)
        await send(
            start(
                self._media_type,
                (b"etag", b'"visitor-%d"' % number),
                (b"last-modified", b"Mon, 21 Sep 2026 00:00:%02d GMT" % number),
            )
        )
        for piece in self._pieces:
            await send(piece)


def back(seen: Exchange, **more: Any) -> dict[str, Any]:
    """What a browser gives back on its next request."""
    pairs = [
        (ours, value)
        for theirs, ours in ((b"etag", b"if-none-match"), (b"last-modified", b"if-modified-since"))
        for value in seen.all(theirs)
    ]
    return {"headers": [*pairs, *more.pop("headers", ())], **more}


@pytest.mark.requirement("STO-08")
@pytest.mark.parametrize("size", [1, 3], ids=["one piece", "streamed"])
def test_two_visitors_get_the_same_validators(size: int) -> None:
    """Same bytes, same validator for everyone; what is planted is never read again."""
    app = Planter(size=size)
    gate = gated(app)
    seen = [run(gate, http("/a.css")) for _ in range(3)]
    assert len({tuple(one.all(b"etag") + one.all(b"last-modified")) for one in seen}) == 1
    assert b"visitor" not in b"".join(value for one in seen for _, value in one.pairs)
    again = run(gate, http("/a.css", **back(seen[0])))
    run(gate, http("/a.css", headers=[(b"if-none-match", b'"visitor-1"'), (b"if-range", b'"x"')]))
    assert again.status == (304 if size == 1 else 200)
    assert app.recognised == []


@pytest.mark.requirement("STO-08")
def test_a_script_may_keep_its_validators_but_the_app_does_not_see_them() -> None:
    """JSON keeps the ETag that If-Match needs; conditions of reads stay at the gate."""
    app = json_answer((b"etag", b'"v5"'))
    gate = gated(app)
    assert run(gate, http()).one(b"etag") == b'"v5"'
    seen = run(gate, http(headers=[(b"if-none-match", b'"v4", W/"v5"')]))
    assert (seen.status, seen.body, seen.all(b"content-length")) == (304, b"", [])
    assert [name for name, _ in app.scope["headers"]] == [b"host"]
    change = http(method="PUT", headers=[(b"if-match", b'"v5"'), (b"if-none-match", b"*")])
    run(gate, change)
    assert (b"if-match", b'"v5"') in app.scope["headers"]
    assert (b"if-none-match", b"*") in app.scope["headers"]


def test_who_may_be_followed_is_answered_by_the_app() -> None:
    """After a grant of what tracks, conditions and validators pass as they are."""
    app = Planter()
    gate = gated(app)
    cookie = chosen(gate, choice="accept")
    seen = run(gate, http("/a.css", cookie=cookie, headers=[(b"if-none-match", b'"visitor-9"')]))
    assert seen.one(b"etag") == b'"visitor-1"'
    assert app.recognised == [b'"visitor-9"']


@pytest.mark.requirement("STO-08")
@pytest.mark.parametrize("size", [100, 200_000], ids=["small", "large"])
def test_ordinary_files_are_still_answered_with_304(tmp_path: Path, size: int) -> None:
    """Real static files, before any choice: not sent again until they change; ranges work."""
    (tmp_path / "a.css").write_bytes(b"x" * size)
    gate = gated(StaticFiles(directory=tmp_path))
    run(gate, http("/a.css"))
    seen = run(gate, http("/a.css"))
    assert (seen.status, len(seen.body)) == (200, size)
    again = run(gate, http("/a.css", **back(seen)))
    assert (again.status, again.body, again.all(b"etag")) == (304, b"", seen.all(b"etag"))
    part = run(gate, http("/a.css", headers=[(b"range", b"bytes=0-9")]))
    assert (part.status, part.body) == (206, b"x" * 10)
    (tmp_path / "a.css").write_bytes(b"y" * (size + 1))
    changed = run(gate, http("/a.css", **back(seen)))
    assert (changed.status, len(changed.body)) == (200, size + 1)


def test_head_says_no_validator_that_get_would_not() -> None:
    """Its bytes are not seen, so nothing is said of them."""
    app = Script(start(b"text/css", (b"etag", b'"1"'), length=9), body())
    seen = run(gated(app), http(method="HEAD"))
    assert (seen.all(b"etag"), seen.one(b"content-length")) == ([], b"9")


@pytest.mark.requirement("STO-15")
def test_a_page_is_never_revalidated_as_it_was_before() -> None:
    """An older copy in the browser's cache is not confirmed: the app sends the page anew."""
    app = Script(start(b"text/html", (b"etag", b'"1"')), body(b"<html><body>"))
    seen = run(gated(app), http(headers=[(b"if-none-match", b'"1"')]))
    assert (seen.status, seen.all(b"etag")) == (200, [])
    assert [name for name, _ in app.scope["headers"]] == [b"host"]
