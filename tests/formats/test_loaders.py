"""Inline scripts that load from a denied host, though no signature gives them away."""

from __future__ import annotations

import pytest

from consentgate.formats.html.rewriter import Rewriter
from tests.formats.judges import silent

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
