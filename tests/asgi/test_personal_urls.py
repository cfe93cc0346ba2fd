"""Addresses in pages that would tell third parties who a visitor is, judged by the page's bytes."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

from consentgate.domain.policy.policy import (
    HostPattern,
    Policy,
    RegimeSettings,
    Role,
    Service,
    SiteSettings,
)
from tests.asgi.raw import chosen, gated, http, page, run
from tests.policies import SHOP

PAY = Service(
    key="pay",
    purposes=("necessary",),
    role=Role.PROCESSOR,
    has_contract=True,
    hosts=(HostPattern(host="pay.example"),),
)
LEAK = "https://ads.example/p.gif?em=jo%40mail.example"
CLEAN = "https://ads.example/p.gif?cb=1"


def policy(setting: str, place: str = "US-CA") -> Policy:
    return replace(
        SHOP,
        services=(*SHOP.services, PAY),
        site=SiteSettings(personal_urls=setting),
        regimes=RegimeSettings(fixed=place),
    )


def served(setting: str, markup: str, **options: Any) -> str:
    gate = gated(page(data=f"<!doctype html><body>{markup}</body>".encode()), policy(setting))
    cookie = chosen(gate, choice="accept")
    return run(gate, http(cookie=cookie, **options)).text


BLOCKED = [
    f'<img src="{LEAK}">',
    f"<script src={LEAK}></script>",
    f'<iframe src="{LEAK.replace("&", "&amp;")}"></iframe>',
    f'<img srcset="{CLEAN} 1x, {LEAK} 2x">',
    f'<link rel=preload as=image href="{LEAK}">',
    f'<div style="background:url({LEAK})">x</div>',
    '<img src="//ads.example/p?email=jo&#64;mail.example">',
]
PASSING = [
    f'<img src="{CLEAN}">',
    f'<a href="{LEAK}">a link that a person follows</a>',
    '<img src="https://pay.example/p.gif?em=jo%40mail.example">',
    '<img src="/own.gif?email=jo@mail.example">',
    "<p>Write to jo@ads.example.</p>",
]


@pytest.mark.requirement("TPD-04")
@pytest.mark.parametrize("markup", BLOCKED)
def test_who_granted_everything_is_still_not_named(
    markup: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With the setting the element loads nothing, and the host is logged, not the address."""
    with caplog.at_level(logging.WARNING, "consentgate"):
        text = served("block", markup)
    assert markup not in text
    assert 'data-privacy-service="unknown"' in text or "data-privacy:unknown:" in text
    told = [record.getMessage() for record in caplog.records if "names the visitor" in record.msg]
    assert len(told) == 1
    assert "ads.example" in told[0]
    assert "jo" not in told[0].replace("or ", "")


@pytest.mark.requirement("TPD-04")
@pytest.mark.parametrize("markup", PASSING)
def test_everything_else_passes(markup: str) -> None:
    """Addresses that name nobody, links, processors under contract, our own, and prose."""
    assert markup in served("block", markup)


@pytest.mark.parametrize("markup", BLOCKED)
def test_without_the_setting_what_is_granted_passes_byte_for_byte(markup: str) -> None:
    """A grant is a grant; the setting is the operator's."""
    assert markup in served("pass", markup)
