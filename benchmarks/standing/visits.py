"""Owns one visitor's way through a page: every state, and what was seen in it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Browser, BrowserContext, Page, Request
from playwright.sync_api import Error as BrowserError

from benchmarks.standing.parties import Parties
from benchmarks.standing.site import HOST

OPTIONAL = ("functional", "statistics", "marketing")
ALL = ("first visit", "reject", *(f"only {key}" for key in OPTIONAL), "accept", "withdraw")
"""The states in the order in which one visitor goes through them."""
_STRANGER = re.compile(
    r"(?:https?|wss?)://(?!" + re.escape(HOST) + r"(?![a-z0-9.-]))", re.IGNORECASE
)
"""An address that leads to another host; a mark in a style sheet has a scheme of its own."""
_QUIET_SECONDS = 0.35
_LONGEST_SECONDS = 6.0
_STORED = "[...Object.keys(localStorage), ...Object.keys(sessionStorage)]"
_WATCH = (
    "addEventListener('securitypolicyviolation', (e) => { if (e.disposition === 'enforce')"
    " (window.broken = window.broken || []).push(e.effectiveDirective + ' ' + e.blockedURI); });"
)


@dataclass(frozen=True)
class Seen:
    """What one state showed, from outside."""

    asked: frozenset[str]
    """Host and path of every request that arrived."""
    shaken: frozenset[str]
    """Hosts that a connection was opened to."""
    attempted: frozenset[str]
    """Addresses that the page tried to load, blocked or not: what scanners list."""
    stored: frozenset[str]
    """Names of cookies and of storage keys that are there at the end."""
    violations: frozenset[str]
    """What an enforced Content-Security-Policy blocked."""


class Visitor:
    """One browser context on one site."""

    def __init__(self, context: BrowserContext, parties: Parties, base: str) -> None:
        self._context = context
        self._parties = parties
        self._base = base
        self._attempted: set[str] = set()
        self.has_script = True
        self.page: Page = context.new_page()
        self.page.on("request", self._note)

    def _note(self, request: Request) -> None:
        if _STRANGER.match(request.url):
            self._attempted.add(request.url)

    def settle(self) -> None:
        """Wait until nothing more comes."""
        deadline = time.monotonic() + _LONGEST_SECONDS
        before, quiet = -1, 0.0
        while quiet < _QUIET_SECONDS and time.monotonic() < deadline:
            self.page.wait_for_timeout(50)
            quiet = quiet + 0.05 if before == self._parties.seen else 0.0
            before = self._parties.seen

    def go(self, path: str = "") -> None:
        """Open a page; one that loads another meanwhile is waited for."""
        try:
            self.page.goto(self._base + path, wait_until="load", timeout=10_000)
        except BrowserError:
            self.page.wait_for_timeout(300)
        self.settle()

    def look(self) -> Seen:
        """Open the page anew and say what came of it."""
        self._parties.clear()
        self._attempted.clear()
        self.go()
        keys: list[str] = []
        broken: list[str] = []
        if self.has_script:
            keys = self.page.evaluate(_STORED)
            broken = self.page.evaluate("window.broken || []")
        cookies = [cookie.get("name", "") for cookie in self._context.cookies(self._base)]
        return Seen(
            asked=frozenset(self._parties.asked),
            shaken=frozenset(self._parties.shaken),
            attempted=frozenset(self._attempted),
            stored=frozenset((*keys, *cookies)),
            violations=frozenset(broken),
        )

    def choose(self, state: str) -> None:
        """Make the choice that leads to a state, on the choices page."""
        self.page.goto(self._base + "privacy-choices", wait_until="load")
        button = state
        if state.startswith("only "):
            for key in OPTIONAL:
                self.page.set_checked(f"[name=p][value={key}]", state == f"only {key}")
            button = "save"
        self.page.locator(f"[data-privacy-choice={button}]").first.click()
        self.page.wait_for_load_state()


@contextmanager
def visitor(
    browser: Browser, parties: Parties, base: str, *, has_script: bool
) -> Iterator[Visitor]:
    """A new visitor, who has never been here."""
    context = browser.new_context(java_script_enabled=has_script, ignore_https_errors=True)
    context.add_init_script(_WATCH)
    try:
        found = Visitor(context, parties, base)
        found.has_script = has_script
        yield found
    finally:
        context.close()


def states(visiting: Visitor, wanted: tuple[str, ...] = ALL) -> Iterator[tuple[str, Seen]]:
    """Go through the states; each is judged on a page that is loaded after the choice."""
    for state in wanted:
        if state != "first visit":
            visiting.choose(state)
        yield state, visiting.look()
