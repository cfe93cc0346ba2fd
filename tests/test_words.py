"""The words that visitors read, and the names that a browser sees: whole, and not hidden."""

from __future__ import annotations

import asyncio
import re
import string
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from consentgate import ConsentGate
from consentgate.asgi.languages import load_texts
from consentgate.domain.policy import LedgerSettings, LogSettings
from tests.policies import SHOP

STATIC = Path(__file__).resolve().parent.parent / "static"
TEXTS = load_texts()
ENGLISH = TEXTS["en"]

IN_TRANSLATION = {"de"}
"""Languages that may lack keys of English, which then stand in; empty for a release."""

HIDDEN = re.compile(
    r"cookie|gdpr|dsgvo|rgpd|lgpd|ccpa|consent|tracking|tracker|analytics|cmp|onetrust|"
    r"banner|adblock|^ads?$|(^|[-_])ads?[-_]|optout|opt-out|privacy-?(notice|bar|popup|overlay|policy)",
    re.IGNORECASE,
)
"""What generic ad-block and annoyance lists hide: a served name that matches would vanish."""


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_a_language_is_complete(language: str) -> None:
    """Every key of English, none besides, and none empty."""
    texts = TEXTS[language]
    unknown = set(texts) - set(ENGLISH)
    missing = set() if language in IN_TRANSLATION else set(ENGLISH) - set(texts)
    assert (unknown, missing) == (set(), set()), f"data/texts/{language}.json"
    assert [key for key, text in texts.items() if not text.strip()] == []


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_a_language_fills_in_the_same_facts(language: str) -> None:
    """The same placeholders as English: no fact is lost, and none stands there unfilled."""
    wrong = {
        key: text
        for key, text in TEXTS[language].items()
        if placeholders(text) != placeholders(ENGLISH[key])
    }
    assert wrong == {}


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_a_text_is_plain(language: str) -> None:
    """No markup, no control characters: texts are escaped where they are shown."""
    wrong = [
        key
        for key, text in TEXTS[language].items()
        if re.search(r"[<>\x00-\x1f\x7f]|&[a-z]+;", text)
    ]
    assert wrong == []


class Names(HTMLParser):
    """Collects what a list could match: classes, ids, names of attributes and addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            self.found.add(name)
            if name in ("class", "id"):
                self.found.update((value or "").split())
            elif name in ("href", "src", "action"):
                self.found.add(value or "")


def served() -> list[str]:
    """Names on a page with the first layer, after a choice, and on the preferences page."""

    async def page(request: Request) -> HTMLResponse:
        return HTMLResponse("<!doctype html><title>x</title><body>x</body>")

    policy = replace(SHOP, ledger=LedgerSettings(url="memory:"), log=LogSettings(directory=""))
    gate = ConsentGate(Starlette(routes=[Route("/", page)]), policy=policy, development=True)

    async def visit() -> list[str]:
        names = Names()
        transport = httpx.ASGITransport(gate)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
            first = await client.get("/")
            names.feed(first.text)
            names.feed((await client.get("/privacy-choices")).text)
            answer = await client.post(
                "/privacy-choices",
                content="choice=reject",
                headers={
                    "content-type": "application/x-www-form-urlencoded",
                    "sec-fetch-site": "same-origin",
                },
            )
            assert answer.status_code == 303
            names.feed((await client.get("/")).text)
            names.feed((await client.get("/privacy-choices")).text)
        return sorted(names.found)

    return asyncio.run(visit())


def test_no_served_name_is_on_a_hiding_list() -> None:
    """DESIGN: no path, class or id contains words that ad-block lists hide."""
    names = served()
    assert {"pc-note", "pc-back", "pc-page", "/privacy-choices"} <= set(names)
    assert [name for name in names if HIDDEN.search(name)] == []


def test_no_shipped_selector_is_on_a_hiding_list() -> None:
    """The same for the classes and attributes that the style sheet and the script name."""
    style = (STATIC / "banner.css").read_text(encoding="utf-8")
    script = (STATIC / "banner.js").read_text(encoding="utf-8")
    names = set(re.findall(r"[.#]([a-zA-Z][\w-]+)(?=[^{}]*\{)", style))
    names |= set(re.findall(r"\[(data-[\w-]+)", script)) | set(re.findall(r"--([\w-]+):", style))
    assert "pc-note" in names
    assert [name for name in names if HIDDEN.search(name)] == []


@pytest.mark.parametrize(
    "name", ["cookie-banner", "gdpr", "CookieConsent", "ad-box", "privacy-notice", "cmp_root"]
)
def test_a_hidden_name_is_seen(name: str) -> None:
    """The pattern finds what the lists hide."""
    assert HIDDEN.search(name)
