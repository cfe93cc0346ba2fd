"""Pages that browsers read in two ways, with and without scripting, and what crosses in drawings."""

from __future__ import annotations

import pytest

from consentgate.formats.html.rewriter import Rewriter
from tests.formats.judges import silent
from tests.formats.live import by_html5lib, by_html5lib_scripting, by_lexbor, denied

JUDGE = silent()
IMAGE = "<img src='//ads.example/x'>"
HIDDEN = f"<style><!--</style>{IMAGE}-->"
"""Live where ``style`` is text, in a comment where it is markup."""
NOSCRIPTS = {
    "an attribute": f'<p title="</noscript>{IMAGE}">',
    "an end tag": f'</p title="</NOSCRIPT/>{IMAGE}">',
    "a tag that never ends": f'<p title="</noscript>{IMAGE}',
    "a comment": f"<!-- </noscript >{IMAGE} -->",
    "an empty comment": f"<!--</noscript>{IMAGE}",
    "a processing instruction": f"<?x </noscript y>{IMAGE}",
    "a style sheet": f"<style>p{{</noscript>{IMAGE}}}</style>",
    "a script": f"<script></noscript>{IMAGE}</script>",
    "a script in a comment": f"<script><!--<script></noscript>{IMAGE}-->",
    "a title": f"<title></noscript>{IMAGE}</title>",
    "a frame": f"<iframe></noscript>{IMAGE}</iframe>",
    "plain text": f"<plaintext></noscript>{IMAGE}",
    "plain text far behind": f"</noscript>{IMAGE}<noscript>{'x' * 40}<plaintext>",
    "a drawing": f"<svg></noscript>{HIDDEN}",
    "HTML in a drawing": f"<svg><desc><b></noscript>{HIDDEN}",
    "a drawing's data": f"<svg><![CDATA[</noscript>{IMAGE}]]>",
    "a list": f"<select></noscript>{HIDDEN}",
}
CROSSED = [
    *(f"<{name}><svg></{name}>{HIDDEN}" for name in ("a", "q", "my-el", "dialog", "picture")),
    *(f"<{name}><math><mrow></{name}>{HIDDEN}" for name in ("a", "fb:like", "summary")),
    f"<math><mi><mglyph><style>{IMAGE}</style>",
    f"<math><mtext><malignmark><style>{IMAGE}</style>",
    f"<math><annotation-xml><svg><foreignObject>{HIDDEN}",
    f"<math><annotation-xml><svg><desc><title><!--</title>{IMAGE}-->",
]


def gated(page: str) -> str:
    """The page in one piece, checked to be the same in pieces."""
    data = page.encode()
    whole = Rewriter(JUDGE).close(data)
    for size in (1, 5, 16):
        rewriter = Rewriter(JUDGE)
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        assert b"".join(map(rewriter.feed, pieces)) + rewriter.close() == whole
    return whole.decode()


@pytest.mark.requirement("STO-01", "STO-07")
@pytest.mark.parametrize("content", NOSCRIPTS.values(), ids=NOSCRIPTS)
def test_what_hides_the_end_of_a_noscript_hides_nothing_denied(content: str) -> None:
    """A browser with scripting ends it there all the same, and what follows is live."""
    page = f"<noscript>{content}"
    assert denied(page, by_html5lib_scripting)
    for parse in (by_html5lib, by_html5lib_scripting, by_lexbor):
        assert denied(gated(page), parse) == []


@pytest.mark.requirement("STO-01")
@pytest.mark.parametrize("page", CROSSED)
def test_what_ends_a_drawing_unseen_hides_nothing_denied(page: str) -> None:
    """An end tag from around it, or an element of MathML's that is HTML's elsewhere."""
    assert denied(page, by_lexbor)
    for parse in (by_html5lib, by_lexbor):
        assert denied(gated(page), parse) == []


def test_an_ordinary_noscript_stays_as_it_is() -> None:
    """Images, styles, comments and drawings that end in it; drawings with links and metadata."""
    page = (
        "<noscript><!-- a > b --><style>p{}</style><p title='a>b'>x<img src=/a></noscript>"
        "<svg><a href=#x><g><sodipodi:view><rdf:x/></sodipodi:view></g></a></desc></svg>"
        "<svg><foreignObject><noscript><b>x</b></noscript></foreignObject></svg><style>a>b{}</style>"
        "<style><b></style>"
    )
    assert gated(page + IMAGE).startswith(page + "<img data-privacy-service")


@pytest.mark.parametrize(
    "unit", ["<!---->", "<!--x", "<p x='", "<style>", "</noscript x='", "</noscrip"]
)
def test_a_noscript_that_never_ends_is_read_once(unit: str) -> None:
    """Whatever is in it, and however much: nothing is lost, whole or cut."""
    page = b"<noscript>" + unit.encode() * 2_000 + IMAGE.encode()
    rewriter = Rewriter(JUDGE)
    out = b"".join(rewriter.feed(page[at : at + 999]) for at in range(0, len(page), 999))
    assert len(out + rewriter.close()) >= len(page)


@pytest.mark.parametrize(
    "page",
    [
        f'<noscript><p title="</noscr>{IMAGE}</noscript><object/>',
        f'<noscript><img src="//adample/></noscript<><head><noscript>{IMAGE}</noscript>',
        f'<noscript><p title="</noscri>{IMAGE}</noscript><p>',
    ],
)
def test_a_tag_that_is_ended_frees_nothing_denied(page: str) -> None:
    """What stands behind a ``>`` in it becomes markup, and is read as such; once is enough."""
    out = gated(page)
    for read in (by_html5lib, by_html5lib_scripting, by_lexbor):
        assert not denied(out, read)
    assert gated(out) == out
