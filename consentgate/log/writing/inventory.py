"""Owns the inventory of everything the log keeps: where, what, how long, who may read (LOG-10)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from consentgate.domain.policy.policy import Policy
from consentgate.log.writing.layout import Layout

_GROUP = "owner writes, group reads (0640)"
_OWNER = "owner alone (0600)"


@dataclass(frozen=True, slots=True)
class Sink:
    """One place where something is kept."""

    name: str
    place: str
    holds: str
    kept: str
    access: str


def sinks(policy: Policy) -> Iterator[Sink]:
    """Every sink that a policy opens, and those that it leaves closed."""
    log = policy.log
    if log.folder:
        yield from _of_folder(policy)
    else:
        place = "standard output" if log.directory else "(off)"
        kept = "by whoever collects it" if log.directory else "not at all"
        yield Sink("site log", place, "access records", kept, "whoever reads the output")
    if log.security_directory:
        days = f"{log.security_retention_days} days"
        holds = "pseudonyms and encrypted agents of failed and refused requests"
        yield Sink("security log", log.security_directory, holds, days, _OWNER)
    else:
        yield Sink("security log", "(off)", "", "not at all", "")
    meanings = {"mute": "nothing", "minimise": "lines without address and query"}
    holds = meanings.get(log.access_log, "whatever the server writes")
    yield Sink("server's own access log", "the server's", holds, "by the server", "the server's")


def _of_folder(policy: Policy) -> Iterator[Sink]:
    log = policy.log
    layout = Layout.of(log.folder)
    rows = f"{log.event_retention_days} days"
    sums = f"{log.count_retention_days} days"
    places = f"{layout.live}, {layout.closed}, {layout.events}"
    yield Sink("site log", places, "access records", rows, _GROUP)
    yield Sink(
        "visitors of a day",
        f"field visitor of {layout.events}",
        "keyed names of who granted statistics",
        f"{log.visitor_ttl_days} days, then a number",
        _GROUP,
    )
    place = log.ratchet_directory or str(layout.state)
    yield Sink("key of the day", f"{place}/ratchet", "the newest key", "1 day", _OWNER)
    files = f"{layout.root}/*.counts, {layout.counts}"
    yield Sink("sums", files, "numbers of one dimension at a time", sums, _GROUP)
    if log.is_longitudinal:
        yield Sink(
            "keys of subjects",
            str(layout.subjects),
            f"a key for each visitor who granted {log.longitudinal_purpose}",
            f"until withdrawal or erasure, or {rows} unused",
            _OWNER,
        )
    place = f"{layout.state}/tombstones.jsonl"
    yield Sink("erasures", place, "names whose rows must not return", rows, _OWNER)
    yield Sink("manifest", str(layout.manifest), "what was compacted, no visitors", sums, _GROUP)
