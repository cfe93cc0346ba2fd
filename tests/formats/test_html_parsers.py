"""The rewriter beside parsers that are not ours: what is live in a page, before and after."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consentgate.formats.html.rewriter import Rewriter
from tests.formats.judges import lonely, silent
from tests.formats.live import PARSERS, denied, permitted, strangers
from tests.formats.pages import Maker, corpus
from tests.fuzz_html import slice_of, taken_out, told

JUDGE = silent()
LONELY = lonely()
CORPUS = corpus()
OUTDATED = re.compile(rb"<svg></(?:p|br)>")
"""What html5lib still reads by the rules of 2020."""
CAREFUL = corpus("careful")


def text_of(page: bytes) -> str:
    return page.decode("utf-8", "replace")


@pytest.mark.requirement("STO-01", "STO-03", "STO-07")
@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("page", CORPUS, ids=range(len(CORPUS)))
def test_nothing_denied_is_live_and_the_rest_still_is(page: bytes, parser: str) -> None:
    """By a spec-conforming tree: no denied address is left, and every permitted one is."""
    parse = PARSERS[parser]
    if parser == "html5lib" and OUTDATED.search(page):
        return
    gated = text_of(Rewriter(JUDGE).close(page))
    assert denied(gated, parse) == []
    assert permitted(text_of(page), parse) <= permitted(gated, parse)
    if gated != text_of(page):
        assert any(denied(text_of(page), one) for one in PARSERS.values())


@pytest.mark.requirement("TPD-01")
@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("page", [*CORPUS, *CAREFUL], ids=range(len(CORPUS) + len(CAREFUL)))
def test_no_stranger_is_live(page: bytes, parser: str) -> None:
    """Where nobody declared what the corpus names, no browser goes there by itself."""
    if parser == "html5lib" and OUTDATED.search(page):
        return
    assert strangers(text_of(Rewriter(LONELY).close(page)), PARSERS[parser]) == []


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("page", CAREFUL, ids=range(len(CAREFUL)))
def test_in_doubt_it_is_held(page: bytes, parser: str) -> None:
    """What another browser, or a script, could make live is not left either."""
    gated = Rewriter(JUDGE).close(page)
    assert gated != page
    assert denied(text_of(gated), PARSERS[parser]) == []


GENERATED = st.integers(0, 10_000_000).map(lambda seed: Maker(seed).page())
REAL = b"""<!doctype html><html lang=en><head><meta charset=utf-8><title>A & B</title>
<link rel=preconnect href=https://ads.example><script async src="https://ads.example/x.js"></script>
<script>window.q=window.q||[];function adq(){q.push(arguments)}; adq('init', 1);</script>
<style>body{background:url(https://films.example/b.png)}</style></head><body class="x y">
<!-- a comment --><p>Text &amp; more <a href="/x?a=1&b=2">link</a><img src='/a.png' alt="a>b">
<noscript><img height=1 width=1 src="//ads.example/p?x=1&y"></noscript>
<iframe width=560 height=315 src="https://films.example/embed/1" allowfullscreen></iframe>
<svg viewBox="0 0 1 1"><title>Icon</title><path d="M0 0"/></svg><script>if (a<b && c>d) f("</p>");</script>
</body></html>"""


@given(page=st.one_of(GENERATED, st.just(REAL)), data=st.data())
@settings(max_examples=300, deadline=None)
def test_however_a_page_is_cut_the_bytes_are_the_same(page: bytes, data: st.DataObject) -> None:
    """At any places; what was put in can be taken out; gating twice is gating once."""
    whole = Rewriter(JUDGE).close(page)
    ends = sorted(data.draw(st.lists(st.integers(0, len(page)), max_size=8)))
    rewriter = Rewriter(JUDGE)
    pieces = [page[start:end] for start, end in zip([0, *ends], [*ends, len(page)], strict=True)]
    cut = b"".join(map(rewriter.feed, pieces)) + rewriter.close()
    assert cut == whole or (whole == page and told(cut) == told(page))
    assert told(taken_out(whole)) == told(page)
    assert Rewriter(JUDGE).close(whole) == whole


@pytest.mark.parametrize("seed", [1, 2])
def test_mutated_markup_lets_nothing_through(seed: int) -> None:
    """A slice of what ``python -m tests.fuzz_html`` runs: no crash, no escape, no lost byte."""
    _, counts, shown = slice_of(seed, 1_000)
    assert counts.pop("changed") > 300
    assert not counts, shown


def test_a_style_sheet_in_a_drawing_is_gated_once() -> None:
    """Also where a tag inside it never ends: the sheet is decided before that tag is."""
    page = b"<math><style>@import '//ads.example/';<img src='></style></math>"
    assert Rewriter(JUDGE).close(page) == page.replace(b"//", b"data-privacy:ads://")
    rewriter = Rewriter(JUDGE)
    cut = rewriter.feed(page[:-7]) + rewriter.close(page[-7:])
    assert cut == page.replace(b"//", b"data-privacy:ads://")


def test_a_held_sheet_in_a_drawing_names_no_denied_address() -> None:
    """Chromium's preload scanner fetches what a sheet imports, whatever its type says."""
    page = b'<svg><style>@import "//ads.example/x";<desc></desc></style></svg>'
    gated = Rewriter(JUDGE).close(page)
    assert b'<style type="text/plain" data-privacy-service="unknown">' in gated
    assert b'@import "data-privacy:ads://ads.example/x"' in gated


@pytest.mark.parametrize("tag", ["style", "title", "xmp", "iframe", "noembed", "plaintext"])
def test_what_browsers_read_differently_becomes_a_comment(tag: str) -> None:
    """In a ``select`` some take it for text and some leave it out: then what follows differs."""
    page = f"<select><{tag}></select><img src=//ads.example/>"
    gated = Rewriter(JUDGE).close(page.encode()).decode()
    assert gated.startswith(f"<select><!{tag}></select><img data-privacy-service")


def test_where_browsers_differ_text_that_reads_alike_stays() -> None:
    """A drawing that was never closed costs the page none of its plain scripts and styles."""
    page = "<div><svg></div><style>p{}</style><script>okq(1)</script><title>x</title>"
    gated = Rewriter(JUDGE).close((page + "<img src=//ads.example/>").encode()).decode()
    assert gated.startswith(page + "<img data-privacy-service")


def test_an_ordinary_select_and_drawing_stay_as_they_are() -> None:
    """Icons with titles, options, frames of HTML in a drawing: nothing of it is in doubt."""
    page = (
        "<select><option>a<option selected>b</select><style>p{}</style>"
        "<svg><title>x</title><foreignObject><div><p>a<p>b<ul><li>c</ul></div></foreignObject></svg>"
        "<script>okq(1)</script><textarea>x</textarea>"
    )
    gated = Rewriter(JUDGE).close((page + "<img src=//ads.example/>").encode()).decode()
    assert gated.startswith(page)
