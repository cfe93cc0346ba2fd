"""Addresses that say who a visitor is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate.formats.urls.personal import tells_who

HASH = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"
NAMING = [
    "https://ads.example/p?em=a@b.example",
    "https://ads.example/p?x=a%40b.example",
    "https://ads.example/p?x=a%2540b.example",
    "//ads.example/u/jo.doe+x@mail.example/p.gif",
    "https://ads.example/p#email=jo@mail.example",
    f"https://ads.example/p?em={HASH}",
    f"https://ads.example/p?id=1&ud[em]={HASH}",
    f"https://ads.example/p?ud%5Bem%5D={HASH}",
    "https://ads.example/p?user.email=x",
    "https://ads.example/p?PHONE=%2B15551234567",
    "https://ads.example/p;tel=5551234567",
    "https://ads.example/p?user_id=42",
    "https://ads.example/p?u=https%3A%2F%2Fshop.example%2F%3Femail%3Djo%40mail.example",
]
SILENT = [
    "https://ads.example/p?id=GTM-1&cb=123",
    "https://jo@ads.example/p",
    "https://cdn.example/npm/@scope/name@1.2/x.js",
    "https://cdn.example/vue@3.4.min.js",
    "https://ads.example/p?em=",
    "https://ads.example/p?item=5&system=1&mailing=x",
    "https://fonts.example/css2?family=Roboto:wght@400;700&display=swap",
    "https://ads.example/p?lang=en&tel=",
    "",
    "?",
]


@pytest.mark.requirement("TPD-04")
@pytest.mark.parametrize("url", NAMING)
def test_it_names_somebody(url: str) -> None:
    """By an e-mail address, plain, encoded or hashed, or by a field that people are named in."""
    assert tells_who(url)


@pytest.mark.requirement("TPD-04")
@pytest.mark.parametrize("url", SILENT)
def test_it_names_nobody(url: str) -> None:
    """Versions, fonts, credentials of the host itself, empty fields."""
    assert not tells_who(url)


@given(st.text(max_size=200))
def test_nothing_raises(text: str) -> None:
    """Any text at all, also as a query."""
    tells_who(text)
    tells_who("https://h.example/?" + text)
