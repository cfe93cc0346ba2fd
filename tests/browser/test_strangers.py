"""Third parties that nobody declared, in a real browser: no request, and no connection either."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from benchmarks.standing.parties import Parties, parties
from tests.browser.conftest import ARGUMENTS
from tests.browser.site import POLICY, Site, document, serving
from tests.programs import needed

pytestmark = [pytest.mark.browser, pytest.mark.requirement("TPD-01", "STO-01", "STO-07")]

SNIPPETS = sorted((Path(__file__).parents[1] / "corpora" / "snippets").glob("*.html"))[::6]
"""Every sixth snippet as its vendor publishes it: over sixty trackers on one page."""
FRAMES = "".join(
    f'<iframe src="https://{host}/embed" width="300" height="150"></iframe>'
    for host in ("www.youtube.com", "player.vimeo.com", "maps.google.com", "open.spotify.com")
)
HINTS = """<link rel="preconnect" href="https://fonts.gstatic.com" crossorigin>
<link rel="dns-prefetch" href="//cdn.stranger.example"><link rel="preload" as="script"
 href="https://cdn.stranger.example/a.js"><script>new Image().src = '//px.stranger.example/p'</script>"""


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parties]:
    """Every host but the site's own: counts handshakes and requests."""
    needed("openssl")
    with parties(tmp_path_factory.mktemp("strangers")) as running:
        yield running


@pytest.fixture(scope="module")
def visitor(strangers: Parties, chromium: Browser) -> Iterator[Browser]:
    """A Chromium that takes them for the real ones."""
    rules = f"MAP * 127.0.0.1:{strangers.port}, EXCLUDE 127.0.0.1, EXCLUDE localhost"
    found = chromium.browser_type.launch(
        executable_path=needed("chromium"),
        args=[*ARGUMENTS, f"--host-resolver-rules={rules}", "--ignore-certificate-errors"],
    )
    yield found
    found.close()


@pytest.mark.parametrize("has_scripts", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize("csp", ["enforce", "off"])
def test_nobody_hears_of_a_visitor_before_and_after_accept_all(
    visitor: Browser, strangers: Parties, csp: str, has_scripts: bool
) -> None:
    """Nothing is declared: no handshake, no request, whatever the visitor says."""
    markup = "".join(path.read_text(encoding="utf-8") for path in SNIPPETS)
    pages = {"/": document(FRAMES + markup, HINTS)}
    policy = replace(POLICY, services=POLICY.services[:1], site=replace(POLICY.site, csp=csp))
    context = visitor.new_context(java_script_enabled=has_scripts)
    page = context.new_page()
    with serving(Site(pages=pages, headers={}, policy=policy).app()) as base:
        strangers.clear()
        page.goto(base + "/", wait_until="load")
        page.wait_for_timeout(500)
        assert (sorted(set(strangers.shaken)), strangers.asked) == ([], [])
        page.click("[data-privacy-choice=accept]")
        page.wait_for_timeout(500)
        page.goto(base + "/", wait_until="load")
        page.wait_for_timeout(500)
        assert (sorted(set(strangers.shaken)), strangers.asked) == ([], [])
    context.close()
