"""Owns how a finished visit becomes an access record; fails closed to the operational one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from consentgate.domain.policy import Policy
from consentgate.domain.record import SCHEMA, Tier
from consentgate.gates.site_information import (
    Operational,
    Record,
    hour_of,
    is_entry,
    method_name,
    operational_record,
    referrer_class,
    referrer_host,
    statistics_of,
    statistics_record,
)
from consentgate.gates.visit import Visit
from consentgate.log import RecordSink
from consentgate.log.files import LineFile, NoFile

PURPOSE = "statistics"


class SiteLog:
    """Writes one access record a visit, as much as the visitor's decision permits."""

    def __init__(self, policy: Policy, sink: RecordSink) -> None:
        self._settings = policy.log
        self._version = policy.version
        self._sink = sink
        self._queries = frozenset(policy.log.query_fields)
        self._names = frozenset(policy.log.fields)
        self.is_on = not isinstance(sink, NoFile)
        self._hour = (-1, "")

    @classmethod
    def open(cls, policy: Policy) -> SiteLog:
        """Open the folder that the policy names; without one nothing is written."""
        directory = policy.log.directory
        return cls(policy, LineFile(directory) if directory else NoFile())

    def note(self, visit: Visit, duration_ns: int) -> None:
        """Write the record of a visit that has ended. Never raises."""
        if not self.is_on:
            return
        signals = visit.outcome.decision.signals
        if signals.is_set and self._settings.signals_mode == "drop":
            return
        try:
            record = self._record(visit, duration_ns // 1000)
        except Exception:
            record = {
                "ts": hour_of(visit.now),
                "tier": Tier.OPERATIONAL.value,
                "v": self._version,
                "status": visit.status,
                "err": "unreadable",
            }
        if self._names:
            kept = self._names | {"ts", "tier", "v"}
            record = {name: value for name, value in record.items() if name in kept}
        self._sink.write(record)

    def _record(self, visit: Visit, duration_us: int) -> Record:
        scope = visit.scope
        headers = _first(scope["headers"])
        referrer = headers.get(b"referer", "")
        kind = referrer_class(referrer_host(referrer), visit.host)
        facts = Operational(
            hour=self._hour_of(visit.now),
            method="WS" if scope["type"] == "websocket" else method_name(scope["method"]),
            route=route_of(scope),
            status=visit.status,
            bytes_out=visit.bytes_out,
            duration_us=duration_us,
            referrer_class=kind,
            is_entry=is_entry(
                headers.get(b"sec-fetch-site", ""), headers.get(b"sec-fetch-dest", ""), kind
            ),
            signals=_signals(visit),
            version=self._version,
        )
        if not self._may_count(visit):
            return operational_record(facts)
        return statistics_record(
            facts,
            statistics_of(
                at=visit.now,
                path=visit.path,
                query=scope.get("query_string", b""),
                allowed=self._queries,
                referrer=referrer,
                language=headers.get(b"accept-language", ""),
            ),
        )

    def _may_count(self, visit: Visit) -> bool:
        """T1 needs a *grant* of statistics, and no signal (LOG-15)."""
        decision = visit.outcome.decision
        choice = visit.choice
        return (
            choice is not None
            and choice.purposes.get(PURPOSE, False)
            and decision.allows(PURPOSE)
            and (not decision.signals.is_set or self._settings.signals_mode == "as-none")
        )

    def _hour_of(self, at: int) -> str:
        number = at // 3_600
        if self._hour[0] != number:
            self._hour = (number, hour_of(at))
        return self._hour[1]

    def close(self) -> None:
        """Let go of the file."""
        self._sink.close()


_WANTED = frozenset((b"referer", b"sec-fetch-site", b"sec-fetch-dest", b"accept-language"))


def _first(headers: list[tuple[bytes, bytes]]) -> dict[bytes, str]:
    return {name: value.decode("latin-1") for name, value in reversed(headers) if name in _WANTED}


def _signals(visit: Visit) -> tuple[str, ...]:
    signals = visit.signals
    if not signals.is_set:
        return ()
    return tuple(n for n, is_set in (("gpc", signals.gpc), ("dnt", signals.dnt)) if is_set)


def route_of(scope: Mapping[str, Any]) -> str:
    """The template of the route that answered, never the address; ``(unmatched)`` without one.

    Starlette and FastAPI leave the route in the scope (1.7 and later), Starlette's mounts their
    path; other frameworks leave nothing, so nothing is claimed.
    """
    route = scope.get("route")
    template = getattr(route, "path_format", None) or getattr(route, "path", None)
    if isinstance(template, str) and template:
        return template[:256]
    return "(unmatched)"


__all__ = ["SCHEMA", "SiteLog", "route_of"]
