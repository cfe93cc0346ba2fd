"""Owns driving a real Chromium through the visits of an audit; never judges what it saw."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from consentgate.cli.audit.visits import Asked, Stored, Visit, is_own
from consentgate.errors import SettingError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

LOAD_SECONDS = 30.0
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
_GPC = "Object.defineProperty(navigator, 'globalPrivacyControl', {get: () => true})"
_KEYS = """(kind) => { try { return Object.keys(window[kind]); } catch { return []; } }"""
_REJECT = (
    "[data-privacy-choice=reject]",
    "[data-cc=accept-necessary]",
    ".cm__btn[data-role=necessary]",
    ".cm-btn-decline",
    ".cn-decline",
    "#onetrust-reject-all-handler",
    "#CybotCookiebotDialogBodyButtonDecline",
    "#didomi-notice-disagree-button",
    "[data-testid=uc-deny-all-button]",
    "#tarteaucitronAllDenied2",
    ".cky-btn-reject",
    ".osano-cm-denyAll",
    ".iubenda-cs-reject-btn",
    "button:has-text('Reject all')",
    "button:has-text('Reject')",
    "button:has-text('Decline')",
    "button:has-text('Only necessary')",
    "button:has-text('Alle ablehnen')",
    "button:has-text('Ablehnen')",
    "button:has-text('Tout refuser')",
    "button:has-text('Rechazar')",
)
_ACCEPT = (
    "[data-privacy-choice=accept]",
    "[data-cc=accept-all]",
    ".cm__btn[data-role=all]",
    ".cm-btn-accept-all",
    ".cm-btn-success",
    "#onetrust-accept-btn-handler",
    "#CybotCookiebotDialogBodyLevelButtonLevelOptinAllowAll",
    "#didomi-notice-agree-button",
    "[data-testid=uc-accept-all-button]",
    "#tarteaucitronPersonalize2",
    ".cky-btn-accept",
    ".osano-cm-acceptAll",
    ".iubenda-cs-accept-btn",
    "button:has-text('Accept all')",
    "button:has-text('Accept')",
    "button:has-text('Allow all')",
    "button:has-text('Alle akzeptieren')",
    "button:has-text('Akzeptieren')",
    "button:has-text('Tout accepter')",
    "button:has-text('Aceptar')",
)
_WITHDRAW = (
    "[data-privacy-choice=withdraw]",
    ".cm-btn-decline",
    "[data-cc=accept-necessary]",
    "button:has-text('Withdraw')",
)
_WAYS_BACK = ("a[href*='/privacy-choices']", "[data-cc=show-preferencesModal]")
"""What leads to a choice that was made before."""
_PRESS_MS = 4_000


def browse(url: str, *, chromium: str | None = None, settle_seconds: float) -> list[Visit]:
    """Visit a page as six visitors, each in a browser that is new.

    Args:
        url: of the page.
        chromium: path of the browser; None: the one that is installed.
        settle_seconds: how long a page is watched after it has loaded.

    Raises:
        SettingError: there is no browser, or the page cannot be reached.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise SettingError(f'"{url}": expected an address such as https://shop.example')
    with _browser(chromium) as browser:
        visits = _Visits(browser, url, settle_seconds)
        return [
            visits.plain("first visit"),
            visits.plain("reject", _REJECT),
            *visits.accept_and_withdraw(),
            visits.plain("Global Privacy Control", has_gpc=True),
            visits.plain("JavaScript off", java_script_enabled=False),
        ]


@contextmanager
def _browser(path: str | None) -> Iterator[Browser]:
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise SettingError("an audit drives a browser: pip install consentgate[audit]") from error
    found = path or next(filter(None, map(shutil.which, _BROWSERS)), None)
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=found, args=_ARGUMENTS)
        except Error as error:
            raise SettingError(
                f"no browser can be started: {str(error).splitlines()[0]}; install Chromium, name "
                "it with --chromium, or run: playwright install chromium"
            ) from error
        try:
            yield browser
        except Error as error:
            raise SettingError(
                f"the page cannot be visited: {str(error).splitlines()[0]}"
            ) from error
        finally:
            browser.close()


class _Visits:
    """Makes visits to one page."""

    def __init__(self, browser: Browser, url: str, settle_seconds: float) -> None:
        self._browser = browser
        self._url = url
        self._settle_ms = settle_seconds * 1_000

    def plain(
        self,
        name: str,
        presses: tuple[str, ...] = (),
        *,
        has_gpc: bool = False,
        **options: Any,
    ) -> Visit:
        """One visit in a new browser, with a press on the first of the elements that is there."""
        with self._context(has_gpc=has_gpc, **options) as (context, page, watched):
            pressed = self._press(page, presses)
            if pressed:
                self._again(page, watched)
            return self._seen(name, context, page, watched, pressed=pressed, is_asked=bool(presses))

    def accept_and_withdraw(self) -> Iterator[Visit]:
        """Two visits of one browser: everything is granted, then taken back."""
        with self._context() as (context, page, watched):
            pressed = self._press(page, _ACCEPT)
            if pressed:
                self._again(page, watched)
            yield self._seen(
                "accept", context, page, watched, pressed=pressed, is_asked=True, grants=True
            )
            withdrawn = self._withdraw(page) if pressed else ""
            if withdrawn:
                self._again(page, watched)
                yield self._seen("withdraw", context, page, watched, pressed=withdrawn)
                return
            note = "no known way to withdraw was found"
            yield Visit("withdraw", False, urlsplit(page.url).hostname or "", note=note)

    @contextmanager
    def _context(
        self, *, has_gpc: bool = False, **options: Any
    ) -> Iterator[tuple[BrowserContext, Page, _Watched]]:
        headers: Mapping[str, str] = {"Sec-GPC": "1"} if has_gpc else {}
        context = self._browser.new_context(extra_http_headers=dict(headers), **options)
        try:
            if has_gpc:
                context.add_init_script(_GPC)
            watched = _Watched()
            context.on("requestfinished", watched.reached)
            context.on("requestfailed", watched.failed)
            page = context.new_page()
            page.on("websocket", watched.opened)
            self._load(page, self._url)
            yield context, page, watched
        finally:
            context.close()

    def _load(self, page: Page, url: str) -> None:
        page.goto(url, wait_until="load", timeout=LOAD_SECONDS * 1_000)
        page.wait_for_timeout(self._settle_ms)

    def _again(self, page: Page, watched: _Watched) -> None:
        """Forget what was asked, and load the page anew: what stays is what the choice permits."""
        page.wait_for_timeout(self._settle_ms)
        watched.begin_anew()
        self._load(page, self._url)

    def _press(self, page: Page, presses: tuple[str, ...]) -> str:
        """Press the first element that is there to be seen; what it was, empty for none."""
        for selector in presses:
            for frame in page.frames:
                found = frame.locator(f"{selector} >> visible=true").first
                if found.count():
                    found.click(timeout=_PRESS_MS)
                    return selector
        return ""

    def _withdraw(self, page: Page) -> str:
        pressed = self._press(page, _WITHDRAW)
        if pressed:
            return pressed
        for selector in _WAYS_BACK:
            found = page.locator(selector).first
            if found.count():
                target = found.get_attribute("href")
                if target:
                    self._load(page, urljoin(page.url, target))
                else:
                    found.click(timeout=_PRESS_MS)
                return self._press(page, _WITHDRAW)
        return ""

    def _seen(
        self,
        name: str,
        context: BrowserContext,
        page: Page,
        watched: _Watched,
        *,
        pressed: str = "",
        is_asked: bool = False,
        grants: bool = False,
    ) -> Visit:
        host = urlsplit(page.url).hostname or ""
        return Visit(
            name,
            grants=grants,
            host=host,
            asked=tuple(
                sorted(
                    {one for one in watched.addresses if not is_own(one.host, host)},
                    key=lambda one: (one.host, one.path),
                )
            ),
            stored=tuple(_stored(context, page, host)),
            pressed=pressed,
            note="nothing known was there to press" if is_asked and not pressed else "",
            screenshot=page.screenshot(type="jpeg", quality=60),
        )


class _Watched:
    """Notes every address that a browser reaches."""

    def __init__(self) -> None:
        self.addresses: set[Asked] = set()

    def begin_anew(self) -> None:
        """Forget what was asked before the visitor's act."""
        self.addresses = set()

    def reached(self, request: Any) -> None:
        """A request was answered."""
        self._note(request.url)

    def failed(self, request: Any) -> None:
        """A request failed: unless the browser held it back itself, somebody was asked."""
        why = str(request.failure or "").lower()
        if "blocked" not in why and "csp" not in why:
            self._note(request.url)

    def opened(self, socket: Any) -> None:
        """A WebSocket was opened."""
        self._note(socket.url)

    def _note(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.hostname and parts.scheme in ("http", "https", "ws", "wss"):
            self.addresses.add(Asked(parts.hostname, parts.path or "/"))


def _stored(context: BrowserContext, page: Page, host: str) -> Iterator[Stored]:
    found = {(one.get("name", ""), one.get("domain", "")) for one in context.cookies()}
    for name, domain in sorted(found):
        yield Stored("cookie", name, domain)
    for kind in ("local", "session"):
        for name in sorted(page.evaluate(_KEYS, f"{kind}Storage")):
            yield Stored(kind, name, host)
