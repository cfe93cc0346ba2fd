"""Owns putting a gate together: opens everything once, hands each part what it needs, closes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from starlette.types import Scope

from consentgate.asgi.choices.choose import Choices
from consentgate.asgi.choices.proof import Proof
from consentgate.asgi.choices.taking_over import TakingOver
from consentgate.asgi.explaining import Explaining
from consentgate.asgi.faults import Faults
from consentgate.asgi.pages.announcement import news_reader
from consentgate.asgi.pages.assets import assets
from consentgate.asgi.pages.notices import Published
from consentgate.asgi.pages.templates import Pages
from consentgate.asgi.pages.views import Views
from consentgate.asgi.pages.well_known import WellKnown
from consentgate.asgi.placing import AgeOf, Placing, ResidenceOf
from consentgate.asgi.posts.limits import Limits
from consentgate.asgi.recording.csp_reports import Reports
from consentgate.asgi.recording.interests import Interests
from consentgate.asgi.recording.recognition import Recognition
from consentgate.asgi.recording.recorder import Recorder
from consentgate.asgi.recording.security_log import SecurityLog
from consentgate.asgi.recording.site_log import SiteLog
from consentgate.asgi.recording.undeclared_hosts import UndeclaredHosts
from consentgate.asgi.recording.warnings import Warnings
from consentgate.asgi.revoking.revocations import Revocations
from consentgate.asgi.routes import Posts, Routes
from consentgate.asgi.startup.policy_file import load_policy
from consentgate.asgi.startup.signing import is_development, signing_keys
from consentgate.asgi.startup.texts import load_texts
from consentgate.asgi.startup.webhook import open_webhook
from consentgate.asgi.telling.forgetting import Forgetting
from consentgate.asgi.telling.hooks import NO_HOOKS, Hooks
from consentgate.asgi.telling.webhooks import Webhook
from consentgate.domain.policy.fingerprints import Meaning
from consentgate.domain.policy.policy import Policy
from consentgate.domain.regimes import UNKNOWN
from consentgate.errors import LedgerUnavailable
from consentgate.formats.token import TokenCodec
from consentgate.gates.answer import Gates
from consentgate.gates.ended import Ended
from consentgate.gates.headers.validators import KnownValidators
from consentgate.gates.outcomes import Outcomes
from consentgate.gates.plan import Plan
from consentgate.gates.request import read_request
from consentgate.gates.visit import Visit
from consentgate.gates.visitors.tokens import TokenReader
from consentgate.gates.visitors.visitor import Visitor
from consentgate.ledger import Ledger
from consentgate.ledger.opening import open_ledger
from consentgate.log.counts.signals import SignalCounts
from consentgate.log.keeping.erasure import Names
from consentgate.log.writing.server_loggers import take_over
from consentgate.lookup import PlaceLookup
from consentgate.lookup.third_parties import known_third_parties

logger = logging.getLogger("consentgate")


class Assembly:
    """Everything that one gate holds for its lifetime."""

    def __init__(
        self,
        policy: Policy,
        *,
        keys: list[bytes],
        ledger: Ledger,
        pages: Pages,
        placing: Placing,
        faults: Faults,
        is_development: bool = False,
        clock: Callable[[], float] = time.time,
        hooks: Hooks = NO_HOOKS,
        webhook: Webhook | None = None,
    ) -> None:
        """Put the parts together, from those that need nothing to those that need all.

        Args:
            policy: what the site declares.
            keys: secrets that sign; the newest is last.
            ledger: where choices are proven.
            pages: renders what visitors read.
            placing: finds the rules of a visitor's place.
            faults: counts what goes wrong, and says it once.
            is_development: whether the operator is told more.
            clock: seconds since the epoch.
            hooks: the app's own functions that are told of choices.
            webhook: another program that is; None: there is none.
        """
        self.policy = policy
        self._hooks = hooks
        self.webhook = webhook
        self.prefix = policy.site.prefix
        self.faults = faults
        self.pages = pages
        self.placing = placing
        self.plan = plan = Plan(policy)
        self.outcomes = outcomes = Outcomes(plan)
        self.meanings: dict[bytes, Meaning] = _earlier_meanings(ledger)
        self.revocations = Revocations(
            ledger, faults, lifetime_days=policy.lifetimes.grant_days, clock=clock
        )
        self.reader = reader = self._reader(keys)
        self.proof = Proof(plan, ledger, pages, faults, key=keys[-1])
        self.site_log = SiteLog.open(
            policy,
            country_of=self._country_of,
            recognition=Recognition(policy, self._address_of, self.proof.subject_of),
        )
        self.forgetting = Forgetting(self._forget, faults)
        self.signal_counts = SignalCounts(policy.log.folder)
        hosts = UndeclaredHosts(faults.counts, blocks=policy.site.unknown_hosts == "block")
        blocks = policy.site.undeclared == "block"
        self.warnings = Warnings(faults.counts, blocks=blocks, hosts=hosts)
        client_of = placing.client_of
        self.recorder = self._recorder(policy)
        self._interests = interests = Interests(policy, self.site_log, client_of, faults)
        self.views = views = Views(policy, pages, faults, reports_interest=interests.reports)
        self.gates = Gates(outcomes, reader, KnownValidators(), views.on_page)
        self._limits = Limits(placing.limited_client_of, faults)
        self.taking_over = self._taking_over()
        self.choices = choices = self._choices()
        reports = Reports(plan, faults.counts, client_of, hosts=hosts if is_development else None)
        self.routes = Routes(
            self.prefix,
            pages,
            views,
            Posts(choices.choose, news_reader(plan), interests.answer, reports.answer),
            Published(policy, pages, ledger, faults),
            WellKnown(policy),
            faults,
            origins=policy.site.origins,
        )
        self.explaining = Explaining(self.prefix, self.routes.page, faults)

    def _reader(self, keys: list[bytes]) -> TokenReader:
        """What reads tokens, and follows what ends."""
        audience = self.policy.site.token_name + "|" + self.policy.controller.name
        codec = TokenCodec(keys, audience=audience)
        reader = TokenReader(codec, self.meanings, self.plan.meaning, self.revocations)
        self.revocations.tell(reader)
        return reader

    def _taking_over(self) -> TakingOver | None:
        """What reads the cookies of other consent tools, where the policy names any."""
        if not self.policy.migrations:
            return None
        return TakingOver(self.policy, self.reader, self.proof, self._limits)

    def _choices(self) -> Choices:
        """What takes choices."""
        return Choices(
            self.outcomes,
            self.reader,
            self.pages,
            self.views,
            self.proof,
            self._limits,
            self.site_log,
            self.faults,
            self.revocations,
            self._hooks,
            self.forgetting,
            self.webhook,
        )

    def _forget(self, names: Names) -> None:
        """Erase the rows of visitors who withdrew."""
        if self.site_log.recognition is not None:
            self.site_log.recognition.erase_names(names)

    def _recorder(self, policy: Policy) -> Recorder:
        return Recorder(
            self.site_log,
            SecurityLog.open(policy, self.site_log.agents, self.placing.client_of),
            self.signal_counts,
            self.warnings,
            self.faults,
            watches_pages=policy.site.personal_urls == "block",
        )

    @classmethod
    def open(
        cls,
        policy: str | Path | Policy,
        *,
        development: bool | None,
        templates: Path | None,
        places: PlaceLookup | None = None,
        age_of: AgeOf | None = None,
        residence_of: ResidenceOf | None = None,
        clock: Callable[[], float] = time.time,
        hooks: Hooks = NO_HOOKS,
    ) -> Assembly:
        """Load, check and open everything; what is wrong is raised here, not on a request."""
        loaded = policy if isinstance(policy, Policy) else load_policy(policy)
        keys = signing_keys(development=development)
        faults = Faults()
        ledger = open_ledger(loaded.ledger.url)
        assembly = cls(
            loaded,
            keys=keys,
            pages=Pages(loaded, load_texts(), templates=templates),
            ledger=ledger,
            placing=Placing(
                loaded,
                lookup=places,
                age_of=age_of,
                residence_of=residence_of,
                report=faults.failed,
            ),
            faults=faults,
            is_development=is_development() if development is None else development,
            clock=clock,
            hooks=hooks,
            webhook=open_webhook(loaded, ledger, faults),
        )
        take_over(loaded.log.access_log)
        return assembly

    def warm(self) -> None:
        """Do what the first visits of each kind would wait for; call it in a thread, at start.

        Never raises: a template of the site's own that fails is told when a page needs it.
        """
        try:
            assets()
            if self.webhook is not None:
                self.webhook.follow()
            self.pages.warm()
            self.site_log.warm()
            known_third_parties()
            self._answer_nobody()
        except Exception:
            self.faults.failed("warming", "the first pages may take longer")

    def _answer_nobody(self) -> None:
        """Have one page gated for an unknown visitor, so that what follows from that is at hand."""
        scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        visit = Visit().decide(scope, read_request(scope), Visitor(UNKNOWN), self.gates, 0)
        headers = [(b"content-type", b"text/html; charset=utf-8")]
        visit.outgoing({"type": "http.response.start", "status": 200, "headers": headers})
        visit.outgoing({"type": "http.response.body", "body": b"<!doctype html><body></body>"})

    def opening(self, visit: Visit, language: str) -> bytes:
        """The first layer of a visit, or the way back; never raises."""
        return self.views.opening(visit, language)

    def track(self, visit: Visit, event: str, properties: Mapping[str, object]) -> None:
        """Note a sign of interest that the app's code tells; never raises."""
        self._interests.track(visit, route_in(visit.scope), event, properties)

    def _country_of(self, visit: Ended) -> str:
        """The country of a visit, for the site log alone; empty where it is not known."""
        try:
            return self.placing.place_of(visit.request).country
        except Exception:
            self.faults.failed("place", "the record names no country")
            return ""

    def _address_of(self, visit: Ended) -> bytes | None:
        """The client's address, for the visitor's name of a day alone."""
        return self.placing.client_of(visit.request)

    def close(self) -> None:
        """Write what is queued and close files."""
        self.forgetting.close()
        if self.webhook is not None:
            self.webhook.close()
        self.revocations.close()
        self.proof.ledger.close()
        self.recorder.close()
        self.placing.close()


def route_in(scope: Scope) -> object:
    """What the app's router left in a scope; None: nothing.

    Starlette, FastAPI and Django-like routers leave an object with a template, Litestar the
    template itself.
    """
    return scope.get("route") or scope.get("path_template")


def _earlier_meanings(ledger: Ledger) -> dict[bytes, Meaning]:
    """What earlier policies meant, so that choices made under them still count."""
    meanings: dict[bytes, Meaning] = {}
    try:
        for name, table in ledger.meanings().items():
            meanings[name] = Meaning.from_json(table)
    except (LedgerUnavailable, ValueError) as error:
        logger.warning("consentgate: earlier meanings are not readable: %s", error)
    return meanings
