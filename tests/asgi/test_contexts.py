"""Where a visitor is asked: the table of docs/contexts.md, as a server sees it."""

from __future__ import annotations

import gzip
import re

import pytest
from starlette.testclient import TestClient

from tests.asgi import test_first_layer
from tests.asgi.test_first_layer import PAGE, gated, with_site

CONTEXTS = [
    # headers, whether the first layer stands in the page, whether it waits for script
    ("top level", {"sec-fetch-dest": "document", "sec-fetch-site": "none"}, True, False),
    ("pop-up without opener", {"sec-fetch-dest": "document", "sec-fetch-site": "cross-site"}, True, False),
    ("same-site frame", {"sec-fetch-dest": "iframe", "sec-fetch-site": "same-origin"}, False, False),
    ("cross-site frame", {"sec-fetch-dest": "iframe", "sec-fetch-site": "cross-site"}, False, False),
    ("embedded object", {"sec-fetch-dest": "object", "sec-fetch-site": "same-site"}, False, False),
    ("frame of our own frameset", {"sec-fetch-dest": "frame", "sec-fetch-site": "same-origin"}, True, False),
    ("frame of another's frameset", {"sec-fetch-dest": "frame", "sec-fetch-site": "cross-site"}, False, False),
    ("fetched ahead", {"sec-purpose": "prefetch"}, True, True),
    ("prerendered", {"sec-purpose": "prefetch;prerender"}, True, True),
    ("old browser or webview", {}, True, False),
    ("crawler", {"user-agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}, False, False),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "asks", "waits"), [row[1:] for row in CONTEXTS], ids=[row[0] for row in CONTEXTS])  # fmt: skip
@pytest.mark.requirement("COL-17")
def test_a_visitor_is_asked_where_an_answer_can_be_kept(
    headers: dict[str, str], asks: bool, waits: bool
) -> None:
    """Once for a page and its frames; a page that is fetched ahead asks when it is opened."""
    text = gated().get("/", headers=headers).text
    note = re.search(r"<section[^>]* data-privacy-note=[^>]*>", text)
    assert (note is not None) is asks
    assert (note is not None and " hidden" in note[0]) is waits
    assert ("data-privacy-state" in text) is not waits
    assert "data-privacy-back" in text or not waits


def asset(browser: TestClient) -> str:
    """The address of the script."""
    found = re.search(r'src="(/privacy-choices/assets/[^"]+)"', browser.get("/").text)
    assert found is not None
    return found[1]


CODINGS = [
    ("gzip, deflate, br", True),
    ("br;q=1, gzip;q=0.5", True),
    ("*", True),
    ("gzip;q=0", False),
    ("identity", False),
    ("", False),
    ("xgzip", False),
]


@pytest.mark.parametrize(("accepted", "is_small"), CODINGS)
@pytest.mark.requirement("COL-25")
def test_assets_leave_compressed(accepted: str, is_small: bool) -> None:
    """In gzip to whom it may be sent, and caches keep the two apart."""
    browser = gated()
    path = asset(browser)
    whole = browser.get(path, headers={"accept-encoding": "identity"})
    with browser.stream("GET", path, headers={"accept-encoding": accepted}) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers["vary"] == "Accept-Encoding"
    assert (answer.headers.get("content-encoding") == "gzip") is is_small
    assert (gzip.decompress(raw) if is_small else raw) == whole.content


BASES = [
    ((), '<form method="post" action="/privacy-choices">'),  # an unknown host's base is held
    (("cdn.example",), '<form method="post" action="//testserver/privacy-choices">'),
]


@pytest.mark.parametrize(("own", "form"), BASES, ids=["unknown host", "host of the site's own"])
def test_addresses_of_ours_stay_on_this_site(
    monkeypatch: pytest.MonkeyPatch, own: tuple[str, ...], form: str
) -> None:
    """Where a page's ``<base>`` leads elsewhere, every address of ours names this host."""
    based = PAGE.replace("<title>", '<base href="https://cdn.example/"><title>')
    monkeypatch.setattr(test_first_layer, "PAGE", based)
    text = gated(policy=with_site(same_party=own)).get("/").text
    assert form in text
    assert (re.search(r'<body>.*(?:href|action)="/privacy', text, re.S) is None) is bool(own)
