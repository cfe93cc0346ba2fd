"""Owns what ought to happen in a state, and where what was seen differs from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.standing.parties import name_of
from benchmarks.standing.site import Mode
from benchmarks.standing.visits import Seen
from consentgate.domain.policy.policy import Policy, Service
from consentgate.formats.urls.addresses import address_of
from consentgate.gates.declared.hosts import HostTable


@dataclass(frozen=True)
class Case:
    """One cell of the table."""

    mode: Mode
    has_script: bool
    state: str


@dataclass(frozen=True)
class Fault:
    """One thing that differs."""

    kind: str
    """``request``, ``handshake``, ``stored``, ``attempt``, ``missing`` or ``violation``."""
    service: str
    """Key of the service; empty: nobody declared the host."""
    what: str


def granted_in(state: str, service: Service) -> bool:
    """Whether the service may run: it needs all its purposes."""
    if state == "accept":
        return True
    given = {"necessary", state.removeprefix("only ")}
    return set(service.purposes) <= given


class Bench:
    """Judges what was seen on one page."""

    def __init__(self, policy: Policy, baseline: Seen | dict[bool, Seen]) -> None:
        """Prepare.

        Args:
            policy: declares the services of the page.
            baseline: what the page does without the gate, with script and without.
        """
        self.policy = policy
        self._table = HostTable(policy)
        self._baseline = baseline if isinstance(baseline, dict) else {True: baseline}

    def owners_of(self, url: str) -> tuple[Service, ...]:
        """Whose an address is."""
        address = address_of(url)
        keys = self._table.find(address) if address is not None else ()
        return tuple(self.policy.service_by_key[key] for key in keys)

    def faults(self, case: Case, seen: Seen) -> Iterator[Fault]:
        """Everything that differs from what ought to be."""
        yield from self._leaks(case, seen)
        yield from self._kept(case, seen)
        yield from self._missing(case, seen)
        for what in sorted(seen.violations):
            owners = self.owners_of(what.partition(" ")[2])
            if owners and all(granted_in(case.state, one) for one in owners):
                yield Fault("violation", owners[0].key, what)

    def _leaks(self, case: Case, seen: Seen) -> Iterator[Fault]:
        for kind, urls in (("request", seen.asked), ("attempt", seen.attempted)):
            for url in sorted(urls):
                whole = url if "://" in url else f"https://{url}"
                owners = self.owners_of(whole)
                denied = [one for one in owners if not granted_in(case.state, one)]
                if denied or not owners:
                    yield Fault(kind, denied[0].key if denied else "", url)
        for host in sorted(seen.shaken):
            keys = self._table.on(host)
            if not any(granted_in(case.state, self.policy.service_by_key[key]) for key in keys):
                yield Fault("handshake", min(keys, default=""), host)

    def _kept(self, case: Case, seen: Seen) -> Iterator[Fault]:
        free = {
            name
            for service in self.policy.services
            if granted_in(case.state, service)
            for name in names_of(service)
        }
        for service in self.policy.services:
            for name in sorted((names_of(service) - free) & seen.stored):
                yield Fault("stored", service.key, name)

    def _missing(self, case: Case, seen: Seen) -> Iterator[Fault]:
        if case.mode.cache == "shared" and not case.has_script:
            return  # one page for everyone: only our script brings back what is granted
        baseline = self._baseline[case.has_script]
        for url in sorted(baseline.asked):
            owners = self.owners_of("https://" + url)
            if not owners or not all(granted_in(case.state, one) for one in owners):
                continue
            if _place(url) not in {_place(other) for other in seen.asked}:
                yield Fault("missing", owners[0].key, url)


def _place(url: str) -> str:
    """Host and path, without what changes from one load to the next."""
    return url.partition("?")[0]


def names_of(service: Service) -> set[str]:
    """Names that the stand-in keeps for the service."""
    names = {name_of(item.name, item.match) for item in service.cookies}
    return names | {name_of(item.name, item.match) for item in service.storage}
