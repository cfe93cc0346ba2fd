"""What a choice permits comes alive in the page, what it denies is gone, with a strict policy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.site import OPT_OUT, STRICT, Site, document, serving, settings, until

pytestmark = pytest.mark.browser

NONCE = (
    "default-src 'self'; script-src 'nonce-abc' 'strict-dynamic'; style-src 'nonce-abc'; "
    "require-trusted-types-for 'script'"
)
INIT = """
window.changes = []; window.violations = []; window.ran = [];
document.addEventListener('privacychoices:change', (e) => changes.push(e.detail));
document.addEventListener('securitypolicyviolation', (e) => violations.push(e.violatedDirective + ' ' + e.blockedURI));
"""
SCRIPTS = {
    f"/{name}.js": f"(window.ran = window.ran || []).push('{name}');"
    for name in ("a", "b", "c", "async", "defer", "film", "probe")
}
OPEN: dict[str, str] = {}


def held(tag: str, attributes: str, service: str = "ads", content: str = "") -> str:
    """An element as the gate leaves it where its service is denied."""
    kind = ' type="text/plain"' if tag == "script" else ""
    return f'<{tag}{kind} {attributes} data-privacy-service="{service}">{content}</{tag}>'


def script(name: str, more: str = "", service: str = "ads") -> str:
    """A held external script."""
    return held("script", f'data-privacy-src="/{name}.js" {more}', service)


@contextmanager
def visiting(chromium: Browser, site: Site, **context: Any) -> Iterator[tuple[Page, str]]:
    """A page of a site, opened by a new visitor."""
    with serving(site.app()) as base:
        visitor = chromium.new_context(**context)
        page = visitor.new_page()
        page.add_init_script(INIT)
        page.goto(base + "/")
        until(page, "window.privacyChoices && privacyChoices.state")
        try:
            yield page, base
        finally:
            visitor.close()


def accept(page: Page) -> None:
    """Press accept and wait until it is said that it was kept."""
    page.click("[data-privacy-choice=accept]")
    page.wait_for_selector("[data-privacy-done]")


def save(page: Page, **purposes: bool) -> None:
    """Make a choice elsewhere, as another tab of the same browser would."""
    answer = page.evaluate(
        """async (purposes) => {
          const {notice} = await (await fetch('/privacy-choices/state')).json();
          return (await fetch('/privacy-choices', {method: 'POST', headers: {'content-type': 'application/json'},
            body: JSON.stringify({choice: 'save', purposes, notice})})).status;
        }""",
        purposes,
    )
    assert answer == 200


def test_scripts_run_in_document_order(chromium: Browser) -> None:
    """Ordinary ones before what follows them, inline ones in their place, deferred ones last."""
    body = (
        script("defer", "defer")
        + script("a")
        + held(
            "script", "", content="ran.push('inline ' + ran.filter((n) => n !== 'async').join())"
        )
        + script("async", "async")
        + script("b")
        + script("c")
    )
    site = Site(pages={"/": document(body)}, scripts=SCRIPTS, headers=OPEN)
    with visiting(chromium, site) as (page, _):
        assert page.evaluate("ran") == []
        accept(page)
        until(page, "ran.length === 6")
        ran = [name for name in page.evaluate("ran") if name != "async"]
        assert ran == ["a", "inline a", "b", "c", "defer"]
        assert "async" in page.evaluate("ran")


NAMED = STRICT + "; trusted-types privacychoices"


@pytest.mark.parametrize(
    "policy", [STRICT, NAMED, NONCE], ids=["self", "named types", "nonce and strict-dynamic"]
)
@pytest.mark.requirement("SEC-04")
def test_a_strict_policy_sees_no_violation(chromium: Browser, policy: str) -> None:
    """Scripts, styles, frames and pixels come alive under CSP and Trusted Types, none reported."""
    nonce = 'nonce="abc"'
    body = (
        script("a", nonce)
        + (held("script", nonce, content="ran.push('inline')") if "nonce" in policy else "")
        + script("film", nonce, "film")
        + held("iframe", 'title="A film" data-privacy-src="/film"', "film")
        + '<img alt="" data-privacy-src="/pixel" data-privacy-service="ads">'
        + f'<link rel="stylesheet" {nonce} data-privacy-href="/style" data-privacy-service="ads">'
    )
    site = Site(
        pages={"/": document(body), "/film": document("<p>film</p>")},
        scripts=SCRIPTS,
        headers={"content-security-policy": policy},
    )
    with visiting(chromium, site) as (page, _):
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
        accept(page)
        until(page, "ran.includes('film')")
        page.wait_for_selector("iframe[src='/film']")
        until(page, "document.querySelector('img').complete")
        assert {"a.js", "film.js", "film", "pixel", "style"} <= set(asked)
        assert page.evaluate("violations") == []
        if policy == NONCE:
            assert "inline" in page.evaluate("ran")


def test_a_page_with_nonces_lends_them_to_no_stranger(chromium: Browser) -> None:
    """Held markup without the page's nonce may have been slipped in: its script stays dead."""
    body = script("a", 'nonce="abc"') + script("b") + script("c", 'nonce="guess"')
    headers = {"content-security-policy": NONCE}
    site = Site(pages={"/": document(body)}, scripts=SCRIPTS, headers=headers)
    with visiting(chromium, site) as (page, _):
        accept(page)
        until(page, "ran.includes('a')")
        page.wait_for_timeout(200)
        assert page.evaluate("ran") == ["a"]


def test_only_what_is_permitted_now_comes_alive(chromium: Browser) -> None:
    """A choice for one purpose leaves the others' elements as they are."""
    site = Site(
        pages={"/": document(script("a") + script("film", service="film"))}, scripts=SCRIPTS
    )
    with visiting(chromium, site) as (page, _):
        save(page, functional=True)
        page.evaluate("privacyChoices.refresh()")
        until(page, "ran.includes('film')")
        page.wait_for_timeout(100)
        assert page.evaluate("ran") == ["film"]
        assert page.get_attribute("script[data-privacy-src]", "data-privacy-src") == "/a.js"
        assert page.evaluate(
            "[privacyChoices.allows('functional'), privacyChoices.allows('ads')]"
        ) == [True, False]


@pytest.mark.parametrize("choice", ["accept", "reject", "dismiss"])
def test_one_event_for_each_change(chromium: Browser, choice: str) -> None:
    """Whatever is chosen, once; refreshing without a change says nothing."""
    with visiting(chromium, Site(pages={"/": document()})) as (page, _):
        page.click(f"[data-privacy-choice={choice}]")
        page.wait_for_selector("[data-privacy-done]")
        page.evaluate("privacyChoices.refresh()")
        page.wait_for_timeout(100)
        assert page.evaluate("changes.map((c) => [c.decided, c.services.ads])") == [
            [True, choice == "accept"]
        ]


def test_the_interface_for_scripts_is_read_only(chromium: Browser) -> None:
    """Nothing a page's script does to it changes what it says."""
    with visiting(chromium, Site(pages={"/": document()})) as (page, _):
        said = page.evaluate(
            """() => { try { privacyChoices.allows = () => true; } catch {}
            try { privacyChoices.state.services = {}; } catch {}
            try { window.privacyChoices = 1; } catch {}
            return [privacyChoices.allows('ads'), 'ads' in privacyChoices.state.services, privacyChoices.address]; }"""
        )
        assert said == [False, True, "/privacy-choices"]


KEEP = """async () => {
  localStorage.ads_1 = localStorage.basket = sessionStorage.ads = sessionStorage.form = '1';
  document.cookie = '_ads_id=1; path=/'; document.cookie = 'theme=dark; path=/';
  await caches.open('ads-cache'); await caches.open('site-cache');
  for (const name of ['adsdb', 'sitedb']) await new Promise((done) => {
    const ask = indexedDB.open(name); ask.onsuccess = () => { ask.result.close(); done(); }; });
}"""
KEPT = """async () => ({
  local: Object.keys(localStorage).sort(), session: Object.keys(sessionStorage).sort(),
  cookies: document.cookie.split('; ').map((c) => c.split('=')[0]).sort(),
  caches: (await caches.keys()).sort(), bases: (await indexedDB.databases()).map((d) => d.name).sort()})"""


@pytest.mark.requirement("STO-13")
def test_what_denied_services_keep_is_removed_at_once(chromium: Browser) -> None:
    """Storage of every kind and cookies set by scripts; what others keep stays."""
    with visiting(chromium, Site(pages={"/": document()})) as (page, _):
        page.evaluate(KEEP)
        page.click("[data-privacy-choice=reject]")
        until(page, "async () => !(await indexedDB.databases()).some((d) => d.name === 'adsdb')")
        kept = page.evaluate(KEPT)
    assert kept == {
        "local": ["basket"],
        "session": ["form"],
        "cookies": [""],
        "caches": ["site-cache"],
        "bases": ["sitedb"],
    }


@pytest.mark.requirement("STO-13")
def test_the_next_page_removes_storage_of_what_was_withdrawn(chromium: Browser) -> None:
    """Also where the choice was made by a form, on a page without our script's help."""
    with visiting(chromium, Site(pages={"/": document()})) as (page, base):
        page.evaluate(KEEP)
        page.goto(base + "/")
        until(page, "!('ads_1' in localStorage)")
        assert page.evaluate("localStorage.basket") == "1"


def test_a_page_from_the_back_forward_cache_looks_again(chromium: Browser) -> None:
    """The choice made meanwhile holds: the question goes, what is permitted comes alive."""
    site = Site(pages={"/": document(script("a"))}, scripts=SCRIPTS)
    with visiting(chromium, site) as (page, _):
        save(page, functional=True, statistics=True, marketing=True)
        page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
        until(page, "ran.includes('a')")
        assert page.query_selector("[data-privacy-note]") is None
        assert len(page.evaluate("changes")) == 1


def test_a_withdrawal_elsewhere_ends_what_runs(chromium: Browser) -> None:
    """A script cannot be stopped, so the page is loaded anew."""
    with visiting(chromium, Site(pages={"/": document()})) as (page, _):
        accept(page)
        save(page, functional=False, statistics=False, marketing=False)
        page.evaluate("window.old = true")
        with page.expect_navigation():
            page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
        assert page.evaluate("window.old") is None
        assert page.evaluate("privacyChoices.allows('ads')") is False


def test_late_elements_of_a_single_page_app_come_alive(chromium: Browser) -> None:
    """What is put in after the choice is looked at, too."""
    with visiting(chromium, Site(pages={"/": document()}, scripts=SCRIPTS)) as (page, _):
        accept(page)
        page.evaluate(
            """() => { const s = document.createElement('script'); s.type = 'text/plain';
            s.setAttribute('data-privacy-src', '/a.js'); s.setAttribute('data-privacy-service', 'ads');
            document.body.append(s); }"""
        )
        until(page, "ran.includes('a')")


def test_an_inline_script_that_writes_the_document_gets_a_new_page(chromium: Browser) -> None:
    """``document.write`` after the end would wipe the page, so the server serves it live."""
    body = held("script", "", content="document.write('<p>written</p>')")
    with visiting(chromium, Site(pages={"/": document(body)}, headers=OPEN)) as (page, _):
        with page.expect_navigation():
            page.click("[data-privacy-choice=accept]")
        assert page.inner_text("h1") == "A page"
        assert page.evaluate("privacyChoices.allows('ads')") is True


HOLD = """<div class="pc-hold" data-privacy-hold="film"><p>Filmbox is not loaded</p>
<form method="post" action="/privacy-choices"><input type="hidden" name="choice" value="service">
<input type="hidden" name="service" value="film"><input type="hidden" name="notice" value="{notice}">
<input type="hidden" name="source" value="placeholder"><input type="hidden" name="next" value="/">
<button name="span" value="once">Load once</button><button name="span" value="always">Always</button></form></div>"""


@pytest.mark.parametrize(("span", "expires"), [("once", False), ("always", True)])
@pytest.mark.requirement("COL-24")
def test_a_placeholder_loads_its_embed_and_nothing_else(
    chromium: Browser, span: str, expires: bool
) -> None:
    """In place, with focus in it; once lasts for the session."""
    frame = held("iframe", 'title="A film" data-privacy-src="/film"', "film")
    site = Site(pages={"/film": document("<p>film</p>")}, scripts=SCRIPTS)
    gate: Any = site.app()
    regime = site.regime
    notice = gate.assembly.pages.notice("en", regime)[0]
    site.pages["/"] = document(HOLD.replace("{notice}", notice) + frame + script("a"))
    with visiting(chromium, site) as (page, base):
        page.evaluate("window.same = true")
        page.click(f"[value={span}]")
        page.frame_locator("iframe").locator("text=film").wait_for()
        assert page.query_selector("[data-privacy-hold]") is None
        assert page.evaluate("[same, document.activeElement.localName, ran]") == [
            True,
            "iframe",
            [],
        ]
        (token,) = page.context.cookies(base)
        assert (token["expires"] > 0) is expires


def test_what_goes_wrong_is_explained_by_the_server(chromium: Browser) -> None:
    """Where the script's request fails, the form is sent as without a script."""
    with visiting(chromium, Site(pages={"/": document()})) as (page, base):
        page.route(
            "**/privacy-choices",
            lambda route: (
                route.fulfill(status=503)
                if "json" in route.request.headers.get("accept", "")
                else route.continue_()
            ),
        )
        with page.expect_navigation():
            page.click("[data-privacy-choice=accept]")
        assert page.url == base + "/"
        assert page.evaluate("privacyChoices.allows('ads')") is True


GPC = "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})"


@pytest.mark.requirement("SIG-16")
def test_a_signal_stated_to_scripts_alone_is_passed_on(chromium: Browser) -> None:
    """The page is loaded anew without advertising, and the signal is remembered."""
    with serving(Site(pages={"/": document()}, regime=OPT_OUT).app()) as base:
        context = chromium.new_context()
        page = context.new_page()
        page.add_init_script(GPC)
        page.goto(base + "/")
        page.wait_for_selector("[data-privacy-signal=honored]")
        state = page.evaluate("privacyChoices.state")
        assert (state["signals"], state["purposes"]["marketing"]) == (["gpc"], False)
        assert state["purposes"]["statistics"] is True
        context.close()


@pytest.mark.requirement("SIG-16")
def test_a_browser_that_keeps_no_cookies_is_not_sent_round(chromium: Browser) -> None:
    """Where the signal cannot be remembered the page is loaded anew once, not for ever."""
    with serving(Site(pages={"/": document()}, regime=OPT_OUT).app()) as base:
        context = chromium.new_context()
        page = context.new_page()
        page.add_init_script(GPC)
        loads: list[str] = []

        def without_cookies(route: Any) -> None:
            answer = route.fetch(headers={**route.request.headers, "cookie": ""})
            headers = {k: v for k, v in answer.headers.items() if k != "set-cookie"}
            route.fulfill(response=answer, headers=headers)

        page.route("**/*", without_cookies)
        page.on("request", lambda r: loads.append(r.url) if r.is_navigation_request() else None)
        page.goto(base + "/")
        page.wait_for_timeout(1_000)
        assert len(loads) <= 2
        page.unroute_all(behavior="ignoreErrors")
        context.close()


MODES = {"ad_storage", "ad_user_data", "ad_personalization", "analytics_storage",
         "functionality_storage", "personalization_storage", "security_storage"}  # fmt: skip
LAYER = "dataLayer.map((entry) => [...entry])"


@pytest.mark.requirement("INT-01", "INT-02", "INT-04")
def test_tag_vendors_are_told_before_any_tag_and_after_the_choice(chromium: Browser) -> None:
    """Seven types denied, no click ids, data redacted; the update on the same page."""
    probe = "window.at_start = " + LAYER + "; window.uet = uetq.slice();"
    site = Site(
        pages={"/": document(head='<script async src="/probe.js"></script>')},
        scripts={"/probe.js": probe},
        policy=settings(consent_mode=True),
    )
    with visiting(chromium, site) as (page, _):
        until(page, "window.at_start")
        redact, pass_through, default = page.evaluate("at_start")
        assert redact == ["set", "ads_data_redaction", True]
        assert pass_through == ["set", "url_passthrough", False]
        assert default[:2] == ["consent", "default"]
        assert set(default[2]) == MODES
        denied = {mode for mode, said in default[2].items() if said == "denied"}
        assert denied == MODES - {"security_storage"}
        assert page.evaluate("uet") == ["consent", "default", {"ad_storage": "denied"}]
        accept(page)
        update = page.evaluate(LAYER)[-1]
        assert update == ["consent", "update", dict.fromkeys(MODES, "granted")]
        assert page.evaluate("uetq.slice(-3)") == ["consent", "update", {"ad_storage": "granted"}]
        assert page.evaluate("violations") == []
        page.reload()
        until(page, "window.at_start")
        assert page.evaluate("at_start[2]") == [
            "consent",
            "default",
            dict.fromkeys(MODES, "granted"),
        ]


def test_one_page_for_everyone_asks_for_its_state(chromium: Browser) -> None:
    """Shared caches: held for all, asked and restored by the script, for this visitor alone."""
    site = Site(
        pages={"/": document(script("a"))}, scripts=SCRIPTS, policy=settings(cache="shared")
    )
    with visiting(chromium, site) as (page, base):
        page.wait_for_selector("[data-privacy-note]", state="visible")
        assert page.evaluate("ran") == []
        accept(page)
        until(page, "ran.includes('a')")
        page.goto(base + "/")
        until(page, "ran.includes('a')")
        assert (
            page.is_hidden("[data-privacy-note]")
            if page.query_selector("[data-privacy-note]")
            else True
        )
        html = page.request.get(base + "/").text()
        other = chromium.new_context().request.get(base + "/").text()
        assert html == other
