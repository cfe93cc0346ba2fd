"""Owns putting the visitor's own pages together, and the links that the app makes to them."""

from __future__ import annotations

from collections.abc import Sequence

from consentgate.asgi.choices.choose import Choices
from consentgate.asgi.choices.references import References
from consentgate.asgi.faults import Faults
from consentgate.asgi.pages.templates import Pages
from consentgate.asgi.pages.views import Views
from consentgate.asgi.posts.limits import ClientOf
from consentgate.asgi.recording.site_log import SiteLog
from consentgate.asgi.rights.collecting import Sources
from consentgate.asgi.rights.erasing import Eraser
from consentgate.asgi.rights.hooks import Hooks
from consentgate.asgi.rights.links import Links
from consentgate.asgi.rights.page import RightsPages
from consentgate.domain.policy.policy import Policy
from consentgate.ledger import Ledger
from consentgate.rights.register import Register


class Rights:
    """What answers for visitors' own data."""

    def __init__(
        self,
        policy: Policy,
        keys: Sequence[bytes],
        ledger: Ledger,
        site_log: SiteLog,
        hooks: Hooks | None,
        faults: Faults,
    ) -> None:
        self.references = References(keys)
        self.links = Links(
            keys,
            audience=policy.site.token_name + "|" + policy.controller.name,
            lasts_seconds=policy.rights.link_minutes * 60,
        )
        register, known = Register.of(policy), site_log.recognition
        self._hooks = hooks or Hooks()
        self._faults = faults
        rows_under = known.rows_under if known is not None else None
        self._sources = Sources(policy, ledger, rows_under, register)
        self._eraser = Eraser(ledger, known, register, self._hooks, faults)

    def pages(
        self, choices: Choices, pages: Pages, views: Views, client_of: ClientOf
    ) -> RightsPages:
        """The addresses below the prefix."""
        return RightsPages(
            self._sources,
            self._eraser,
            choices,
            self.references,
            self.links,
            self._hooks,
            pages,
            views,
            client_of,
            self._faults,
        )
