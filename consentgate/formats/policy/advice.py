"""Owns what is odd in a valid policy: said by ``consentgate check``, it stops no site.

Never reads files: the catalogue of known services is an argument.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from consentgate.domain.policy.policy import CookiePattern, HostPattern, Match, Policy, Service
from consentgate.domain.policy.purposes import NECESSARY
from consentgate.errors import Fault
from consentgate.formats.policy.line_numbers import Path, Places
from consentgate.formats.policy.reader import Catalogue

Finding = tuple[str, Path, str, str]
"""Id, key path, what is odd, and a word that finds the line."""
_STARTER = {"name": "Example Ltd", "contact": "privacy@example.com"}
"""What ``consentgate init`` writes for the operator to replace."""


def advise(policy: Policy, text: str, *, name: str, catalogue: Catalogue) -> tuple[Fault, ...]:
    """Say everything that is odd in a policy, each with its line and what to do.

    Args:
        policy: as it was read.
        text: the file's content, for line numbers.
        name: how the file is called.
        catalogue: known services by key.
    """
    places = Places(text)
    found = [
        *_starter(policy),
        *_known_otherwise(policy, catalogue),
        *_everything(policy),
        *_dotted(policy, text),
        *_covered_cookies(policy.services),
        *_shared_hosts(policy.services),
        *_necessary_strangers(policy, catalogue),
    ]
    return tuple(
        Fault(fault_id, f"{name}:{places.line_with(path, word)}: [{_table(path)}]", message)
        for fault_id, path, message, word in found
    )


def _table(path: Path) -> str:
    return ".".join(str(part) for part in path[:-1])


def _starter(policy: Policy) -> Iterator[Finding]:
    for key, placeholder in _STARTER.items():
        if getattr(policy.controller, key) == placeholder:
            message = (
                f'{key} = "{placeholder}" stands in the starter policy; visitors read it: '
                "write your own"
            )
            yield "CG163", ("controller", key), message, placeholder


def _known_otherwise(policy: Policy, catalogue: Catalogue) -> Iterator[Finding]:
    """Services that are declared necessary and known to serve something else."""
    for service in policy.services:
        if service.purposes != (NECESSARY,):
            continue
        for host in service.hosts:
            known = _entry_of(host, catalogue)
            if known is not None and NECESSARY not in known.get("purposes", ()):
                purposes = " and ".join(known["purposes"])
                message = (
                    f'"{_written(host)}" of {known.get("name", "this service")} is known to serve '
                    f"{purposes}; declared necessary it runs before anybody was asked. Unless your "
                    f"counsel says so: purposes = [{_quoted(known['purposes'])}]"
                )
                yield "CG160", ("service", service.key, "hosts"), message, _written(host)
                break


def _entry_of(host: HostPattern, catalogue: Catalogue) -> Mapping[str, Any] | None:
    """The known service that a host belongs to: by its own name first, then by a parent's."""
    covering = None
    for entry in catalogue.values():
        for written in entry.get("hosts", ()):
            known = written.partition("/")[0]
            if known.removeprefix("*.") == host.host:
                return entry
            if known.startswith("*.") and host.host.endswith(known[1:]):
                covering = entry
    return covering


def _necessary_strangers(policy: Policy, catalogue: Catalogue) -> Iterator[Finding]:
    """Third parties that nobody knows and that run before anybody was asked."""
    for service in policy.services:
        if service.purposes == (NECESSARY,) and service.is_third_party and service.hosts:
            host = service.hosts[0]
            if _entry_of(host, catalogue) is None:
                message = (
                    f'"{_written(host)}" of a third party serves only what is necessary: it is '
                    'asked before any choice; if that is so, say role = "processor" and '
                    "contract = true, or name the purpose it serves"
                )
                yield "CG165", ("service", service.key, "hosts"), message, _written(host)


def _everything(policy: Policy) -> Iterator[Finding]:
    for service in policy.services:
        for cookie in service.cookies:
            if cookie.match is not Match.EXACT and not cookie.name.strip("*?"):
                message = (
                    f'cookie "{_named(cookie)}" catches every cookie that nobody else declared; '
                    "name those that this service keeps"
                )
                yield "CG164", ("service", service.key, "cookies"), message, _named(cookie)


def _dotted(policy: Policy, text: str) -> Iterator[Finding]:
    """Prefixes that end in a dot, which regular expressions write before a star."""
    for service in policy.services:
        for cookie in service.cookies:
            written = _named(cookie)
            if written.endswith(".*") and f'"{written}"' in text:
                message = (
                    f'cookie "{written}" means names that begin with "{cookie.name}", dot and all; '
                    f'a regular expression is not read; did you mean "{cookie.name[:-1]}*"?'
                )
                yield "CG168", ("service", service.key, "cookies"), message, written


def _covered_cookies(services: Sequence[Service]) -> Iterator[Finding]:
    """Patterns of one service that match what another one of other purposes declares."""
    for one, other in combinations(services, 2):
        if one.purposes == other.purposes:
            continue
        for mine in one.cookies:
            for theirs in other.cookies:
                for wide, owner, narrow, keeper in (
                    (mine, one, theirs, other),
                    (theirs, other, mine, one),
                ):
                    if _covers(wide, narrow):
                        message = (
                            f'cookie "{_named(wide)}" of [service.{owner.key}] also matches '
                            f'"{_named(narrow)}" of [service.{keeper.key}], which keeps it, as the '
                            "more exact one; make the wider one narrower if that is not meant"
                        )
                        yield "CG161", ("service", other.key, "cookies"), message, _named(theirs)


def _covers(wide: CookiePattern, narrow: CookiePattern) -> bool:
    if wide.match is Match.EXACT or not wide.name.strip("*?"):
        return False
    if wide.match is Match.PREFIX:
        is_same = narrow.match is Match.PREFIX and narrow.name == wide.name
        return narrow.match is not Match.GLOB and narrow.name.startswith(wide.name) and not is_same
    return narrow.match is Match.EXACT and fnmatch.fnmatchcase(narrow.name, wide.name)


def _shared_hosts(services: Sequence[Service]) -> Iterator[Finding]:
    keepers: dict[HostPattern, Service] = {}
    for service in services:
        for host in service.hosts:
            keeper = keepers.setdefault(host, service)
            if keeper is not service and keeper.purposes != service.purposes:
                message = (
                    f'host "{_written(host)}" belongs to [service.{keeper.key}] too: it takes all '
                    "of their purposes to be granted; tell them apart by a path "
                    f'("{_written(host)}/path/") if that is not meant'
                )
                yield "CG162", ("service", service.key, "hosts"), message, _written(host)


def _named(cookie: CookiePattern) -> str:
    return f"{cookie.name}*" if cookie.match is Match.PREFIX else cookie.name


def _written(host: HostPattern) -> str:
    path = "" if host.path_prefix == "/" else host.path_prefix
    return ("*." if host.includes_subdomains else "") + host.host + path


def _quoted(words: Sequence[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)
