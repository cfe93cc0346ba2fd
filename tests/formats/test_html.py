"""The rewriter: what is denied is inert, every other byte stays, however the page is cut."""

from __future__ import annotations

import itertools
import re

import pytest

from consentgate.formats.html.element import Held
from consentgate.formats.html.host_search import places
from consentgate.formats.html.rewriter import Rewriter
from consentgate.formats.html.scanner import MAX_CARRY_BYTES
from consentgate.formats.html.svg_text import may_be_marked
from tests.formats.judges import silent
from tests.formats.live import by_lexbor, denied

JUDGE = silent()
S = 'data-privacy-service="ads"'


def rewritten(page: str | bytes) -> bytes:
    """The page in one piece, checked to be the same byte by byte."""
    raw = page.encode() if isinstance(page, str) else page
    whole = Rewriter(JUDGE).close(raw)
    assert cut(raw, range(len(raw))) == whole
    return whole


def cut(raw: bytes, places: range | list[int]) -> bytes:
    """The page cut before each of the places."""
    rewriter = Rewriter(JUDGE)
    ends = [0, *places, len(raw)]
    pieces = [raw[start:end] for start, end in itertools.pairwise(ends)]
    return b"".join(map(rewriter.feed, pieces)) + rewriter.close()


_PUT_IN = re.compile(
    rb' type="text/plain"(?= data-privacy-(?:service|purpose)="[a-z _-]+"[\s/>a-z])|'
    rb' data-privacy-(?:service|purpose)="[a-z _-]+"|data-privacy-(?=[A-Za-z])|data-privacy:[a-z]+:'
)


def restored(page: bytes) -> bytes:
    """What is left when everything that was put in is taken out."""
    return _PUT_IN.sub(b"", page)


# One row a construct: what is written, and what becomes of it.
GATED = {
    "script": (
        '<script src="//ads.example/x.js"></script>',
        f'<script type="text/plain" {S} data-privacy-src="//ads.example/x.js"></script>',
    ),
    "script with a type": (
        "<script async type=module src=//ads.example/x.js></script>",
        f'<script type="text/plain" {S} async data-privacy-type=module '
        "data-privacy-src=//ads.example/x.js></script>",
    ),
    "script with two types": (
        "<script type=module type=x src=//ads.example/></script>",
        f'<script type="text/plain" {S} data-privacy-type=module data-privacy-type=x '
        "data-privacy-src=//ads.example/></script>",
    ),
    "inline script": (
        "<script>var a; adq('init')</script>",
        f"<script type=\"text/plain\" {S}>var a; adq('init')</script>",
    ),
    "inline script, old type": (
        '<script type="text/javascript">adq(1)</script>',
        f'<script type="text/plain" {S} data-privacy-type="text/javascript">adq(1)</script>',
    ),
    "import map": (
        '<script type=importmap>{"imports":{"a":"https:\\/\\/ads.example\\/a.js"}}</script>',
        f'<script type="text/plain" {S} data-privacy-type=importmap>'
        '{"imports":{"a":"https:\\/\\/ads.example\\/a.js"}}</script>',
    ),
    "speculation rules": (
        '<script type=speculationrules>{"prefetch":[{"urls":["https://ads.example/"]}]}</script>',
        f'<script type="text/plain" {S} data-privacy-type=speculationrules>'
        '{"prefetch":[{"urls":["https://ads.example/"]}]}</script>',
    ),
    "svg script": (
        '<svg><script href="//ads.example/x.js"/></svg>',
        f'<svg><script type="text/plain" {S} data-privacy-href="//ads.example/x.js"/></svg>',
    ),
    "svg inline script": (
        "<svg><script>adq(1)</script></svg>",
        f'<svg><script type="text/plain" {S}>adq(1)</script></svg>',
    ),
    "img": ("<img src=//ads.example/x.gif>", f"<img {S} data-privacy-src=//ads.example/x.gif>"),
    "img, odd case": (
        "<IMG SRC='HTTPS://ADS.EXAMPLE/'>",
        f"<IMG {S} data-privacy-SRC='HTTPS://ADS.EXAMPLE/'>",
    ),
    "img written twice": (
        "<img src=//ads.example/ src=//films.example/>",
        '<img data-privacy-service="ads films" data-privacy-src=//ads.example/ '
        "data-privacy-src=//films.example/>",
    ),
    "srcset": (
        '<img src="/a.png" srcset="/b.png 1x, //x.ads.example/b.png 2x">',
        f'<img {S} src="/a.png" data-privacy-srcset="/b.png 1x, //x.ads.example/b.png 2x">',
    ),
    "two services": (
        "<img src=//ads.example/ srcset=//films.example/>",
        '<img data-privacy-service="ads films" data-privacy-src=//ads.example/ '
        "data-privacy-srcset=//films.example/>",
    ),
    "image": ("<image src=//ads.example/>", f"<image {S} data-privacy-src=//ads.example/>"),
    "picture source": (
        "<picture><source srcset=//ads.example/></picture>",
        f"<picture><source {S} data-privacy-srcset=//ads.example/></picture>",
    ),
    "iframe": (
        '<iframe src="//ads.example/"></iframe>',
        f'<iframe {S} data-privacy-src="//ads.example/"></iframe>',
    ),
    "iframe srcdoc": (
        '<iframe srcdoc="&lt;img src=//ads.example&gt;"></iframe>',
        f'<iframe {S} data-privacy-srcdoc="&lt;img src=//ads.example&gt;"></iframe>',
    ),
    "iframe data": (
        '<iframe src="data:text/html,%3Cimg src=//ads.example/%3E"></iframe>',
        f'<iframe {S} data-privacy-src="data:text/html,%3Cimg src=//ads.example/%3E"></iframe>',
    ),
    "iframe data, base64": (
        '<iframe src="data:text/html;base64,PGltZyBzcmM9Ly9hZHMuZXhhbXBsZS8+"></iframe>',
        f'<iframe {S} data-privacy-src="data:text/html;base64,PGltZyBzcmM9Ly9hZHMuZXhhbXBsZS8+">'
        "</iframe>",
    ),
    "iframe javascript": (
        "<iframe src=\"javascript:new Image().src='//ads.example'\"></iframe>",
        f"<iframe {S} data-privacy-src=\"javascript:new Image().src='//ads.example'\"></iframe>",
    ),
    "frame": ("<frame src=//ads.example/>", f"<frame {S} data-privacy-src=//ads.example/>"),
    "embed": ("<embed src=//ads.example/>", f"<embed {S} data-privacy-src=//ads.example/>"),
    "object": (
        "<object data=//ads.example/></object>",
        f"<object {S} data-privacy-data=//ads.example/></object>",
    ),
    "video": (
        "<video src=//ads.example/ poster=//films.example/>",
        '<video data-privacy-service="ads films" data-privacy-src=//ads.example/ '
        "data-privacy-poster=//films.example/>",
    ),
    "audio": ("<audio src=//ads.example/>", f"<audio {S} data-privacy-src=//ads.example/>"),
    "track": ("<track src=//ads.example/>", f"<track {S} data-privacy-src=//ads.example/>"),
    "input image": (
        "<input type=image src=//ads.example/>",
        f"<input {S} type=image data-privacy-src=//ads.example/>",
    ),
    "body background": (
        "<body background=//ads.example/>",
        f"<body {S} data-privacy-background=//ads.example/>",
    ),
    "svg image": (
        '<svg><image xlink:href="//ads.example/"/></svg>',
        f'<svg><image {S} data-privacy-xlink:href="//ads.example/"/></svg>',
    ),
    "svg use": (
        '<svg><use href="//ads.example/x.svg#a"/></svg>',
        f'<svg><use {S} data-privacy-href="//ads.example/x.svg#a"/></svg>',
    ),
    "svg filter": (
        '<svg><g filter="url(//ads.example/f.svg#a)"/></svg>',
        f'<svg><g {S} data-privacy-filter="url(//ads.example/f.svg#a)"/></svg>',
    ),
    "svg animation": (
        '<svg><set attributeName="href" to="//ads.example/"/></svg>',
        f'<svg><set {S} attributeName="href" data-privacy-to="//ads.example/"/></svg>',
    ),
    "stylesheet": (
        "<link rel=stylesheet href=//ads.example/>",
        f"<link {S} rel=stylesheet data-privacy-href=//ads.example/>",
    ),
    "link without rel's fellows": (
        '<link rel="alternate stylesheet" href=//ads.example/>',
        f'<link {S} rel="alternate stylesheet" data-privacy-href=//ads.example/>',
    ),
    "preload": (
        "<link rel=preload as=image imagesrcset='//ads.example/ 1x' href=/x>",
        f"<link {S} rel=preload as=image data-privacy-imagesrcset='//ads.example/ 1x' href=/x>",
    ),
    **{
        rel: (
            f"<link rel={rel} href=https://ads.example>",
            f"<link {S} rel={rel} data-privacy-href=https://ads.example>",
        )
        for rel in ("preconnect", "dns-prefetch", "prefetch", "modulepreload", "icon", "manifest")
    },
    "refresh": (
        '<meta http-equiv="Refresh" content="0;url=//ads.example/">',
        f'<meta {S} data-privacy-http-equiv="Refresh" content="0;url=//ads.example/">',
    ),
    "ping": (
        "<a href=/x ping='/p //ads.example/'>",
        f"<a {S} href=/x data-privacy-ping='/p //ads.example/'>",
    ),
    "form": ("<form action=//ads.example/>", f"<form {S} data-privacy-action=//ads.example/>"),
    "formaction": (
        "<button formaction=//ads.example/>",
        f"<button {S} data-privacy-formaction=//ads.example/>",
    ),
    "base": ("<base href=//ads.example/>", f"<base {S} data-privacy-href=//ads.example/>"),
    "style attribute": (
        '<p style="background:url(//ads.example/)">',
        f'<p {S} data-privacy-style="background:url(//ads.example/)">',
    ),
    "style import": (
        "<style>@import '//ads.example/a.css'; p{color:red}</style>",
        "<style>@import 'data-privacy:ads://ads.example/a.css'; p{color:red}</style>",
    ),
    "style url": (
        "<style>p{background:url( https://films.example/x )}</style>",
        "<style>p{background:url( data-privacy:films:https://films.example/x )}</style>",
    ),
    "svg style": (
        "<svg><style>p{fill:url(//ads.example/x)}</style></svg>",
        "<svg><style>p{fill:url(data-privacy:ads://ads.example/x)}</style></svg>",
    ),
    "event handler": (
        "<img src=/x onerror=\"this.src='//ads.example/'\">",
        f"<img {S} src=/x data-privacy-onerror=\"this.src='//ads.example/'\">",
    ),
    "noscript": (
        "<noscript><img src=//ads.example/></noscript>",
        f"<noscript><img {S} data-privacy-src=//ads.example/></noscript>",
    ),
    "template": (
        "<template><img src=//ads.example/></template>",
        f"<template><img {S} data-privacy-src=//ads.example/></template>",
    ),
    "path prefix": (
        "<script src=//www.shared.example/tag/x.js></script>",
        '<script type="text/plain" data-privacy-service="tag" '
        "data-privacy-src=//www.shared.example/tag/x.js></script>",
    ),
    "foreign base": (
        "<base href=//www.shared.example/><script src=tag/x.js></script>",
        '<base href=//www.shared.example/><script type="text/plain" data-privacy-service="tag" '
        "data-privacy-src=tag/x.js></script>",
    ),
    "character references": (
        "<img src='&#104;ttps&colon;&sol;&#x2F;ads&period;example/'>",
        f"<img {S} data-privacy-src='&#104;ttps&colon;&sol;&#x2F;ads&period;example/'>",
    ),
    "user name and port": (
        "<img src=https://ok.example:1@ads.example.:8443/>",
        f"<img {S} data-privacy-src=https://ok.example:1@ads.example.:8443/>",
    ),
    "slash in the tag": (
        "<img/src=//ads.example/x.gif>",
        f"<img {S}/data-privacy-src=//ads.example/x.gif>",
    ),
    "service mark": (
        '<iframe data-service=films src="/film"></iframe>',
        '<iframe data-privacy-service="films" data-service=films data-privacy-src="/film"></iframe>',
    ),
    "purpose mark": (
        "<script data-purpose='functional, marketing'>a()</script>",
        '<script type="text/plain" data-privacy-purpose="functional marketing" '
        "data-purpose='functional, marketing'>a()</script>",
    ),
    "unknown mark": (
        '<img data-service="&lt;x" src=/a>',
        '<img data-privacy-service="unknown" data-service="&lt;x" data-privacy-src=/a>',
    ),
    "style mark": (
        "<style data-purpose=marketing>p{}</style>",
        '<style type="text/plain" data-privacy-purpose="marketing" data-purpose=marketing>p{}'
        "</style>",
    ),
}


@pytest.mark.requirement("STO-01", "STO-02", "STO-03", "STO-07")
@pytest.mark.parametrize("name", GATED)
def test_what_is_denied_is_inert(name: str) -> None:
    """Renamed in place, the rest as it was; taking the insertions out gives the page back."""
    page, expected = GATED[name]
    assert rewritten(page).decode() == expected
    assert restored(expected.encode()).decode() == page


UNTOUCHED = {
    "granted and undeclared hosts": "<img src=//ok.example/><script src=//nobody.example/></script>",
    "links": '<a href="https://ads.example/">ads</a><area href=//ads.example/>',
    "links that do not load": '<link rel=canonical href="https://ads.example/">',
    "text": "see https://ads.example/ <b>now</b>",
    "meta": '<meta property="og:image" content="https://ads.example/x.png">',
    "data attributes": "<img data-src=//ads.example/>",
    "other attributes": "<img alt='//ads.example/' title=//ads.example/>",
    "comment": "<!-- <img src=//ads.example/> -->",
    "conditional comment": "<!--[if IE]><img src=//ads.example/><![endif]-->",
    "bogus comment": "<!x <img src='//ads.example/'",
    "processing instruction": "<?x <img src=//ads.example/ ?>",
    "textarea": "<textarea><img src=//ads.example/></textarea>",
    "title": "<title><img src=//ads.example/></title>",
    "xmp": "<xmp><img src=//ads.example/></xmp>",
    "noembed": "<noembed><img src=//ads.example/></noembed>",
    "noframes": "<noframes><img src=//ads.example/></noframes>",
    "iframe content": "<iframe><img src=//ads.example/></iframe>",
    "plaintext": "<plaintext><img src=//ads.example/></plaintext>",
    "script text": "<script>s='<img src=//ads.example/>'</script>",
    "script data": '<script type="application/json">{"a":"//ads.example adq("}</script>',
    "script comment": "<script><!--<script>'</script><img src=//ads.example/>'--></script>",
    "longer word": "<script>loadq(1)</script>",
    "cdata": "<svg><![CDATA[<image href=//ads.example/>]]></svg>",
    "granted snippet": "<script>okq(1)</script>",
    "same host, other path": "<script src=//www.shared.example/x.js></script>",
    "granted mark": "<img data-purpose=necessary src=/x><img data-service=ok src=/x>",
    "unended tag": "<p>x<img src=//ads.example/ ",
    "nothing": "",
}


@pytest.mark.parametrize("name", UNTOUCHED)
def test_everything_else_stays(name: str) -> None:
    """Not denied, or not live: not one byte changes."""
    page = UNTOUCHED[name]
    assert rewritten(page).decode() == page


def test_a_clean_page_passes_by_identity() -> None:
    """Nothing to gate: nothing is copied."""
    page = b"<!doctype html><p>x<script>a=1</script>" * 50
    assert Rewriter(JUDGE).close(page) is page


@pytest.mark.parametrize("charset", ["utf-8", "latin-1", "shift_jis", "gb18030", "euc-kr", "big5"])
def test_any_ascii_compatible_charset(charset: str) -> None:
    """Bytes beyond ASCII are never taken for markup, and stay."""
    text = {"latin-1": "é", "euc-kr": "한글"}.get(charset, "中表")
    page = f"<p title='{text}'>{text}<img alt={text} src=//ads.example/>".encode(charset)
    gated = rewritten(page)
    assert b"data-privacy-src=//ads.example/" in gated
    assert restored(gated) == page


def test_a_tag_without_end_becomes_a_comment() -> None:
    """Beyond what may be held back the attributes cannot be known: the tag must not be one."""
    rewriter = Rewriter(JUDGE)
    page = (
        b"<p>x</p><img alt='" + b"x" * (MAX_CARRY_BYTES + 2000) + b"' src=//ads.example/><b>y</b>"
    )
    gated = b"".join(rewriter.feed(page[at : at + 1000]) for at in range(0, len(page), 1000))
    gated += rewriter.close()
    assert gated == page.replace(b"<img", b"<!img")
    assert rewriter.overlong == 1


def test_little_is_held_back() -> None:
    """Only what is undecided waits; the rest goes on at once."""
    rewriter = Rewriter(JUDGE)
    assert rewriter.feed(b"<p>one<im") == b"<p>one"
    assert rewriter.feed(b"g alt=1><p>two<script>a=") == b"<img alt=1><p>two"
    assert rewriter.feed(b"1</script><!-- x") == b"<script>a=1</script><!--"


HELD = [
    (
        '<iframe src=//films.example/ width=560 height="315" title="&quot;A&quot;"></iframe>',
        ("560", "315", '"A"'),
    ),
    ("<embed src=//films.example/>", ("", "", "")),
    ("<object data=//films.example/></object>", ("", "", "")),
]


def held(page: str) -> tuple[bytes, list[Held]]:
    seen: list[Held] = []

    def hold(frame: Held) -> bytes:
        seen.append(frame)
        return b"[hold]"

    return Rewriter(JUDGE, hold).close(page.encode()), seen


@pytest.mark.parametrize(("page", "said"), HELD)
def test_a_frame_gets_a_placeholder_right_before_it(page: str, said: tuple[str, str, str]) -> None:
    """With what its drawer needs to know."""
    gated, seen = held(page)
    assert gated.startswith(b"[hold]<")
    (frame,) = seen
    assert (frame.width, frame.height, frame.title) == said
    assert frame.services == ("films",)
    assert not frame.is_in_form


@pytest.mark.parametrize(
    "page",
    [
        "<iframe src=//ads.example/ height=0 width=0></iframe>",
        "<iframe src=//ads.example/ style='display:none;visibility:hidden'></iframe>",
        "<iframe hidden src=//ads.example/></iframe>",
        "<img src=//ads.example/>",
        "<iframe src=//ok.example/></iframe>",
        "<head><noscript><iframe src=//ads.example/></iframe></noscript>",
    ],
)
def test_what_nobody_would_see_gets_none(page: str) -> None:
    """Vendors' counting frames are hidden; in the head a placeholder would begin the body."""
    assert held(page)[1] == []


def test_a_placeholder_knows_the_form_around_it() -> None:
    """A form within a form is none."""
    _, seen = held("<form><embed src=//ads.example/></form><embed src=//ads.example/>")
    assert [frame.is_in_form for frame in seen] == [True, False]


# A tag of the usual shape, or of nearly that, around or before an image that is denied.
USUAL = {
    "values in all quotes": "<p a=\"b\" c='d' e=f g>IMG",
    "many values": '<p a=1 b="2" c=3 d=4 e=5 f=6 g=7 h=8>IMG',
    "a quote in a name": '<p a" b=">IMG">',
    "a quote in a name, closed": '<p a" b="c" d>IMG">',
    "an equals sign first": '<p =" b=">IMG">',
    "an equals sign first, with a value": '<p ="x" b=">IMG">',
    "an equals sign after a slash": '<p x/=" b=">IMG">',
    "two equals signs": '<p a=="b" c=">IMG">',
    "a quote in an unquoted value": '<p a=b"c="d>IMG">',
    "a value before a slash": "<p a=b/>IMG",
    "a tag in a value": '<p a="<b>IMG">',
    "a drawing": '<svg width="1"><path d="M1 2"/><g></g></svg>IMG',
    "a drawing that closes itself": "<svg/><path></path></svg>IMG",
    "a drawing that is left": "<svg><g></svg><title>IMG</title>",
    "a drawing in a drawing": "<svg><svg></svg><title>IMG</title></svg>",
    "a form": '<form action="/x"><p></form>IMG',
}


@pytest.mark.parametrize("page", USUAL.values(), ids=USUAL)
def test_what_is_passed_unseen_ends_where_a_browser_ends_it(page: str) -> None:
    """Tags of the usual shape are passed by a shorter expression: what follows is read the same."""
    page = page.replace("IMG", "<img src=//ads.example/>")
    assert (b"data-privacy-src" in rewritten(page)) == bool(denied(page, by_lexbor))
    assert denied(rewritten(page).decode(), by_lexbor) == []


@pytest.mark.parametrize("before", ["<form>", "<form x='<'>", "<FORM>", "</form><form id=x>"])
@pytest.mark.parametrize("after", ["", "<p>", "<!-- </form> -->", "<script></form></script>"])
def test_a_form_is_remembered_over_what_is_passed(before: str, after: str) -> None:
    """Also over a cut; what only looks like its end in text is none."""
    seen: list[Held] = []
    rewriter = Rewriter(JUDGE, lambda frame: (seen.append(frame), b"")[1])
    rewriter.feed((before + after).encode())
    rewriter.close(b"<embed src=//ads.example/></form><embed src=//ads.example/>")
    assert [frame.is_in_form for frame in seen] == [True, False]


@pytest.mark.parametrize(
    ("page", "may"),
    [
        ('<svg width="1"><path d="M1"/></svg><script>a<b</script>', False),
        ("<svg/><path></svg><script>a<b</script>", False),
        ("<script>a<b</script><svg></svg>", False),
        ("<svg><script>a<b</script></svg>", True),
        ("<svg><desc></svg><script>a<b</script>", True),
        ("<svg></svg><SVG><script>a<b</script>", True),
        ("<svg><svg></svg><script>a<b</script></svg>", True),
        ("<svg><path a='></svg>'><script>a<b</script>", True),
    ],
)
def test_a_drawing_that_has_ended_holds_no_script(page: str, may: bool) -> None:
    """Else every page with an icon and a program would be walked tag by tag."""
    drawing = places(page.encode(), JUDGE.hosts, ())[2]
    assert may_be_marked(page.encode(), drawing) is may
