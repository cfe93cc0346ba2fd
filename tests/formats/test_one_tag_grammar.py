"""Every reader of a tag reads it alike: where it ends, and what its attributes say.

The judge is html5lib's tokenizer, which follows WHATWG HTML 13.2.5.
"""

from __future__ import annotations

import html5lib
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consentgate.formats.html.head import Openings, language_in
from consentgate.formats.html.tags import TAG, attributes_of

HEAD, OPENING = b"<meta name=ours>", b"<b id=ours></b>"
PIECES = st.sampled_from(
    [b"=", b'"', b"'", b" ", b"/", b"a", b"lang", b"LANG", b"nb", b"de-CH", b"x>y", b'">"', b"\n"]
)
ATTRIBUTES = st.lists(PIECES, max_size=9).map(b"".join)
FOUND = [b' ==">"', b' data-x=">" lang="nb"', b" lang=nb lang=de", b' =lang="nb"', b" lang = 'nb'"]


def page_of(attributes: bytes) -> bytes:
    """A page whose ``<html>`` has these attributes."""
    return b"<!doctype html><html" + attributes + b"><head></head><body><p>x</p></body></html>"


def read(page: bytes) -> tuple[dict[str, str], set[str]]:
    """What a browser reads: the attributes of ``<html>``, and which of our marks it finds."""
    root = html5lib.parse(page.decode("latin-1"), namespaceHTMLElements=False)
    marks = {one.tag for one in root.iter() if "ours" in (one.get("name"), one.get("id"))}
    return dict(root.attrib), marks


def with_examples(test):  # type: ignore[no-untyped-def]  # a decorator of decorators
    for attributes in FOUND:
        test = example(attributes)(test)
    return test


@with_examples
@given(ATTRIBUTES)
def test_our_markup_never_gets_into_a_tag(attributes: bytes) -> None:
    """Whatever stands in ``<html>``, head markup and first layer come out as elements."""
    page = page_of(attributes)
    openings = Openings(HEAD, OPENING)
    out = openings.feed(page) + openings.close()
    before, marks = read(page)[0], read(out)[1]
    assert marks == {"meta", "b"}
    assert read(out)[0] == before


@with_examples
@given(ATTRIBUTES)
def test_a_page_has_one_language(attributes: bytes) -> None:
    """First layer and placeholders follow the same ``lang``: the first one, as browsers do."""
    page = page_of(attributes)
    openings = Openings(HEAD, OPENING)
    openings.feed(page)
    stated = read(page)[0].get("lang", "").strip(" \t\n\f\r").encode("latin-1", "replace")
    said = stated if stated in (b"nb", b"de-CH") else b""
    assert openings.language in (said, stated)
    assert language_in(page) == openings.language


@given(ATTRIBUTES)
def test_a_tag_ends_and_says_what_browsers_read(attributes: bytes) -> None:
    """The grammar itself: end and attributes of any tag."""
    tag = b"<i" + attributes + b">"
    found = TAG.match(tag + b"<u>")
    root = html5lib.parseFragment((tag + b"<u>").decode("latin-1"), namespaceHTMLElements=False)
    first = next(iter(root), None)
    if first is None or found is None or found[2].lower() != b"i":
        return
    read_here = {}
    for one in attributes_of(found[0], len(b"<i"), len(found[0]) - 1):
        read_here.setdefault(one.name.decode("latin-1"), one.value.decode("latin-1"))
    assert read_here == dict(first.attrib)


@pytest.mark.parametrize(
    ("tag", "language"),
    [(b'<html data-x=">" lang="nb">', b"nb"), (b"<!-- <html lang=de> --><html lang=nb>", b"nb")],
)
def test_a_bracket_in_a_value_ends_nothing(tag: bytes, language: bytes) -> None:
    """What stands in quotation marks is a value."""
    assert language_in(b"<!doctype html>" + tag) == language
