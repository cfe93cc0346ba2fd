"""Addresses that a browser reads and nobody else: none of them gets past the rewriter."""

from __future__ import annotations

import base64

import pytest

from consentgate.formats.html.rewriter import Rewriter
from tests.formats.judges import silent
from tests.formats.live import by_lexbor, denied

JUDGE = silent()
ATTRIBUTES = [
    *(
        "ht\ntp:ads.example/",
        "htt\tp:ads.example/",
        "http\t:ads.example/",
        "http\r\n:\t/ads.example/",
    ),
    *("\x01\\\\ads.example", "\x1f\\/ads.example", "&#1\\\\ads.example", " \t//ads.example"),
    *(
        "htt&#112;:ads.example",
        "htt&#112:ads.example",
        "ht&#116;p:ads.example",
        "ht&#x74p:ads.example",
    ),
    *(
        "ht&#116p:ads.example",
        "htt&#x70;:ads.example",
        "http:&#97;ds.example",
        "http&colon;ads.example",
    ),
    *("htt&#112;\n:ads.example", "htt&#000112;:ads.example", "//]]>u&#64;ads.example"),
    *("//u>v&commat;ads.example", "//<i>a b@ads.example"),
    *("//a\u3164ds.example", "//ads\U000e0101.example"),
]
"""Scheme, slashes or user name written by number, with gaps, or after what is left out."""
SHEETS = [
    *(
        r"http\73://ads.example/x",
        r"htt\p:ads.example",
        r"ht\74p:ads.example",
        r"http\:ads.example",
    ),
    *(
        r"http\3a ads.example",
        r"\68 ttp:\61 ds.example",
        r"http:\61 ds.example",
        r"http:/\61 ds.example",
    ),
    *(r"\\\\ads.example", r"\\\\\61 ds.example", r"/\\\61 ds.example", "/\\\f/ads.example"),
    *("//\\\fads.example", "htt\\\np:ads.example", "http\\\n:ads.example", "http:\\\nads.example"),
    *(
        "//\\\n\\61 ds.example",
        " " * 70 + "//ads.example",
        "htt\\70 :ads.example",
        "htt\\70\r\n:ads.example",
    ),
    *(
        r"http\00003aads.example",
        "//<i>u@ads.example",
        "//a b@ads.example",
        r"//]]>u\000040ads.example",
    ),
]
"""The same by the escapes of CSS, and line breaks that are none there."""
PADDING = 5_000
PADDED = {
    "spaces before": b" " * PADDING + b"//ads.example",
    "controls before": b"\x01" * PADDING + b"//ads.example",
    "gaps between the slashes": b"/" + b"\t" * PADDING + b"/ads.example",
    "gaps after the scheme": b"http:" + b"\n" * PADDING + b"ads.example",
    "gaps in the host": b"//a" + b"\t" * PADDING + b"ds.example",
    "slashes": b"/" * PADDING + b"ads.example",
    "a user": b"//" + b"u" * PADDING + b"@ads.example",
    "a password": b"//u:" + b"%41" * PADDING + b"@ads.example",
    "soft hyphens": b"//a" + b"%C2%AD" * PADDING + b"ds.example",
}
PAGES = {
    "a page with references": b"<iframe src='data:text/html,<img src=%26%2347;/ads.example>'>",
    "a page in capitals": b"<iframe src='data:TEXT/HTML;x,<img src=%26%2347;/ads.example>'>",
    "a drawing": b"<iframe src='data:image/svg+xml,<svg><image href=%26%2347;/ads.example>'>",
    "a sheet": b"<link rel=stylesheet href='data:text/css,@import %22/\\2f ads.example%22'>",
    "a sheet in a sheet": b"<style>@import \"data:text/css,@import 'https://ads.example'\";</style>",
    "a page after a blank": b"<iframe src='data: text/html,%3Cimg src=%2F%2Fads.example%3E'>",
    "a page that is not in base64": b"<iframe src='data:text/html;x=base64,<img src=%2F%2Fads.example>'>",
    "a page in base64 that is not padded": b"<iframe src='data:text/html;base64,"
    + base64.b64encode(b"<p>xy</p><img src=//ads.example>").rstrip(b"=")
    + b"'>",
    "a page in UTF-16": b"<iframe src='data:text/html;base64,"
    + base64.b64encode("<img src=//ads.example>".encode("utf-16"))
    + b"'>",
    "a page of XML with names": b"<iframe src='data:application/xhtml+xml,<!DOCTYPE x [<!ENTITY a "
    b'"http:%26%2347;">]><img src="%26a;/ads.example"/>\'>',
    "a sheet after a blank": b"<link rel=stylesheet href='data: text/css,@import %22%2F%2Fads.example%22'>",
    "a sheet without a type": b"<link rel=stylesheet href='data:,@import %22%2F%2Fads.example%22'>",
    "a sheet without a type in a sheet": b"<style>@import \"data:,@import '%2F%2Fads.example'\";</style>",
    "a snippet": b"<script src='data:text/javascript,adq(1)'></script>",
    "a snippet in base64": b"<script src='data:text/javascript;base64,%s'></script>"
    % base64.b64encode(b"adq(1)"),
    "a snippet in a page in an attribute": b"<iframe srcdoc='&lt;script>ad&#113;(1)&lt;/script>'>",
    "a snippet in one in capitals": b"<iframe SRCDOC='&lt;script>ad&#113;(1)&lt;/script>'>",
    "an import map": b'<script type=importmap>{"q":"http:\\u002f\\u002fads.example"}</script>',
    "a second candidate after a bracket": b"<img srcset='a 1x),//ads.example 2x'>",
    "a step of an animation with a user": b"<svg><set attributeName=href to='//u;v@ads.example'/></svg>",
    "a step of an animation that is a sheet's": b"<svg><set attributeName=mask to='url(//ads.example)'/></svg>",
    "a ping to a user's host": "<a ping='//u\u3000v@ads.example'>".encode(),
    "a long page": b"<iframe src='data:text/html," + b"x" * 70_000 + b"<img src=//ads.example>'>",
    "a long page in base64": b"<iframe src='data:text/html;base64,"
    + base64.b64encode(b"x" * 70_000 + b"<img src=//ads.example>")
    + b"'>",
    "a mime type with a gap": b"<iframe src='data:te\nxt/html,%3Cimg src=%2F%2Fads.example%3E'>",
    "a mime type by number": b"<iframe src='data:te&#120;t/html,%3Cimg src=%2F%2Fads.example%3E'>",
}


def gated(page: bytes) -> bytes:
    """The page in one piece, checked to be the same in pieces."""
    whole = Rewriter(JUDGE).close(page)
    for size in (7, 1_000, 16_384):
        pieces = [page[at : at + size] for at in range(0, len(page), size)]
        rewriter = Rewriter(JUDGE)
        assert b"".join(map(rewriter.feed, pieces)) + rewriter.close() == whole
    return whole


def assert_held(page: bytes) -> None:
    """What other parsers find denied before is not there after; there was something."""
    assert denied(page.decode(), by_lexbor)
    assert not denied(gated(page).decode(), by_lexbor)


@pytest.mark.requirement("STO-01")
@pytest.mark.parametrize("address", ATTRIBUTES)
def test_an_address_in_an_attribute(address: str) -> None:
    """Of an image, in a page inside an attribute, and in a style attribute where that is one."""
    url = address.encode()
    assert_held(b'<img src="%s">' % url)
    assert_held(b"<iframe srcdoc=\"<img src='%s'>\">" % url)


@pytest.mark.requirement("STO-01")
@pytest.mark.parametrize("address", SHEETS)
def test_an_address_in_a_style_sheet(address: str) -> None:
    """In an element and in an attribute."""
    url = address.encode()
    assert_held(b'<style>@import "%s";</style>' % url)
    assert_held(b"<p style='background:url(\"%s\")'>" % url)


@pytest.mark.requirement("STO-01")
@pytest.mark.parametrize("name", PADDED)
def test_an_address_is_read_to_the_end_of_its_host(name: str) -> None:
    """However much stands before it: in attributes, in styles, whole and in pieces."""
    url = PADDED[name]
    assert_held(b"<img src='%s'>" % url)
    if b"\n" not in url:
        assert_held(b"<p style=\"background:url('%s')\">" % url)
        assert_held(b"<style>p{background:url('%s')}</style>" % url)


@pytest.mark.parametrize(
    "sheet",
    [
        b'@import "//ads.example\'/a.css"; @import url(//films.example/b.css) screen;',
        b'@import "//u\'h@ads.example/"; p{color:red}p{color:red}p{color:red}',
        b'@import "//u\\"v@ads.example/";p{color:red}',
        b"@import '//u\\'v\\'w@ads.example/';p{color:red}",
        b"@import url(//u\\(v@ads.example/);p{color:red}",
        b'@import "a";@import "//u\\\\\\"v@ads.example/";p{color:red}',
        b'@import "x\\"//ads.example";p{color:red}',
        b'@import "a";@import "//u' + b'\\"' * 100 + b'v@ads.example/";p{color:red}',
        b"@import '//u\"//v@ads.example/' screen;p{color:red}",
        b"p{background:url('//u@ads.example'/ )}<a x=\"//ads.ex\\\nample'/>\">p{color:red}",
    ],
)
def test_a_sheet_may_be_cut_anywhere(sheet: bytes) -> None:
    """Also inside a string that holds the other's quotation mark: the same bytes come out."""
    page = b"<style>%s</style>" % sheet
    whole = Rewriter(JUDGE).close(page)
    for place in range(len(page)):
        rewriter = Rewriter(JUDGE)
        assert rewriter.feed(page[:place]) + rewriter.close(page[place:]) == whole


def test_a_sheet_is_not_held_without_end() -> None:
    """An address in a style sheet that is too long to be held back is denied unread."""
    rewriter = Rewriter(JUDGE)
    out = rewriter.feed(b"<style>p{background:url('//" + b"u" * 70_000)
    out += rewriter.feed(b"@ads.example/')}</style>") + rewriter.close()
    assert b"url('data-privacy:unknown://u" in out
    assert len(out) > 70_000


@pytest.mark.requirement("STO-01")
@pytest.mark.parametrize("name", PAGES)
def test_what_is_inside_an_address_is_read(name: str) -> None:
    """Pages, drawings and style sheets in ``data:``, in whatever way they name a host."""
    page = PAGES[name]
    assert b"data-privacy" in Rewriter(JUDGE).close(page)
    rewriter = Rewriter(JUDGE)
    cut = b"".join(rewriter.feed(page[at : at + 1_000]) for at in range(0, len(page), 1_000))
    assert cut + rewriter.close() != page
