"""Inline scripts that load from a denied host, though no signature gives them away."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consentgate.domain.policy.policy import HostPattern, Service
from consentgate.formats.html.rewriter import Rewriter
from tests.asgi.raw import chosen, gated, http, page, run
from tests.formats.judges import silent
from tests.policies import SHOP

pytestmark = [pytest.mark.requirement("STO-01", "STO-02")]

LOADER = "var b=document.createElement('script');b.src={};document.head.append(b)"
HELD = (
    LOADER.format("'https://films.example/insight.min.js'"),
    LOADER.format('"//cdn.ads.example/a.js"'),
    LOADER.format(r"'https:\/\/films.example\/x'"),
    "new Image().src = `https://films.example/p?${Date.now()}`",
    "navigator.sendBeacon('https://films.example/b')",
    "new WebSocket('wss://films.example/live')",
    "import('https://films.example/m.js')",
    "document.write('<script src=\"https://films.example/w.js\"><\\/script>')",
)
PASSING = (
    LOADER.format("`https://films.${domain}/x.js`"),  # which host that is, the program will tell
    "window.settings = {api: 'https://films.example/v1', id: 1}",  # names it, loads nothing
    "button.onclick = () => open('https://films.example/share'); fetch('/own')",  # a person goes
    LOADER.format("'https://ok.example/a.js'"),
    LOADER.format("'https://www.shared.example/other.js'"),  # only /tag/ of it is denied
)


def rewritten(script: str) -> str:
    """The page as a visitor gets it who has not chosen."""
    return Rewriter(silent()).close(f"<script>{script}</script>".encode()).decode()


@pytest.mark.parametrize("script", HELD)
def test_a_loader_is_held_by_where_it_loads_from(script: str) -> None:
    """However the address is quoted, and by whichever way it loads."""
    assert rewritten(script).startswith('<script type="text/plain" data-privacy-service="')


@pytest.mark.parametrize("script", PASSING)
def test_what_only_names_a_host_passes(script: str) -> None:
    """Settings, links and what is granted stay byte for byte."""
    assert rewritten(script) == f"<script>{script}</script>"


@pytest.mark.requirement("STO-17")
def test_a_place_that_services_share_waits_for_all_of_them() -> None:
    """What is restored in place knows of each: the grant of one is not the other's."""
    shared = (HostPattern(host="forms.example"),)
    services = (
        Service(key="forms", purposes=("functional",), hosts=shared),
        Service(key="tracking", purposes=("marketing",), hosts=shared),
    )
    tags = (
        '<script src="https://forms.example/v2.js"></script>',
        "<script>" + LOADER.format('"https://forms.example/v2.js"') + "</script>",
        '<img src="/a.png" style="background:url(https://forms.example/a.png)">',
    )
    body = "<!doctype html><body>" + "".join(tags)
    gate = gated(page(data=body.encode()), replace(SHOP, services=services))
    assert run(gate, http()).body.count(b'data-privacy-service="forms tracking"') == len(tags)
    one = run(gate, http(cookie=chosen(gate, choice="save", p=["functional"])))
    assert one.body.count(b'data-privacy-service="tracking"') == len(tags)
