"""Request lines are read alike by one pattern and step by step."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consentgate.formats.access_logs.request_line import RequestLines, parts_of
from consentgate.formats.urls.templates import UNMATCHED, Templates

TEMPLATES = Templates(
    ("/", "/a", "/a/{id}", "/u/{name}/{id}", "/f/{rest:path}", "/{page}.html", "/p%41/{id}", "/a/b")
)
LINES = RequestLines(TEMPLATES)


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("GET / HTTP/1.1", ("GET", "/", "/", b"")),
        ("GET /a/7", ("GET", "/a/7", "/a/{id}", b"")),
        ("GET /a/b HTTP/2.0", ("GET", "/a/b", "/a/{id}", b"")),
        ("GET /f/x/y?z=1 HTTP/1.1", ("GET", "/f/x/y", "/f/{rest:path}", b"z=1")),
        ("GET https://shop.example/u/x/y HTTP/1.1", ("GET", "/u/x/y", "/u/{name}/{id}", b"")),
        ("GET /p%41/1 HTTP/1.1", ("GET", "/pA/1", UNMATCHED, b"")),
        ("OPTIONS * HTTP/1.1", ("OPTIONS", "", UNMATCHED, b"")),
        ("\x16\x03\x01", ("\x16\x03\x01", "", UNMATCHED, b"")),
    ],
)
def test_a_request_line_is_read(line: str, read: tuple[str, str, str, bytes]) -> None:
    """Method, decoded path, the first template that fits, and the query."""
    assert LINES.read(line) == read


PIECES = (
    "GET|POST|x| | HTTP/1.1|/|/a|/u/|/f/|.html|?|#|%41|%|\xe9|\x85|\xa0|\x1c|\n|\t|://|http|{id}|b"
)


@given(st.lists(st.sampled_from(PIECES.split("|")), max_size=8).map("".join))
@example("GET /a\n")
@example("GET /a HTTP/1.1\n")
def test_one_pattern_reads_what_the_steps_read(line: str) -> None:
    """A plain line takes a short way to the same end."""
    for text in (line, f"GET /{line}", f"GET /{line} HTTP/1.1"):
        method, path, query = parts_of(text)
        assert LINES.read(text) == (method, path, TEMPLATES.match(path), query)
