"""Where a page's head and body open, however it is written and wherever it is cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate.formats.html.head import Openings

CASES = [
    # written out
    (
        "<!doctype html><html><head><title>t</title></head><body>x",
        "<!doctype html><html><head>[H]<title>t</title></head><body>[B]x",
    ),
    (
        '<HTML lang="en"><HEAD id=a><META charset=utf-8></HEAD>\n<BODY class="a>b">x',
        '<HTML lang="en"><HEAD id=a>[H]<META charset=utf-8></HEAD>\n<BODY class="a>b">[B]x',
    ),
    # head or body implied
    ("<!doctype html><title>t</title><p>x", "<!doctype html>[H]<title>t</title>[B]<p>x"),
    ("<!doctype html><p>x", "<!doctype html>[H][B]<p>x"),
    ("<!doctype html>text", "<!doctype html>[H][B]text"),
    ("<html><body>x", "<html>[H]<body>[B]x"),
    ("<body>x", "[H]<body>[B]x"),
    ("<html><head></head>text", "<html><head>[H]</head>[B]text"),
    # traps: <body> in comments, scripts, titles, attributes, templates
    ("<!doctype html><!-- <body> --><body>x", "<!doctype html><!-- <body> -->[H]<body>[B]x"),
    (
        "<html><head><script>'<body>'</script></head><body>x",
        "<html><head>[H]<script>'<body>'</script></head><body>[B]x",
    ),
    (
        "<html><head><script><!--<script></script>'<body>'--></script><body>x",
        "<html><head>[H]<script><!--<script></script>'<body>'--></script><body>[B]x",
    ),
    (
        "<html><head><script>a='<!--'</script><body>x",
        "<html><head>[H]<script>a='<!--'</script><body>[B]x",
    ),
    ("<html><head><title><body></title><body>x", "<html><head>[H]<title><body></title><body>[B]x"),
    (
        "<html><head><meta content='<body>'><body>x",
        "<html><head>[H]<meta content='<body>'><body>[B]x",
    ),
    (
        "<html><head><noscript><style></style></noscript><body>x",
        "<html><head>[H]<noscript><style></style></noscript><body>[B]x",
    ),
    # plain tags beside odd ones: what is passed at once ends where a tag does
    (
        '<html><head><meta charset="utf-8"><link rel="a" href="/x"><title>t</title><body>x',
        '<html><head>[H]<meta charset="utf-8"><link rel="a" href="/x"><title>t</title><body>[B]x',
    ),
    (
        '<html><head><meta content="<body>"><meta a="1"b="2"><link href=\'"><body>\'><body>x',
        '<html><head>[H]<meta content="<body>"><meta a="1"b="2"><link href=\'"><body>\'><body>[B]x',
    ),
    (
        '<html><head><script src="a">1<2</script><script async>"<body>"</script ><body>x',
        '<html><head>[H]<script src="a">1<2</script><script async>"<body>"</script ><body>[B]x',
    ),
    ('<html><head><metal a="b"><body>x', '<html><head>[H][B]<metal a="b"><body>x'),
    ("<!doctype html><!-->a", "<!doctype html><!-->[H][B]a"),
    ("<html><headline>x", "<html>[H][B]<headline>x"),
    # before the document
    ("\ufeff<!doctype html><body>x", "\ufeff<!doctype html>[H]<body>[B]x"),
    ("  <!-- c --><!DOCTYPE html><body>x", "  <!-- c --><!DOCTYPE html>[H]<body>[B]x"),
    # not a document: a fragment, text, an empty body
    ("<p>fragment</p>", "<p>fragment</p>"),
    ("<!-- c --><li>x", "<!-- c --><li>x"),
    ("plain", "plain"),
    ("", ""),
    # cut off
    ("<!doctype html><html><head>", "<!doctype html><html><head>[H][B]"),
]


def through(chunks: list[bytes]) -> str:
    openings = Openings(b"[H]", b"[B]")
    return (b"".join(map(openings.feed, chunks)) + openings.close()).decode()


@pytest.mark.parametrize(("page", "expected"), CASES)
def test_markup_goes_where_head_and_body_open(page: str, expected: str) -> None:
    """Whole, byte by byte and cut anywhere: always the same place."""
    raw = page.encode()
    assert through([raw]) == expected
    assert through([raw[at : at + 1] for at in range(len(raw))]) == expected
    for cut in range(len(raw)):
        assert through([raw[:cut], raw[cut:]]) == expected


@given(
    st.lists(
        st.sampled_from(
            [
                "<!doctype html>",
                "<html>",
                "<head>",
                "<!--",
                "-->",
                "<script>",
                "</script>",
                "<body ",
                ">",
                "<title>",
                "</title>",
                "x",
                "<",
                "/",
                "'",
                '"',
                " ",
                "<p>",
            ]
        ),
        max_size=12,
    ),
    st.lists(st.integers(min_value=0, max_value=120), max_size=4),
)
def test_bytes_only_ever_gain_the_markup(parts: list[str], cuts: list[int]) -> None:
    """Cut anywhere, the result is the same, and without the markup it is the page."""
    raw = "".join(parts).encode()
    places = [0, *sorted(cut % (len(raw) + 1) for cut in cuts), len(raw)]
    pieces = [raw[a:b] for a, b in itertools.pairwise(places)]
    whole = through([raw])
    assert through(pieces) == whole
    assert whole.replace("[H]", "").replace("[B]", "").encode() == raw


def test_an_endless_head_is_let_go() -> None:
    """Beyond what may be held back the page passes as it is."""
    openings = Openings(b"[H]", b"[B]")
    page = b"<!doctype html><html><head><script>" + b"x" * 70_000
    assert openings.feed(page) + openings.close() == page


def test_what_follows_passes_by_identity() -> None:
    """Once the body is open nothing is looked at or copied."""
    openings = Openings(b"[H]", b"[B]")
    openings.feed(b"<body>")
    rest = b"<p>x</p>" * 10
    assert openings.feed(rest) is rest


LANGUAGES = [
    ("<!doctype html><html lang=cs><body>", "cs"),
    ("<html class='a' LANG=\"pt-BR\" dir=ltr><body>", "pt-BR"),
    ("<html lang = 'zh_Hant' ><head><body>", "zh_Hant"),
    ("<html lang=de lang=fr><body>", "de"),
    # a second html tag only adds what the first does not have
    ("<html class=x><html lang=el><body>", "el"),
    ("<html lang=el><html lang=bg><body>", "el"),
    # not the page's language
    ("<html><body>", ""),
    ("<html lang><body>", ""),
    ("<html lang=''><body>", ""),
    ("<html data-lang=de xml:lang=de><body>", ""),
    ("<html title='x lang=de'><body>", ""),
    ("<html lang='\"><script>'><body>", ""),
    ("<html lang=äö><body>", ""),
    ("<body lang=de>", ""),
]


@pytest.mark.parametrize(("page", "language"), LANGUAGES)
@pytest.mark.requirement("COL-14")
def test_the_opening_may_depend_on_the_pages_language(page: str, language: str) -> None:
    """The tag of ``<html lang>``, byte by byte as well."""
    raw = page.encode() + b"x"
    for pieces in ([raw], [raw[at : at + 1] for at in range(len(raw))]):
        openings = Openings(b"", lambda tag, _: b"(" + tag + b")")
        out = b"".join(map(openings.feed, pieces)) + openings.close()
        assert out == page.encode() + b"(" + language.encode() + b")x"
        assert openings.language == language.encode()


BASES = [
    ("<base href='https://cdn.example/'>", True),
    ("<base target=_top href=//cdn.example>", True),
    ("<base href=' \\\\cdn.example'>", True),
    ("<base href='/app/'>", False),
    ("<base href='app/'>", False),
    ("<base target=_top>", False),
    ("<base href=/app/><base href=https://cdn.example/>", True),
]


@pytest.mark.parametrize(("base", "is_based"), BASES)
def test_a_base_of_another_host_is_told(base: str, is_based: bool) -> None:
    """Addresses of ours then name this site's host, byte by byte as well."""
    raw = f"<!doctype html><head><title>t</title>{base}</head><body>x".encode()
    for pieces in ([raw], [raw[at : at + 1] for at in range(len(raw))]):
        openings = Openings(b"", lambda _, told: b"(%d)" % told)
        assert b"<body>(%d)x" % is_based in b"".join(map(openings.feed, pieces)) + openings.close()


def test_a_frameset_is_left_whole() -> None:
    """Markup before it would have the browser drop the frames."""
    raw = b"<!doctype html><html><head><title>t</title></head><frameset cols=1,2><frame src=/a></frameset>"
    openings = Openings(b"[H]", b"[B]")
    out = openings.feed(raw) + openings.close()
    assert out == raw.replace(b"<head>", b"<head>[H]")
