"""The catalogue of services: every entry is whole, found by its names, and holds its own snippet."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from consentgate import ConsentGate
from consentgate.asgi.startup.policy_file import load_catalogue
from consentgate.cli import main
from consentgate.domain.policy.policy import HostPattern, Policy
from consentgate.formats.policy.reader import parse_policy
from tests.asgi.raw import chosen, gated, http, page, run

CATALOGUE = load_catalogue()
SNIPPETS = sorted((Path(__file__).parents[1] / "corpora" / "snippets").glob("*.html"))
HEAD = """
version = "1"
effective = 2026-11-01
[controller]
name = "Example Shop"
contact = "privacy@shop.example"
"""
LOADED = re.compile(
    rb"<(script|iframe|img|embed|source|video|audio)\b[^>]*?\ssrc\s*=\s*[\"']?(?:https?:)?//([^/\"'?#\s:>]+)"
    rb"([^\"'?#\s>]*)[^>]*>",
    re.I,
)


def policy_of(use: str) -> Policy:
    """A policy with one service of the catalogue, as a site would declare it."""
    return parse_policy(f'{HEAD}[service.x]\nuse = "{use}"', catalogue=CATALOGUE)


def served(gate: ConsentGate, cookie: str = "") -> bytes:
    """The body of the page as a visitor gets it, up to the end of the app's own markup."""
    return run(gate, http("/", cookie=cookie)).body


def loads(body: bytes, policy: Policy) -> list[bytes]:
    """Tags that make a browser ask a host of the service's, as HTML says."""
    (service,) = policy.services
    return [
        found[0]
        for found in LOADED.finditer(body)
        if b"text/plain" not in found[0]
        and any(
            covers(pattern, found[2].decode().lower(), found[3].decode() or "/")
            for pattern in service.hosts
        )
    ]


def covers(pattern: HostPattern, host: str, path: str) -> bool:
    """What ``*.host`` and a path prefix say, spelt out once more."""
    is_below = pattern.includes_subdomains and host.endswith("." + pattern.host)
    return (host == pattern.host or is_below) and path.startswith(
        pattern.path_prefix.partition("?")[0]
    )


def test_every_name_means_one_service() -> None:
    """A key, or another name for it, never stands for two."""
    names = Counter(
        [*CATALOGUE, *(a for one in CATALOGUE.values() for a in one.get("aliases", ()))]
    )
    assert [name for name, times in names.items() if times > 1] == []
    assert len(CATALOGUE) > 400


def test_every_entry_makes_a_policy_without_a_fault() -> None:
    """``use`` of every key and of every other name of it is all that a site needs to write."""
    for key, entry in CATALOGUE.items():
        for name in (key, *entry.get("aliases", ())):
            (service,) = policy_of(name).services
            assert (service.name, service.purposes) == (entry["name"], tuple(entry["purposes"]))


@pytest.mark.requirement("COL-24")
@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda path: path.stem)
def test_a_denied_service_is_held_and_a_granted_one_left_alone(snippet: Path) -> None:
    """The vendor's own lines load nothing before a grant; after it they are served byte for byte."""
    policy = policy_of(snippet.stem)
    data = snippet.read_bytes()
    gate = gated(page(data=b"<!doctype html><html><head></head><body>" + data), policy)
    before = served(gate)
    if policy.services[0].purposes == ("necessary",):
        assert data in before
        return
    assert loads(before, policy) == []
    granted = chosen(gate, choice="accept")
    assert data in served(gate, granted)


def test_the_command_explains_one_and_lists_many(capsys: pytest.CaptureFixture[str]) -> None:
    """``services`` finds by key, by other names and by host, and says what to write."""
    assert main(["services", "stripe"]) == 0
    assert 'use = "stripe"' in capsys.readouterr().out
    assert main(["services", "doubleclick.net", "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert "google-ads" in found
    assert main(["services", "nobody-knows-this"]) == 1


def test_sockets_and_frames_reach_the_second_content_security_policy() -> None:
    """A granted service's WebSockets are named with their scheme; 3-D Secure's frames may stand."""
    text = (
        '[service.chat]\npurposes = ["necessary"]\nhosts = ["chat.example"]\n'
        'sockets = ["wss.chat.example"]\nframes = "any"\n'
        '[service.ads]\npurposes = ["marketing"]\nhosts = ["ads.example"]\n'
    )
    sent = run(gated(page(), parse_policy(HEAD + text)), http("/")).start["headers"]
    policies = [value for name, value in sent if name == b"content-security-policy"]
    assert any(
        b"wss://wss.chat.example" in one and b"frame-src * data: blob:" in one for one in policies
    )
    assert not any(b"ads.example" in one for one in policies)


GOOGLE = [
    ("G-123", "", "google-analytics"),
    ("UA-123", "", "google-analytics"),
    ("AW-123", "", "google-ads"),
    ("DC-123", "&l=layer", "google-ads"),
    ("GTM-123", "", "google-tag-manager"),
    ("%41W-123", "", "google-ads"),
]


@pytest.mark.requirement("STO-01", "STO-17")
@pytest.mark.parametrize(("name", "more", "service"), GOOGLE)
def test_products_of_one_address_are_told_apart_by_their_ids(
    name: str, more: str, service: str
) -> None:
    """Each is held by its own purposes, wherever in the query the id stands."""
    keys = ("google-analytics", "google-ads", "google-tag-manager")
    text = "".join(f'[service.{key}]\nuse = "{key}"\n' for key in keys)
    policy = parse_policy(HEAD + text, catalogue=CATALOGUE)
    for query in (f"id={name}{more}", f"v=1&amp;id={name}"):
        tag = f'<script async src="https://www.googletagmanager.com/gtag/js?{query}"></script>'
        body = served(gated(page(data=b"<!doctype html><body>" + tag.encode()), policy))
        assert f'data-privacy-service="{service}"'.encode() in body
