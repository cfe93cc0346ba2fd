"""Owns the response headers that make a browser contact somebody (STO-04, STO-09, CKE-06).

What leads to a denied service goes, what leads elsewhere stays byte for byte. A header that some
visitors get and others do not is marked as made for one visitor, so that no cache hands it on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from consentgate.formats.headers import Headers
from consentgate.formats.headers import lists as header_lists
from consentgate.formats.urls.addresses import address_of, of_refresh, of_srcset
from consentgate.gates.declared.strangers import Strangers
from consentgate.gates.gated import NOTHING, Found, Gated
from consentgate.gates.headers import client_hints, reporting
from consentgate.gates.headers.caching import VISITOR, with_private, with_vary
from consentgate.gates.outcomes import Outcome, once_per_outcome

_Gate = Callable[[bytes, "Judge"], bytes | None]
"""Takes a value, gives what stays of it: the same bytes, others, or None for nothing."""

_TARGET = re.compile(rb"[ \t]*<([^>]*)>(.*)", re.DOTALL)
_PARAMETER = re.compile(
    rb';[ \t]*([A-Za-z*-]{1,40})[ \t]*=[ \t]*(?:"((?>(?:[^"\\]|\\.)*))"|([^;," \t]*))', re.DOTALL
)
_FETCHED = frozenset(
    b"preload modulepreload preconnect dns-prefetch prefetch prerender stylesheet icon "
    b"compression-dictionary".split()
)
"""Relations that a browser acts on without being asked."""


class Judge:
    """What one outcome denies of what a header can name."""

    def __init__(self, outcome: Outcome) -> None:
        """Prepare, once for each outcome."""
        self._denied = outcome.denied_services
        self._table = outcome.plan.hosts
        self.may_follow = outcome.may_follow
        self.is_idle = self.may_follow and not self._denied

    def denies(self, url: bytes) -> bool:
        """Whether an absolute address is a denied service's."""
        return not self._denied.isdisjoint(self._table.services_of(url))


class StrangerJudge(Judge):
    """What a header can name and nobody declared: the same for every visitor of one host."""

    def __init__(self, strangers: Strangers, own: str, *, is_blocking: bool) -> None:
        """Prepare, for one answer.

        Args:
            strangers: who is nobody that the policy names.
            own: the host that the answer comes from.
            is_blocking: whether strangers are held, or only noted.
        """
        self.may_follow = True
        self.is_idle = False
        self.hosts: dict[str, None] = {}
        """The strangers that were named."""
        self._strangers = strangers
        self._own = own
        self.is_blocking = is_blocking

    def denies(self, url: bytes) -> bool:
        """Whether an absolute address is a stranger's, and held."""
        address = address_of(url.decode("utf-8", "replace"))
        if address is None or address.host == self._own or not self._strangers.holds(address):
            return False
        self.hosts[address.host] = None
        return self.is_blocking


@once_per_outcome
def judge_of(outcome: Outcome) -> Judge:
    """The outcome's judge, made once."""
    return Judge(outcome)


def _link(value: bytes, judge: Judge) -> bytes | None:
    return header_lists.kept(value, lambda member: not _is_denied_link(member, judge))


def _is_denied_link(member: bytes, judge: Judge) -> bool:
    target = _TARGET.match(member)
    if target is None:
        return False
    named = [
        (name.lower(), quoted or plain) for name, quoted, plain in _PARAMETER.findall(target[2])
    ]
    # which of several of one name counts, browsers do not agree on: each of them does here
    relations = {word for name, value in named if name == b"rel" for word in value.lower().split()}
    if _FETCHED.isdisjoint(relations):
        return False
    candidates = [
        url
        for name, value in named
        if name == b"imagesrcset"
        for url in of_srcset(value.decode("utf-8", "replace"))
    ]
    return judge.denies(target[1]) or any(judge.denies(url.encode()) for url in candidates)


def _refresh(value: bytes, judge: Judge) -> bytes | None:
    return None if judge.denies(of_refresh(value.decode("utf-8", "replace")).encode()) else value


def _address(value: bytes, judge: Judge) -> bytes | None:
    return None if judge.denies(value.strip()) else value


def _strings(value: bytes, judge: Judge) -> bytes | None:
    return header_lists.kept(
        value, lambda member: not any(map(judge.denies, header_lists.strings(member)))
    )


def _accept_ch(value: bytes, judge: Judge) -> bytes | None:
    return value if judge.may_follow else client_hints.accepted(value)


def _critical_ch(value: bytes, judge: Judge) -> bytes | None:
    return value if judge.may_follow else client_hints.critical(value)


def _dictionary(value: bytes, judge: Judge) -> bytes | None:
    """``Use-As-Dictionary``: what a browser keeps, and names to the site again (RFC 9842)."""
    return value if judge.may_follow else None


def _permissions(value: bytes, judge: Judge) -> bytes | None:
    if judge.may_follow:
        return client_hints.undelegated(value, judge.denies)
    return client_hints.permissions(value)


_GATES: dict[bytes, _Gate] = {
    b"accept-ch": _accept_ch,
    b"critical-ch": _critical_ch,
    b"link": _link,
    b"permissions-policy": _permissions,
    b"refresh": _refresh,
    b"sourcemap": _address,
    b"speculation-rules": _strings,
    b"use-as-dictionary": _dictionary,
    b"x-sourcemap": _address,
    # Expect-CT: report-uri="https://…"
    b"expect-ct": _strings,
}
_REPORTS = (b"report-to", b"reporting-endpoints")
_REPORTERS = (b"nel", b"content-security-policy", b"content-security-policy-report-only")
OWNED = frozenset((*_GATES, *_REPORTS, *_REPORTERS))
"""Names in lower case; everything else passes unread."""


def gated_headers(headers: Headers, outcome: Outcome, *, is_for_all: bool = False) -> Headers:
    """The headers with nothing left in them that contacts a denied service.

    Args:
        headers: the response's pairs, names in any case.
        outcome: what this visitor permits, or everybody where caches share the answer.
        is_for_all: whether ``outcome`` is the same for every visitor.

    Returns:
        The same list where no visitor would get another one.
    """
    for name, _ in headers:
        if name.lower() in OWNED:
            break
    else:
        return headers
    strictest = outcome.strictest
    for_nobody = _gated(headers, judge_of(strictest))
    if for_nobody is headers:
        return headers
    given = for_nobody if outcome is strictest else _gated(headers, judge_of(outcome))
    return given if is_for_all else with_private(with_vary(given, VISITOR))


def _gated(headers: Headers, judge: Judge) -> Headers:
    if judge.is_idle:
        return headers
    gone: set[str] = set()
    staying: dict[int, bytes | None] = {}
    for names in (_REPORTS, (*_GATES, *_REPORTERS)):
        for position, (name, value) in enumerate(headers):
            folded = name.lower()
            if folded in names and (new := _value(folded, value, judge, gone)) is not value:
                staying[position] = new
    if not staying:
        return headers
    left: Headers = []
    for position, (name, value) in enumerate(headers):
        new = staying.get(position, value)
        if new is not None:
            left.append((name, new))
    return left


def _value(name: bytes, value: bytes, judge: Judge, gone: set[str]) -> bytes | None:
    gate = _GATES.get(name)
    if gate is not None:
        return gate(value, judge)
    if name == b"report-to":
        return reporting.groups(value, judge.denies, gone)
    if name == b"reporting-endpoints":
        return reporting.endpoints(value, judge.denies, gone)
    if name == b"nel":
        return reporting.errors(value, gone)
    return reporting.policy_reports(value, judge.denies, gone)


def without_strangers(headers: Headers, outcome: Outcome, own: str) -> Gated:
    """The headers with nothing left in them that contacts somebody whom nobody declared.

    Args:
        headers: the response's pairs, names in any case.
        outcome: of any visitor; only its policy counts.
        own: the host that the answer comes from.
    """
    judge = _stranger_judge(outcome, own)
    gated = _gated(headers, judge)
    if not judge.is_blocking:
        gated = headers
    return Gated(gated, Found(hosts=tuple(judge.hosts)) if judge.hosts else NOTHING)


def links_without_strangers(
    links: Iterable[bytes], outcome: Outcome, own: str
) -> tuple[list[bytes], Found]:
    """The links of an early hint without those, and what was found."""
    judge = _stranger_judge(outcome, own)
    passed = (_link(bytes(link), judge) for link in links)
    left = [link for link in passed if link is not None]
    return left, Found(hosts=tuple(judge.hosts)) if judge.hosts else NOTHING


def _stranger_judge(outcome: Outcome, own: str) -> StrangerJudge:
    plan = outcome.plan
    is_blocking = plan.policy.site.unknown_hosts == "block"
    return StrangerJudge(plan.strangers, own, is_blocking=is_blocking)


def gated_links(links: Iterable[bytes], outcome: Outcome) -> list[bytes]:
    """The links of an early hint without those of denied services (CKE-06)."""
    judge = judge_of(outcome)
    passed = (_link(bytes(link), judge) for link in links)
    return [link for link in passed if link is not None]
