"""Owns which answers the security log notes, and what of the visit it is told.

Only what an attack leaves: refused and failing requests, and many missing pages from one network.
Nothing of an ordinary visit is told, and nothing of this reaches the site log.
"""

from __future__ import annotations

from consentgate.asgi.posts.limits import ClientOf, RateLimit
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
        """Write down an answer that tells of an attack."""
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
        looks = self._agents.looks(agent)
        self._file.write(
            Incident(
                at=visit.now,
                address=address,
                agent=agent,
                looks=looks.bot.name if looks.bot else looks.device.value,
                method=method_name(visit.request.method),
                path=scrubbed_path(visit.request.whole_path),
                status=status,
                reason=reason,
            )
        )

    def _reason(self, visit: Ended, address: bytes) -> str:
        if visit.status >= 500:
            return "server-error"
        if visit.status == 404 and not self._missing.allows(address, visit.now):
            return "many-missing"
        return _REASONS.get(visit.status, "")

    def close(self) -> None:
        """Forget the key and close the file."""
        self._file.close()
