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
from consentgate.asgi.startup.texts import load_texts
from consentgate.domain.policy.policy import LedgerSettings, LogSettings
from tests.policies import SHOP

STATIC = Path(__file__).resolve().parent.parent / "static"
TEXTS = load_texts()
ENGLISH = TEXTS["en"]

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
    missing = set(ENGLISH) - set(texts)
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


PRESSING = re.compile(
    # urgency
    r"\b(hurry|now or never|last chance|don.t miss|only today|act now|jetzt oder nie|letzte chance|"
    r"nur heute|beeil\w*|dernière chance|dépêche\w*|última oportunidad|solo hoy|ultima occasione|"
    r"laatste kans|ostatnia szansa|sista chansen|последний шанс|"
    # guilt, flattery, loss
    r"sorry|sadly|unfortunately|we.d love|please accept|help us|miss out|best experience|"
    r"leider|schade|bitte akzeptier\w*|helfen sie uns|verpass\w*|"
    r"malheureusement|dommage|aidez-nous|lamentablemente|por desgracia|ayúdenos|"
    r"purtroppo|peccato|aiutaci|helaas|jammer|niestety|szkoda|tyvärr|desværre|dessverre|"
    r"valitettavasti|infelizmente|din păcate|bohužel|sajnos|к сожалению|на жаль|"
    # double negatives
    r"(don.t|do not|never|not) (refuse|reject|decline|object|opt out|disagree)|"
    r"nicht (ablehnen|widersprechen)\b(?! )|ne pas refuser|no rechazar|non rifiutare)\b",
    re.IGNORECASE,
)
"""Words that press: they make one answer feel wrong."""
SAID_OF_FACT = {"third_parties_follow"}
"""Texts that must name what happens without a refusal (CalOPPA)."""


@pytest.mark.parametrize("language", sorted(TEXTS))
@pytest.mark.requirement("COL-21")
def test_a_text_does_not_press(language: str) -> None:
    """No guilt, urgency or double negative, nothing shouted."""
    wrong = [
        key
        for key, text in TEXTS[language].items()
        if key not in SAID_OF_FACT
        and (PRESSING.search(text) or re.search(r"[!¡！‼]|[\U0001f300-\U0001faff]", text))
    ]
    assert wrong == []


@pytest.mark.parametrize("language", sorted(TEXTS))
@pytest.mark.requirement("COL-21", "COL-03")
def test_yes_and_no_are_said_alike(language: str) -> None:
    """As many words but one, and about as long."""
    yes, no = TEXTS[language]["accept"], TEXTS[language]["reject"]
    assert abs(len(yes.split()) - len(no.split())) <= 1
    assert max(len(yes), len(no)) <= 1.6 * min(len(yes), len(no))


@pytest.mark.parametrize(
    "text", ["Please accept", "Sorry to see you go", "Do not refuse", "Nur heute", "Dommage ..."]
)
@pytest.mark.requirement("COL-21")
def test_a_text_that_presses_is_seen(text: str) -> None:
    """The list finds what it is for."""
    assert PRESSING.search(text)


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
        return HTMLResponse(
            "<!doctype html><title>x</title><body><iframe src=//ads.example/a></iframe></body>"
        )

    policy = replace(SHOP, ledger=LedgerSettings(url="memory:"), log=LogSettings(directory=""))
    gate = ConsentGate(Starlette(routes=[Route("/", page)]), policy=policy, development=True)

    async def visit() -> list[str]:
        names = Names()
        transport = httpx.ASGITransport(gate)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
            first = await client.get("/")
            names.feed(first.text)
            for page in ("", "/disclosure", "/notices"):
                names.feed((await client.get(f"/privacy-choices{page}")).text)
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
    names = [name for name in names if not name.startswith(("http", "//"))]  # elsewhere
    assert {"pc-note", "pc-back", "pc-hold", "pc-page", "/privacy-choices"} <= set(names)
    assert [name for name in names if HIDDEN.search(name)] == []


def test_no_shipped_selector_is_on_a_hiding_list() -> None:
    """The same for the classes and attributes that the style sheet and the script name."""
    style = "".join(path.read_text(encoding="utf-8") for path in STATIC.glob("*.css"))
    script = "".join(path.read_text(encoding="utf-8") for path in STATIC.glob("*.js"))
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
