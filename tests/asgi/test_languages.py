"""Languages: which one a visitor reads, and that every one of them is whole."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from consentgate import ConsentGate
from consentgate.asgi.pages.languages import Facts, direction, negotiate
from consentgate.asgi.startup.policy_file import load_catalogue
from consentgate.asgi.startup.texts import load_texts
from consentgate.domain.policy.policy import LedgerSettings
from consentgate.domain.policy.purposes import Wording
from tests.policies import SHOP

TEXTS = load_texts()
AVAILABLE = ("en", "de", "fr", "nb", "he", "pt", "ro", "zh-Hans", "zh-Hant", "fa", "ar", "sr-Latn")
HEADERS = [
    # plain, and what a browser sends
    ("de", "de"),
    ("de-AT,de;q=0.9,en;q=0.8", "de"),
    ("DE-at", "de"),
    ("en;q=0.8, fr", "fr"),
    ("fr;q=0.5,de;q=0.5", "fr"),
    ("cy,gd;q=0.9,de;q=0.1", "de"),
    # lookup leaves parts out from the end (RFC 4647 3.4)
    ("pt-BR", "pt"),
    ("de-Latn-DE-1996-x-private", "de"),
    ("de-x-private", "de"),
    ("sr-Latn-RS", "sr-Latn"),
    ("sr", "en"),
    ("sr-Cyrl, fr;q=0.2", "fr"),
    # Chinese by script, else by place
    ("zh", "zh-Hans"),
    ("zh-CN", "zh-Hans"),
    ("zh-SG", "zh-Hans"),
    ("zh-TW", "zh-Hant"),
    ("zh-HK,zh;q=0.9", "zh-Hant"),
    ("zh-MO", "zh-Hant"),
    ("zh-Hant-HK", "zh-Hant"),
    ("zh-Hans-TW", "zh-Hans"),
    ("yue-HK", "zh-Hant"),
    ("cmn-Hans-CN", "zh-Hans"),
    # retired and broader codes
    ("no", "nb"),
    ("nn-NO", "nb"),
    ("no-NO", "nb"),
    ("iw-IL", "he"),
    ("mo", "ro"),
    ("prs", "fa"),
    # weights
    ("de;q=0, fr", "fr"),
    ("de;q=0.000", "en"),
    ("de;q=1.000, fr", "de"),
    ("de ; q=0.3 , fr ; q=0.7", "fr"),
    ("de;q=.2,fr;q=.9", "fr"),
    ("*", "en"),
    ("*, de;q=0.5", "en"),
    ("cy, *;q=0.5, de;q=0.1", "en"),
    ("cy, de;q=0.5, *;q=0.1", "de"),
    # malformed: that part does not count
    ("", "en"),
    (" , ,;,", "en"),
    ("de;q=x, fr;q=0.1", "fr"),
    ("de;q=2, fr;q=0.1", "fr"),
    ("de;q=-1, fr;q=0.1", "fr"),
    ("de;q=nan, fr;q=0.1", "fr"),
    ("de;q=1e-1, fr;q=0.01", "fr"),
    ("de;level=1, fr;q=0.1", "fr"),
    ("de;q=\u0661, fr;q=0.1", "fr"),
    ("../../etc, fr", "fr"),
    ("de\x00, fr", "fr"),
    ("d" * 70_000, "en"),
    ("cy," * 22_000 + "de", "en"),
    (", " * 32_000 + "de", "en"),
]


@pytest.mark.parametrize(("header", "expected"), HEADERS, ids=[pair[0][:24] for pair in HEADERS])
def test_the_header_is_looked_up_part_by_part(header: str, expected: str) -> None:
    """The best-weighted language that there are texts in, else the default."""
    assert negotiate(header, "", AVAILABLE, "en") == expected


PAGES = [
    ("fr", "de", "fr"),
    ("FR-ca", "de", "fr"),
    ("zh_TW", "de", "zh-Hant"),
    ("nb-NO", "de", "nb"),
    ("cy", "de", "de"),
    ("", "de", "de"),
    ("-", "de", "de"),
    ("x", "cy", "pt"),
]


@pytest.mark.parametrize(("page", "header", "expected"), PAGES)
@pytest.mark.requirement("COL-14")
def test_the_pages_language_goes_before_the_header(page: str, header: str, expected: str) -> None:
    """Where the page says its language; the header decides where there are no texts in it."""
    assert negotiate(header, page, AVAILABLE, "pt-BR") == expected


def test_a_default_without_texts_is_english() -> None:
    """So that there are always texts."""
    assert negotiate("cy", "", AVAILABLE, "cy") == "en"


@given(st.text(max_size=200), st.text(max_size=40))
def test_nothing_that_is_sent_raises(header: str, page: str) -> None:
    """Whatever it is, the answer is a language that there are texts in."""
    assert negotiate(header, page, AVAILABLE, "en") in AVAILABLE


DIRECTIONS = {
    "ar": "rtl",
    "he": "rtl",
    "fa": "rtl",
    "ur-PK": "rtl",
    "yi": "rtl",
    "az-Arab": "rtl",
    "pa-Arab-PK": "rtl",
    "ar-Latn": "ltr",
    "en": "ltr",
    "zh-Hant": "ltr",
    "hi": "ltr",
    "az": "ltr",
}


@pytest.mark.parametrize(("tag", "expected"), DIRECTIONS.items())
def test_the_direction_follows_script_then_language(tag: str, expected: str) -> None:
    """Right to left where the script runs so."""
    assert direction(tag) == expected


class Section(HTMLParser):
    """The attributes of our markup in a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, str | None] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if "lang" in names and any(name.startswith("data-privacy") for name in names):
            self.found = self.found or dict(attrs)


async def _page(request: Request) -> HTMLResponse:
    lang = request.path_params["lang"]
    return HTMLResponse(f"<!doctype html><html {lang}><head><title>x</title></head><body>hello")


SITE = ConsentGate(
    Starlette(routes=[Route("/{lang}", _page)]),
    policy=replace(SHOP, ledger=LedgerSettings(url="memory:")),
    development=True,
)


@pytest.mark.parametrize(
    ("path", "header", "expected"),
    [
        ("/lang=de", "en", "de"),
        ("/lang='de-CH'", "en", "de"),
        ("/class=x", "de", "de"),
        ("/lang=tlh", "de", "de"),
        ("/lang=tlh", "tlh", "en"),
    ],
)
@pytest.mark.requirement("COL-14", "A11-10")
def test_the_first_layer_speaks_the_pages_language(path: str, header: str, expected: str) -> None:
    """With its ``lang`` and ``dir``, where the page says what it is written in."""
    answer = TestClient(SITE).get(path, headers={"accept-language": header})
    found = Section(answer.text).found
    assert (found["lang"], found["dir"]) == (expected, "ltr")
    assert TEXTS[expected]["heading"] in answer.text


def test_every_shipped_phrase_of_what_a_service_learns_is_translated() -> None:
    """The catalogue's phrases are those of the texts, so that none stays English elsewhere."""
    facts = Facts(TEXTS["en"])
    marked = {key: f"<{key}>" for key in TEXTS["en"]} | {"learns_account": "<account {name}>"}
    for key, service in load_catalogue().items():
        for phrase in service.get("learns", ()):
            assert facts.say(phrase, marked).startswith("<"), (key, phrase)
    assert facts.say("your Google account, if you are signed in", marked) == "<account Google>"
    assert facts.say("the colour of your shoes", marked) == "the colour of your shoes"


def test_the_choices_page_keeps_the_language_of_the_page_it_was_opened_from() -> None:
    """``?lang=`` decides, and saving leads back to the same language."""
    client = TestClient(SITE)
    answer = client.get("/privacy-choices?lang=de", headers={"accept-language": "en"})
    assert answer.headers["content-language"] == "de"
    assert '<html lang="de" dir="ltr">' in answer.text
    assert 'name="next" value="/privacy-choices?lang=de"' in answer.text


@pytest.mark.parametrize("query", ["lang=", "lang", "lang=%00%ff", "a=1&" * 5_000, "lang=%D9%A1"])
def test_a_strange_language_in_the_address_is_left_aside(query: str) -> None:
    """The header decides then; nothing raises."""
    answer = TestClient(SITE).get(f"/privacy-choices?{query}", headers={"accept-language": "de"})
    assert answer.headers["content-language"] == "de"


def own_words(**changes: object) -> TestClient:
    """The shop with words of its own."""
    policy = replace(SHOP, ledger=LedgerSettings(url="memory:"), **changes)  # type: ignore[arg-type]
    app = Starlette(routes=[Route("/{lang}", _page)])
    return TestClient(ConsentGate(app, policy=policy, development=True))


def test_a_site_has_words_and_a_language_of_its_own() -> None:
    """Its own where it says any, shipped ones elsewhere, English in a language that ships not."""
    client = own_words(texts={"de": {"reject": "Nein danke"}, "cy": {"reject": "Gwrthod popeth"}})
    german, welsh = client.get("/lang=de").text, client.get("/lang=cy").text
    assert "Nein danke" in german
    assert TEXTS["de"]["accept"] in german
    assert 'lang="cy"' in welsh
    assert "Gwrthod popeth" in welsh
    assert TEXTS["en"]["accept"] in welsh


def test_a_purpose_and_a_service_are_described_in_the_words_of_the_site() -> None:
    """What it leaves out is as shipped."""
    purposes = tuple(
        replace(one, wording=Wording("", "To count which teapots are looked at"))
        if one.key == "statistics"
        else one
        for one in SHOP.purposes
    )
    services = tuple(
        replace(
            one,
            description="Shows where we are",
            translations={"de": Wording("Karten", "Zeigt, wo wir sind")},
        )
        if one.key == "maps"
        else one
        for one in SHOP.services
    )
    client = own_words(purposes=purposes, services=services)
    english = client.get("/privacy-choices?lang=en").text
    german = client.get("/privacy-choices?lang=de").text
    assert TEXTS["en"]["purpose_statistics"] in english
    assert "To count which teapots are looked at" in english
    assert "Shows where we are" in english
    assert "Zeigt, wo wir sind" in german
    assert TEXTS["de"]["purpose_statistics"] in german
