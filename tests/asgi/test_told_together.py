"""What a page lacks of its policy is told together, with the catalogue's entry that covers it."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path

import pytest

from consentgate import ConsentGate
from consentgate.asgi.startup.policy_file import load_catalogue
from consentgate.lookup.cookie_keepers import CookieKeepers
from tests.asgi import raw
from tests.asgi.raw import http, run

POLICY = 'version = "1"\neffective = 2026-11-01\n[controller]\nname = "Shop"\n[ledger]\nurl = "memory:"\n'


@pytest.mark.requirement("CKE-15")
@pytest.mark.parametrize(
    ("names", "told"),
    [
        (
            ["sessionid", "csrftoken", "messages"],
            'blocked the undeclared cookies "sessionid", "csrftoken", "messages" that the app sets; '
            'to declare them, add:\n\n[service.django]\nuse = "django"\n',
        ),
        (
            ["sessionid", "csrftoken", "basket9"],
            'to declare them, add:\n\n[service.django]\nuse = "django"\n\n'
            'and to the service that keeps it: cookies = ["basket9"]',
        ),
        (
            ["a1", "b2"],
            'undeclared cookies "a1", "b2" that the app sets; to declare them, add them to the '
            'service that keeps them: cookies = ["a1", "b2"]',
        ),
        (
            ["a1"],
            'undeclared cookie "a1" that the app sets; to declare it, add it to the service that '
            'keeps it: cookies = ["a1"]',
        ),
    ],
)
def test_the_cookies_of_a_page_are_told_together(
    names: list[str], told: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One line, with the entry of the catalogue, and what is left for the site to say."""
    path = tmp_path / "policy.toml"
    path.write_text(POLICY, encoding="utf-8")
    lines = [(b"set-cookie", f"{name}=1".encode()) for name in names]
    gate = ConsentGate(raw.page(*lines), policy=path, development=True)
    with caplog.at_level(logging.WARNING, "consentgate"):
        for _ in range(2):
            run(gate, http("/"))
    (said,) = [one.getMessage() for one in caplog.records if "undeclared" in one.getMessage()]
    assert told in said


def test_of_several_keepers_the_loaded_one_is_named() -> None:
    """``session`` is kept by many frameworks: what the app has loaded decides, else nobody is named."""
    keepers = CookieKeepers(load_catalogue())
    assert list(keepers.of(["session"], {"starlette"})) == ["starlette"]
    assert list(keepers.of(["session"], {"flask"})) == ["flask"]
    assert list(keepers.of(["session"], set())) == []
    assert keepers.of(["nobodys"], sys.modules.keys()) == {}


def test_the_catalogue_is_looked_through_at_once() -> None:
    """No request waits for it: less than two milliseconds, of which most is the first look."""
    catalogue = load_catalogue()
    best = 1.0
    for _ in range(5):
        started = time.perf_counter()
        CookieKeepers(catalogue).of(["sessionid", "csrftoken"], {"django"})
        best = min(best, time.perf_counter() - started)
    assert best < 0.002
