"""Owns what is done about beacons in a page: one outcome's verdicts, and the page's way through.

A page gets its own markup and loses what is denied in one pass; where nothing is denied it is not
looked at beyond its head.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Final, Protocol

from consentgate.domain.decision import Verdict
from consentgate.formats.html import host_search
from consentgate.formats.html.element import UNKNOWN, Held, Judge
from consentgate.formats.html.head import Opening, Openings, start_of
from consentgate.formats.html.programs import loaded_by
from consentgate.formats.html.rewriter import Rewriter
from consentgate.formats.urls.addresses import Address, address_of, canonical_host, decodings
from consentgate.formats.urls.personal import tells_who
from consentgate.gates.declared.hosts import HostTable
from consentgate.gates.declared.strangers import Strangers
from consentgate.gates.gated import NOTHING, Found
from consentgate.gates.outcomes import Outcome, once_per_outcome
from consentgate.memo import Memo, up_to

OVERLONG: Final = "tag_overlong"
"""Name of what is counted."""
MOST_HOSTS: Final = 8_192
_MOST_SCRIPTS: Final = 256
_MOST_SCRIPT_BYTES: Final = 65_536
MOST_HOST_BYTES: Final = 96
_WORD = re.compile(rb"[\w$]")
_KEY = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_START_BYTES: Final = 4_096
"""How far into a page its language is looked for."""
Hold = Callable[[Held, bytes, bool], bytes]
"""Draws the placeholder of a held frame, told the page's language and whether it ``is_based``."""
_NO_HOST = re.compile(rb"\[[0-9A-Fa-f:.]*[^0-9A-Fa-f:.\]\\]|[^\[\\]+[\[\]^|]|[\]^|:]")
"""What a regular expression in a script has and no host does: brackets inside, carets, bars."""
_SHRINKS = re.compile(rb"[\t\n\r%\x80-\xff]")
_BREAK = re.compile(r"[\t\n\r]")
_REMOVED = str.maketrans("", "", "\t\n\r")


class _Hosts:
    """Says whether a host may be denied."""

    def __init__(self, table: HostTable, strangers: Strangers, denied: frozenset[str]) -> None:
        self._table = table
        self._strangers = strangers
        self._denied = denied

    def may_be_denied(self, raw: bytes) -> bool:
        """Whether it may, by its bytes as they stand in a page, if every stranger is let be."""
        return self.classified(raw) is True

    def classified(self, raw: bytes) -> bool | frozenset[str]:
        """The same; where it is not denied, the strangers that the bytes may name, if any."""
        if b"&" in raw:
            return True  # character references: the tag itself will tell
        if raw.endswith(b"\\"):
            # an escape: the style sheet itself will tell, unless no host has what comes before it
            return not _NO_HOST.match(raw)
        if len(raw) >= host_search.MOST_HOST_BYTES and _SHRINKS.search(raw):
            return True  # it was cut, and may be shorter than it is written
        # a line break inside quotes is left out of an address, without them it ends it
        texts = decodings(raw)
        readings = {text.translate(_REMOVED) for text in texts}
        readings |= {_BREAK.split(text, 1)[0] for text in texts}
        hosts = {canonical_host(_host_part(text)) for text in readings} - {""}
        if any(not self._denied.isdisjoint(self._table.on(host)) for host in hosts):
            return True
        return frozenset(filter(self._strangers.may_be, hosts)) or False


def _host_part(authority: str) -> str:
    """Without a port."""
    if authority.startswith("["):
        return authority.partition("]")[0] + "]"
    return authority.partition(":")[0]


class Verdicts:
    """What one outcome denies of what a page can name: a judge for the rewriter."""

    def __init__(self, outcome: Outcome, table: HostTable) -> None:
        """Prepare, once for each outcome."""
        self._decision = outcome.decision
        self._denied = outcome.denied_services
        self._table = table
        policy = outcome.plan.policy
        self._guarded = frozenset(
            service.key
            for service in policy.services
            if service.is_third_party and policy.site.personal_urls == "block"
        )
        self.told: set[str] = set()
        """Hosts of third parties that a page's address would have told who a visitor is."""
        self.strangers = outcome.plan.strangers
        """Who is nobody that the policy names."""
        hosts = _Hosts(table, self.strangers, self._denied | self._guarded)
        self.classified = Memo(hosts.classified, MOST_HOSTS, is_small=up_to(MOST_HOST_BYTES))
        """The same, with the strangers that the bytes may name."""
        self.hosts = Memo(hosts.may_be_denied, MOST_HOSTS, is_small=up_to(MOST_HOST_BYTES))
        """Whether a host may be denied, by its bytes as they stand in a page."""
        self._snippets = [
            (snippet.encode(), service.key)
            for service in outcome.plan.policy.services
            if service.key in self._denied
            for snippet in service.snippets
            if snippet
        ]
        self.signatures = tuple(dict.fromkeys(snippet for snippet, _ in self._snippets))
        """What the inline scripts of denied services are known by."""
        self.knows: Callable[[bytes], tuple[str, ...]] = Memo(
            self._known, _MOST_SCRIPTS, is_small=up_to(_MOST_SCRIPT_BYTES)
        ).__getitem__
        """The denied services whose signature an inline script bears, in policy order, then those
        that it loads from."""
        self.loads: Callable[[bytes], tuple[str, ...]] = Memo(
            self._loaded, _MOST_SCRIPTS, is_small=up_to(_MOST_SCRIPT_BYTES)
        ).__getitem__
        """The strangers that an inline script loads from; the site's own host may be among them."""

    @cached_property
    def is_idle(self) -> bool:
        """Whether nothing that a page can name is denied."""
        return not self._denied | self._guarded and all(
            verdict.is_granted for verdict in self._decision.purposes.values()
        )

    def denied(self, address: Address, url: str, *, is_loaded: bool = True) -> tuple[str, ...]:
        """The denied services the address belongs to; empty: nobody's, or granted.

        UNKNOWN where the address tells a third party who the visitor is (TPD-04), be it loaded
        or followed.
        """
        keys = self._table.find(address)
        found = tuple(key for key in keys if key in self._denied)
        if found or self._guarded.isdisjoint(keys) or not tells_who(url):
            return found
        if len(self.told) < MOST_HOSTS:
            self.told.add(address.host)
        return (UNKNOWN,)

    def _known(self, script: bytes) -> tuple[str, ...]:
        keys = [key for snippet, key in self._snippets if _bears(script, snippet)]
        return tuple(dict.fromkeys([*keys, *self._loaded_from(script)]))

    def _loaded_from(self, script: bytes) -> Iterator[str]:
        """The denied services that a loader without a signature loads from."""
        for url in loaded_by(script):
            address = address_of(url)
            if address is not None:
                yield from self.denied(address, url)

    def _loaded(self, script: bytes) -> tuple[str, ...]:
        addresses = (address_of(url) for url in loaded_by(script))
        found = (one.host for one in addresses if one is not None and self.strangers.holds(one))
        return tuple(dict.fromkeys(found))

    def denied_marks(self, services: str, purposes: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What is denied of the keys in ``data-service`` and ``data-purpose`` (STO-02).

        A key that the policy does not have is denied: a mistake must not let anything through.
        """
        decision = self._decision
        return (
            tuple(_keys(services, lambda key: _grants(decision.services, key))),
            tuple(_keys(purposes, lambda key: _grants(decision.purposes, key))),
        )


def _grants(verdicts: Mapping[str, Verdict], key: str) -> bool:
    verdict = verdicts.get(key)
    return verdict is not None and verdict.is_granted


def _keys(written: str, is_granted: Callable[[str], bool]) -> Iterator[str]:
    for key in dict.fromkeys(written.replace(",", " ").split()):
        if not is_granted(key):
            yield key if _KEY.fullmatch(key) else UNKNOWN


def _bears(script: bytes, snippet: bytes) -> bool:
    """Whether the signature stands in the script, not as the end of a longer word."""
    at = script.find(snippet)
    while at >= 0:
        if not (at and _WORD.match(snippet) and _WORD.match(script, at - 1)):
            return True
        at = script.find(snippet, at + 1)
    return False


@once_per_outcome
def verdicts_of(outcome: Outcome) -> Verdicts:
    """The outcome's verdicts, made once."""
    return Verdicts(outcome, outcome.plan.hosts)


class SiteJudge(Judge, Protocol):
    """A judge of the strangers on one site, too."""

    def take_hosts(self) -> tuple[str, ...]:
        """The strangers that pages named since this was last asked, each once."""


class Beacons:
    """One page on its way to one visitor: feed bytes, get bytes."""

    __slots__ = ("_between", "_hold", "_judge", "_openings", "_rewriter", "_start", "overlong")

    def __init__(
        self,
        outcome: Outcome,
        head: bytes,
        opening: Opening,
        hold: Hold | None = None,
        judge: SiteJudge | None = None,
    ) -> None:
        """Start a page.

        Args:
            outcome: what this visitor permits.
            head: markup for the page's head.
            opening: markup for right after ``<body>``.
            hold: draws the placeholder of an embedded frame that is held back.
            judge: says of strangers too whether they are denied; None: each of them passes.
        """
        verdicts = verdicts_of(outcome)
        self._openings = Openings(head, opening)
        self._hold = hold
        self._judge = judge
        draw = self._draw if hold is not None else None
        is_idle = judge is None and verdicts.is_idle
        self._rewriter = None if is_idle else Rewriter(judge or verdicts, draw)
        self._start = b""
        self.overlong = 0
        """How many tags were too long to be held back, and became comments; known at the end."""
        self._between: bytes | None = None

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes of the body, give what may go on."""
        if self._rewriter is None:
            return self._openings.feed(data)
        self._begin(data)
        self._between = self._rewriter.feed(data)
        passed = self._openings.feed(self._between)
        self._between = None
        return passed

    def close(self, data: bytes = b"") -> bytes:
        """Take the last bytes of the body, give all that is left."""
        if self._rewriter is not None:
            self._begin(data)
            self._between = data = self._rewriter.close(data)
            self.overlong = self._rewriter.overlong
            self._rewriter = None  # it holds what draws placeholders, which is this page
        passed = self._openings.feed(data)
        self._between = None
        rest = self._openings.close()
        return passed + rest if rest else passed

    @property
    def found(self) -> Found:
        """What the page held, known at its end."""
        hosts = self._judge.take_hosts() if self._judge is not None else ()
        if not hosts and not self.overlong:
            return NOTHING
        return Found(noticed=(OVERLONG,) if self.overlong else (), hosts=hosts)

    def _begin(self, data: bytes) -> None:
        """Remember how the page starts: a frame may come before the openings know its language."""
        if self._hold is not None and len(self._start) < _START_BYTES:
            self._start += data[:_START_BYTES]

    def _draw(self, held: Held) -> bytes:
        language, is_based = self._openings.language, self._openings.is_based
        if not language and not is_based:
            language, is_based = start_of(self._start)
        return self._hold(held, language, is_based) if self._hold is not None else b""

    def owed(self, data: bytes) -> bytes:
        """After a fault: what was held back, then ``data``, which was being fed. No byte is lost.

        What was not gated by then goes out as it came.
        """
        held = self._rewriter.carry if self._rewriter is not None else b""
        rest = held + data if self._between is None else self._between + held
        return self._openings.carry + rest
