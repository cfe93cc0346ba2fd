"""``consentgate audit`` on a site without a gate, behind one, and with one that others made."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from consentgate import ConsentGate
from consentgate.asgi.startup.policy_file import load_policy
from consentgate.cli import main
from tests.browser.site import serving
from tests.programs import needed

pytestmark = [pytest.mark.browser, pytest.mark.slow]
POLICY = """
version = "1"
effective = 2026-11-01
[site]
prefix = "/privacy-choices"
[regimes]
fixed = "opt-in"
[ledger]
url = "memory:"
[controller]
name = "Shop"
[service.shop]
purposes = ["necessary"]
role = "first-party"
cookies = ["session"]
[service.pixel]
purposes = ["marketing"]
owner = "Pixel Inc"
country = "US"
hosts = ["localhost"]
cookies = ["_ga*"]
storage = [{ kind = "local", name = "seen" }]
snippets = ["pixelSeen("]
"""
OTHER = """<div id=box><button class=cm-btn-decline onclick="say('no')">I decline</button>
<button class=cm-btn-success onclick="say('yes')">That's ok</button></div><script>
function say(word) { document.cookie = 'klaro=' + word; box.remove(); }
if (document.cookie.includes('klaro=')) box.remove();
if (document.cookie.includes('klaro=yes')) {
  document.cookie = '_ga=GA1.1'; new Image().src = TRACKER; }</script>"""


@pytest.fixture(scope="module")
def tracker() -> Iterator[str]:
    """Somebody else's pixel, on a host of its own."""

    async def pixel(request: Request) -> Response:
        return Response(b"GIF89a", media_type="image/gif")

    with serving(Starlette(routes=[Route("/{rest:path}", pixel)])) as base:
        yield base.replace("127.0.0.1", "localhost") + "/p.gif"


def shop(tracker: str, kind: str) -> Any:
    """The same shop with nothing, with a gate, or with a manager that others made."""
    seen = (
        "<script>function pixelSeen(v) { localStorage.setItem('seen', v); } pixelSeen(1);</script>"
    )
    own = f'<img src="{tracker}">{seen}' if kind != "other" else ""
    more = OTHER.replace("TRACKER", json.dumps(tracker)) if kind == "other" else ""
    text = f"<!doctype html><html><head><title>x</title></head><body><h1>x</h1>{own}{more}</body></html>"

    async def page(request: Request) -> Response:
        answer = HTMLResponse(text)
        answer.set_cookie("session", "1")
        if kind != "other":
            answer.set_cookie("_ga", "GA1.1")
        return answer

    return Starlette(routes=[Route("/{rest:path}", page)])


def audit(*arguments: object) -> tuple[int, str, str]:
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "consentgate", "audit", *map(str, arguments)]
    done = subprocess.run(
        [*command, "--chromium", needed("chromium"), "--settle", "0.5"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_site_without_a_gate_is_found_out(tracker: str, tmp_path: Path) -> None:
    """Each visit that granted nothing, the report, the status, and entries that pass the check."""
    page, policy = tmp_path / "audit.html", tmp_path / "found.toml"
    with serving(shop(tracker, "nothing")) as base:
        code, out, err = audit(base, "--html", page, "--write-policy", policy, "--json")
    assert code == 1, err
    told = json.loads(out)
    found = {(one["visit"], one["kind"], one["name"]) for one in told["findings"]}
    for visit in ("first visit", "reject", "Global Privacy Control", "JavaScript off"):
        assert (visit, "host", "localhost") in found
        assert (visit, "cookie", "_ga") in found
    assert [visit["note"] for visit in told["visits"] if visit["name"] == "withdraw"] == [
        "no known way to withdraw was found"
    ]
    report = page.read_text(encoding="utf-8")
    assert report.count("data:image/jpeg;base64,") == 5
    assert "<td>localhost</td>" in report
    services = load_policy(policy).service_by_key
    assert services["google-analytics"].purposes == ("statistics",)
    assert [host.host for host in services["host-localhost"].hosts] == ["localhost"]
    necessary = [one for one in services.values() if one.purposes == ("necessary",)]
    assert "session" in {cookie.name for one in necessary for cookie in one.cookies}
    assert main(["check", str(policy)]) == 0


def test_the_same_site_behind_a_gate_passes(
    tracker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rejected, withdrawn, under GPC and without JavaScript nothing is asked; accepted, it is."""
    policy = tmp_path / "consentgate.toml"
    policy.write_text(POLICY, encoding="utf-8")
    gate = ConsentGate(shop(tracker, "gate"), policy=policy, development=True)
    with serving(gate) as base:
        code, out, err = audit(base, "--policy", policy, "--json")
    told = json.loads(out)
    assert (code, told["findings"]) == (0, []), err
    visits = {visit["name"]: visit for visit in told["visits"]}
    assert visits["reject"]["pressed"] == "[data-privacy-choice=reject]"
    assert visits["withdraw"]["pressed"] == "[data-privacy-choice=withdraw]"
    assert [one["host"] for one in visits["accept"]["asked"]] == ["localhost"]
    assert {one["name"] for one in visits["accept"]["stored"]} >= {"_ga", "choices", "seen"}
    assert {one["name"] for one in visits["withdraw"]["stored"]} == {"session", "choices"}


def test_a_manager_that_others_made_is_pressed(tracker: str) -> None:
    """Its buttons are known, so what it does after each is judged."""
    with serving(shop(tracker, "other")) as base:
        code, out, err = audit(base)
    assert code == 0, (out, err)
    assert "nothing happened that nobody had granted" in out
    accepted = out[out.index("\naccept: ") : out.index("\nwithdraw: ")]
    assert "host    localhost" in accepted
    assert "_ga  Google Analytics (statistics)" in accepted


@pytest.mark.parametrize("url", ["shop.example", "http://127.0.0.1:9/"])
def test_what_cannot_be_visited_ends_with_2(url: str) -> None:
    """With one sentence that says why."""
    code, out, err = audit(url)
    assert (code, out, err.count("\n")) == (2, "", 1)
