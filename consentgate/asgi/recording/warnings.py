"""Owns what the operator is told, each once: cookies that do not fit the policy, pages that
cannot be gated in their bytes.

Names come from strangers too: they are shown as letters and signs that no log can be broken with,
and only so many of them.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

from consentgate.asgi.collecting import PROXIED
from consentgate.asgi.recording.undeclared_hosts import UndeclaredHosts
from consentgate.asgi.startup.policy_file import load_catalogue
from consentgate.gates.ended import Ended
from consentgate.gates.pages.beacons import OVERLONG, verdicts_of
from consentgate.gates.pages.page_headers import COMPRESSED, UNREADABLE
from consentgate.lookup.cookie_keepers import CookieKeepers
from consentgate.lookup.third_parties import known_third_parties

logger = logging.getLogger("consentgate")

_MOST_NAMES = 256
_MOST_CHARS = 64
_MOST_LISTED = 24
_REMEDIES = {
    COMPRESSED: "something inside the gate compressed a page, so it went out ungated but under the "
    "blocking policy, without the first layer; compress outside: "
    "call app.add_middleware(GZipMiddleware) after app.add_middleware(ConsentGate, ...). "
    "From now on the app is asked for uncompressed pages",
    UNREADABLE: "a page in bytes that cannot be read (part of a document, UTF-16, an unknown "
    "charset, XHTML) went out under the blocking policy, without the first layer; "
    "send text/html in UTF-8",
    PROXIED: "the site itself serves a vendor's tag (proxied, or by server-side tagging), which is "
    "treated as the vendor's own; name the paths that collect for it in its service: "
    'collectors = ["/metrics/*"]',
    OVERLONG: "a tag of more than 64 KB came in pieces and became a comment",
}
"""What is counted to what is said of it the first time."""


class Warnings:
    """Counts every one, and says each name once in the life of a process."""

    def __init__(
        self, counts: Counter[str], *, blocks: bool, hosts: UndeclaredHosts | None = None
    ) -> None:
        """Start with nothing found.

        Args:
            counts: the gate's counters.
            blocks: whether undeclared cookies are blocked, or let through.
            hosts: is told of undeclared hosts; None: nobody is.
        """
        self.set_by_app: set[str] = set()
        """Undeclared names that the app set: the policy lacks them (CKE-15)."""
        self.sent_by_browsers: set[str] = set()
        """Undeclared names in requests: set by scripts, an earlier site, or made up."""
        self.asks_identity = False
        """Whether something inside the gate compresses pages, which hides them from it."""
        self._repeated: set[str] = set()
        self._told: set[str] = set()
        self._counts = counts
        self._hosts = hosts
        self._verb = "blocked" if blocks else "let through"

    def note(self, visit: Ended) -> None:
        """Take in what one visit has shown."""
        found = visit.found
        if found.sent:
            self._undeclared(found.sent, self.sent_by_browsers, "a browser sent")
        if found.set:
            self._undeclared(found.set, self.set_by_app, "the app sets")
        for what in found.noticed:
            self._noticed(what)
        if self._hosts is not None:
            for host in found.hosts:
                self._hosts.note(host, visit.request.own_host)
        for name in found.repeated:
            self._counts["repeated_name"] += 1
            if is_new(name, self._repeated):
                logger.warning(
                    'consentgate: the app sets the cookie "%s" more than once in one response; '
                    "browsers differ in which of them they keep (RFC 6265bis 4.1.1)",
                    shown(name),
                )

        if visit.outcome.plan.policy.site.personal_urls == "block":
            self._tell_hosts(verdicts_of(visit.outcome.for_page).told)

    def _tell_hosts(self, hosts: Iterable[str]) -> None:
        """Say to whom a page would have told who a visitor is: the host, never the address."""
        for host in hosts:
            if is_new(host.encode(), self._told):
                self._counts["personal_url"] += 1
                logger.warning(
                    "consentgate: a page has an address of %s that names the visitor (an e-mail "
                    "address, a phone number, an account); it loads nothing. Take it out of the "
                    "page, or send what the third party needs under a contract",
                    shown(host.encode()),
                )

    def _noticed(self, what: str) -> None:
        """Count what could not be gated in its bytes; say once how to mend it (STO-14)."""
        self._counts[what] += 1
        if self._counts[what] > 1:
            return
        self.asks_identity = self.asks_identity or what == COMPRESSED
        logger.warning("consentgate: %s", _REMEDIES[what])

    def _undeclared(self, names: Iterable[bytes], known: set[str], who: str) -> None:
        """Say all the names that one visit has shown first together, with what covers them."""
        new: list[str] = []
        for name in names:
            self._counts["undeclared_name" if name else "nameless"] += 1
            if not is_new(name, known):
                continue
            if name:
                new.append(shown(name))
            else:
                logger.warning(
                    "consentgate: %s a cookie without a name that %s; no policy can declare one",
                    self._verb,
                    who,
                )
        if new:
            entries = self._keepers.of(new, sys.modules.keys()) if self._keepers else {}
            left = [name for name in new if not any(name in one for one in entries.values())]
            logger.warning(
                "consentgate: %s the undeclared cookie%s %s that %s%s",
                self._verb,
                "s" if new[1:] else "",
                _listed(new, lambda name: _commonly(name) if name in left else ""),
                who,
                _advice(new, entries, left),
            )

    @cached_property
    def _keepers(self) -> CookieKeepers | None:
        """What the catalogue knows, where a policy file has loaded it."""
        is_loaded = load_catalogue.cache_info().currsize
        return CookieKeepers(load_catalogue()) if is_loaded else None


def _advice(names: list[str], entries: Iterable[str], left: list[str]) -> str:
    """The lines that declare them: entries of the catalogue, and what is left to the site."""
    it = "them" if names[1:] else "it"
    own = f"the service that keeps {'them' if left[1:] else 'it'}: cookies = [{_listed(left)}]"
    lines = "".join(f'[service.{key}]\nuse = "{key}"\n' for key in entries)
    if not lines:
        return f"; to declare {it}, add {it} to {own}"
    return f"; to declare {it}, add:\n\n{lines}" + (f"\nand to {own}" if left else "")


def _listed(names: Sequence[str], remark: Callable[[str], str] = lambda _: "") -> str:
    shown_names = ", ".join(f'"{name}"{remark(name)}' for name in names[:_MOST_LISTED])
    more = len(names) - _MOST_LISTED
    return f"{shown_names} and {more} more" if more > 0 else shown_names


def _commonly(name: str) -> str:
    """Whose a cookie of that name commonly is, once the tables are read; empty: not known."""
    if not known_third_parties.cache_info().currsize:
        return ""
    party = known_third_parties().of_cookie(name)
    return f" (by its name one of {party.name}'s)" if party is not None else ""


def is_new(name: bytes, known: set[str]) -> bool:
    """Whether a name is seen for the first time; remembers it, while there is room."""
    text = shown(name)
    if text in known or len(known) >= _MOST_NAMES:
        return False
    known.add(text)
    return True


def shown(name: bytes) -> str:
    """A cookie's name as it may stand in a log and in TOML."""
    return "".join(
        char if 32 < ord(char) < 127 and char not in '"\\' else "?"
        for char in name[:_MOST_CHARS].decode("latin-1")
    )
