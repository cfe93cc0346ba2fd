"""Owns which answers the security log notes, and what of the visit it writes down.

Only what an attack leaves: refused and failing requests, and many missing pages from one network.
Never knows an ordinary visit, and nothing of this reaches the site log.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from consentgate.asgi.posts.limits import ClientOf, RateLimit
from consentgate.domain.agents import UNSORTED, AgentClasses
from consentgate.domain.policy.policy import Policy
from consentgate.formats.urls.scrubbing import scrubbed_path
from consentgate.gates.ended import Ended
from consentgate.gates.records.site_information import method_name
from consentgate.log.security.file import Incident, SecurityFile
from consentgate.log.writing.background import TICKER
from consentgate.lookup.agents import Agents

MISSING_A_MINUTE = 10
"""So many missing pages in a minute are a person's; the next ones are a scan's."""
MAX_AGENT_CHARS = 512
_REASONS = {401: "unauthenticated", 403: "forbidden", 429: "rate-limited"}


class SecurityLog:
    """Notes incidents where the policy names a folder and an officer."""

    def __init__(self, file: SecurityFile, agents: Agents, client_of: ClientOf) -> None:
        self._file = file
        self._agents = agents
        self._client_of = client_of
        self._missing = RateLimit(most=MISSING_A_MINUTE)
        self._is_fresh = True

    @classmethod
    def open(cls, policy: Policy, agents: Agents, client_of: ClientOf) -> SecurityLog | None:
        """Open what the policy names; None: no security log is kept.

        Raises:
            SettingError: the officer's public key cannot be used.
        """
        settings = policy.log
        if not settings.security_directory:
            return None
        from consentgate.log.security.sealing import read_public_key

        officer = read_public_key(settings.security_public_key)
        file = SecurityFile(
            settings.security_directory, officer, days=settings.security_retention_days
        )
        return cls(file, agents, client_of)

    def note(self, visit: Ended) -> None:
        """Write down an answer that an attack leaves; any other is left alone."""
        status = visit.status
        if status < 400:
            return
        address = self._client_of(visit.request)
        if address is None:
            return
        reason = self._reason(visit, address)
        if not reason:
            return
        if self._is_fresh:
            self._is_fresh = False
            TICKER.watch(self._file)
        agent = visit.request.header(b"user-agent")[:MAX_AGENT_CHARS]
        incident = Incident(
            at=visit.now,
            address=address,
            agent=agent,
            looks="",
            method=method_name(visit.request.method),
            path=scrubbed_path(visit.request.whole_path),
            status=status,
            reason=reason,
        )
        classes = self._agents.classes.get(agent)
        if classes is not None:
            self._write(incident, classes)
        elif not TICKER.later(partial(self._write_at_leisure, incident)):
            self._write(incident, UNSORTED)

    def _write(self, incident: Incident, classes: AgentClasses) -> None:
        looks = classes.bot.name if classes.bot else classes.device
        self._file.write(replace(incident, looks=looks))

    def _write_at_leisure(self, incident: Incident) -> None:
        """Find out what the agent is, which an event loop does not wait for, and write."""
        self._write(incident, self._agents.classes[incident.agent])

    def _reason(self, visit: Ended, address: bytes) -> str:
        if visit.status >= 500:
            return "server-error"
        if visit.status == 404 and not self._missing.allows(address, visit.now):
            return "many-missing"
        return _REASONS.get(visit.status, "")

    def close(self) -> None:
        """Write what waits, forget the key and close the file."""
        TICKER.finish()
        self._file.close()
