"""What is otherwise on single paths: docs of an API, an administration, health probes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consentgate import ConsentGate
from consentgate.domain.policy.paths import PathRule
from consentgate.errors import PolicyError
from consentgate.formats.policy.reader import parse_policy
from tests.asgi.raw import gated, http, page, run
from tests.policies import SHOP
from tests.site_logs import records

HEAD = """
version = "1"
effective = 2026-11-01
[controller]
name = "Example Shop"
"""
BODY = b'<!doctype html><html><body><script src="https://cdn.jsdelivr.net/npm/redoc@2/a.js"></script></body></html>'
CSP = b"content-security-policy"


def site(*rules: PathRule, log: Path | None = None) -> ConsentGate:
    """A shop with these rules, whose every page loads from a CDN that nobody declared."""
    return gated(
        page((b"set-cookie", b"made_up=1"), data=BODY), replace(SHOP, paths=rules), log=log
    )


def rule(*match: str, **said: Any) -> PathRule:
    return PathRule(match=match, **said)


def is_loaded(gate: ConsentGate, path: str, **more: Any) -> bool:
    return b'<script src="https://cdn.jsdelivr.net' in run(gate, http(path, **more)).body


@pytest.mark.parametrize(
    ("match", "path", "covers"),
    [
        ("/docs", "/docs", True),
        ("/docs", "/docs/", False),
        ("/docs", "/docs/a", False),
        ("/admin/*", "/admin", True),
        ("/admin/*", "/admin/", True),
        ("/admin/*", "/admin/users/1", True),
        ("/admin/*", "/administrator", False),
        ("/a*", "/about", True),
        # what an app may take for another page
        ("/admin/*", "/admin/../cart", False),
        ("/admin/*", "/admin//cart", False),
        ("/admin/*", "/admin/;/../cart", False),
        ("/admin/*", "/admin/\\..\\cart", False),
        ("/*", "/ADMIN", True),
        ("/admin", "/ADMIN", False),
    ],
)
def test_where_a_rule_holds(match: str, path: str, covers: bool) -> None:
    """A path alone, or with everything below it; never one with two readings."""
    assert rule(match).covers(path) is covers


def test_unknown_hosts_may_pass_on_a_path() -> None:
    """There alone."""
    gate = site(rule("/docs", unknown_hosts="report"))
    assert is_loaded(gate, "/docs")
    assert not is_loaded(gate, "/")
    assert not is_loaded(gate, "/docs/../")


def test_the_second_policy_may_be_off_on_a_path() -> None:
    """There alone; what the page holds in its bytes it holds there, too."""
    gate = site(rule("/docs", csp="off"))
    assert run(gate, http("/docs")).all(CSP) == []
    assert not is_loaded(gate, "/docs")
    assert len(run(gate, http("/")).all(CSP)) == 1


def test_the_first_layer_may_stay_away_from_a_path() -> None:
    """There alone."""
    gate = site(rule("/admin/*", banner="none"))
    assert b"data-privacy-note" not in run(gate, http("/admin/users")).body
    assert b"data-privacy-note" in run(gate, http("/")).body


def test_a_path_may_be_left_alone() -> None:
    """Its request and its answer pass as they came; the app still learns what was decided."""
    gate = site(rule("/healthz", is_gated=False))
    seen = run(gate, http("/healthz", cookie="made_up=1"))
    assert (seen.body, seen.all(b"set-cookie")) == (BODY, [b"made_up=1"])
    assert (b"cookie", b"made_up=1") in seen.scope["headers"]
    other = run(gate, http("/", cookie="made_up=1"))
    assert (other.body == BODY, other.all(b"set-cookie")) == (False, [])


def test_a_path_may_leave_no_record(tmp_path: Path) -> None:
    """Probes fill no log."""
    gate = site(rule("/healthz", is_logged=False, is_gated=False), log=tmp_path)
    for path in ("/healthz", "/healthz", "/"):
        run(gate, http(path))
    gate.close()
    assert len(records(tmp_path)) == 1


def test_the_first_rule_that_says_a_thing_counts() -> None:
    """Several rules add up."""
    gate = site(
        rule("/docs", banner="none"), rule("/*", unknown_hosts="report"), rule("/docs", csp="off")
    )
    seen = run(gate, http("/docs"))
    assert (b"data-privacy-note" in seen.body, seen.all(CSP)) == (False, [])
    assert is_loaded(gate, "/docs")
    assert len(run(gate, http("/")).all(CSP)) == 1


@pytest.mark.parametrize("name", ["fastapi-docs", "django-admin", "flower", "health"])
def test_a_ready_rule_is_a_line(name: str) -> None:
    """And what stands beside ``use`` changes it."""
    (ready,) = parse_policy(f'{HEAD}[[paths]]\nuse = "{name}"').paths
    (moved,) = parse_policy(f'{HEAD}[[paths]]\nuse = "{name}"\nmatch = "/x/*"\nlog = true').paths
    assert ready.match
    assert moved == replace(ready, match=("/x/*",), is_logged=True)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('csp = "off"', "CG146"),
        ('match = "docs"', 'expected a path of the app such as "/docs"'),
        ("match = []", "match"),
        ('match = "/a"\nbaner = "none"', "unknown key"),
        ('match = "/a"\nbanner = "flow"', "expected none"),
        ('use = "fastapi-doc"', 'did you mean "fastapi-docs"'),
    ],
)
def test_a_wrong_rule_is_a_fault(lines: str, said: str) -> None:
    """With its line, and how to mend it."""
    with pytest.raises(PolicyError) as caught:
        parse_policy(f"{HEAD}[[paths]]\n{lines}")
    assert said in str(caught.value)
