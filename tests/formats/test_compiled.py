"""What is compiled reads pages as Python does: the same pages come out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate.formats.html import host_search, plain_tokens, suspects
from consentgate.formats.html.rewriter import Rewriter
from tests.formats.compiled import needed_module
from tests.formats.judges import silent
from tests.formats.pages import Maker, corpus

JUDGE = silent()
SEED = 1
MADE = 4_000


def gated(pages: list[bytes]) -> list[tuple[bytes, bytes, list[str]]]:
    """Each page whole and in two pieces, and what its elements wait for."""
    out = []
    for page in pages:
        whole, cut = Rewriter(JUDGE), Rewriter(JUDGE)
        half = len(page) // 2
        rest = cut.feed(page[:half]) + cut.close(page[half:])
        out.append((whole.close(page), rest, whole.waits.services))
    return out


def test_pages_come_out_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Odd pages and made ones, compiled and in Python."""
    search, skipping = needed_module("_search"), needed_module("_tokens")
    pages = [*corpus(), *corpus("careful"), *Maker(SEED).pages(MADE)]
    monkeypatch.setattr(suspects, "places", search.places)
    monkeypatch.setattr(plain_tokens, "skip", skipping.skip)
    compiled = gated(pages)
    monkeypatch.setattr(suspects, "places", host_search.places)
    monkeypatch.setattr(plain_tokens, "skip", None)
    assert gated(pages) == compiled


_PARTS = [
    *(
        b"<p>",
        b"<P a=1 b='>' c=\">\">",
        b"</p >",
        b"<br/>",
        b"text",
        b"<",
        b">",
        b"<!--",
        b"-->",
        b"--!>",
    ),
    *(
        b"<!-->",
        b"<!x>",
        b"<?x>",
        b"</>",
        b"</1>",
        b"<script>",
        b"</script>",
        b"<style x>",
        b"</STYLE >",
    ),
    *(
        b"<title>",
        b"</title>",
        b"<svg>",
        b"<path d='M1'/>",
        b"</svg>",
        b"<svg/>",
        b"<form>",
        b"</form>",
    ),
    *(
        b"<FORM a>",
        b"<noscript>",
        b"<select>",
        b"<![CDATA[",
        b"]]>",
        b"<script\0>",
        b"<p a==b =c=d>",
    ),
    *(
        b"<p a = 'x",
        b"<foreignObject>",
        b"<math>",
        b"</head>",
        b"<plaintext>",
        b" ",
        b"'",
        b'"',
        b"=",
    ),
]


def read(page: bytes) -> bytes:
    """The page gated, with a placeholder that says whether it stands in a form."""
    return Rewriter(JUDGE, lambda held: b"[form]" if held.is_in_form else b"[]").close(page)


@given(st.lists(st.sampled_from(_PARTS), max_size=14).map(b"".join))
def test_tokens_are_passed_as_python_does(page: bytes) -> None:
    """Raw text, forms, drawings, remarks and broken tags, with denied frames between them."""
    needed_module("_tokens")
    compiled = read(page)
    skip, plain_tokens.skip = plain_tokens.skip, None
    try:
        assert read(page) == compiled
    finally:
        plain_tokens.skip = skip


@pytest.mark.parametrize(
    ("data", "position", "limit", "reading"),
    [
        pytest.param(b"abc", 2, 1, 0, id="behind the limit"),
        pytest.param(b"abc", -1, 1, 0, id="before the start"),
        pytest.param(b"abc", 0, 4, 0, id="beyond the end"),
        pytest.param(b"abc", 0, 3, 3, id="another reading"),
    ],
)
def test_no_place_outside_is_read(data: bytes, position: int, limit: int, reading: int) -> None:
    """A wrong place is an error, never a look beyond the bytes."""
    with pytest.raises(ValueError, match="position"):
        needed_module("_tokens").skip(data, position, limit, reading)
