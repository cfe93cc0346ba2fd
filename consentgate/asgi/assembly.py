"""Owns putting a gate together: opens everything once, hands each part what it needs, closes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from starlette.types import Scope

from consentgate.asgi.choices.choose import Choices
from consentgate.asgi.choices.evidence import Evidence
from consentgate.asgi.choices.meanings import Meanings
from consentgate.asgi.choices.proof import Proof
from consentgate.asgi.choices.receipts import Receipts
from consentgate.asgi.choices.references import References
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
from consentgate.asgi.rights.assembly import Rights
from consentgate.asgi.rights.hooks import Hooks
from consentgate.asgi.routes import Posts, Routes
from consentgate.asgi.startup.archive_file import archive_beside, read_archive
from consentgate.asgi.startup.modes import warn_of_modes
from consentgate.asgi.startup.policy_file import load_policy, without_files
from consentgate.asgi.startup.proof_keys import proof_keys
from consentgate.asgi.startup.signing import is_development, is_test, signing_keys
from consentgate.asgi.startup.texts import load_texts
from consentgate.asgi.startup.webhook import open_webhook
from consentgate.asgi.telling.forgetting import Forgetting
from consentgate.asgi.telling.hooks import NO_HOOKS, ChoiceHooks
from consentgate.asgi.telling.webhooks import Webhook
from consentgate.domain.policy.fingerprints import Meaning
from consentgate.domain.policy.policy import Policy, SiteSettings
from consentgate.domain.regimes import UNKNOWN
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

NO_MEANINGS: Mapping[bytes, Meaning] = MappingProxyType({})


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
        archived: Mapping[bytes, Meaning] = NO_MEANINGS,
        clock: Callable[[], float] = time.time,
        hooks: Hooks | None = None,
        told: ChoiceHooks = NO_HOOKS,
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
            archived: what earlier policies meant, as it was shipped with this one.
            clock: seconds since the epoch.
            hooks: how the app's own data takes part in access and erasure.
            told: the app's own functions that are told of choices.
            webhook: another program that is; None: there is none.
        """
        self.policy = policy
        self._told = told
        self.webhook = webhook
        self.prefix = policy.site.prefix
        self.faults = faults
        self.pages = pages
        self.placing = placing
        self.plan = plan = Plan(policy)
        self.outcomes = Outcomes(plan)
        meanings = Meanings(ledger, plan.meaning, archived)
        self.meanings = meanings.known
        self.revocations = Revocations(
            ledger,
            faults,
            lifetime_days=policy.lifetimes.grant_days,
            clock=clock,
            references_of=References(keys).all,
        )
        self.reader = self._reader(keys)
        self.receipts = Receipts(ledger, proof_keys(keys), policy, faults)
        prove = self.receipts.start
        self.proof = Proof(plan, ledger, pages, meanings, faults, key=keys[-1], appended=prove)
        self.site_log = SiteLog.open(
            policy,
            country_of=self._country_of,
            recognition=Recognition(policy, self._address_of, self.proof.subject_of),
        )
        self.forgetting = Forgetting(self._forget, faults)
        self.signal_counts = SignalCounts(policy.log.folder)
        self.hosts, self.warnings = self._told_to_the_operator(policy.site)
        self.recorder = self._recorder(policy)
        self._interests = Interests(policy, self.site_log, placing.limited_client_of, faults)
        shown = self.site_log.funnel.shown
        self.views = Views(policy, pages, faults, self._interests.reports, shown)
        self.gates = Gates(self.outcomes, self.reader, KnownValidators(), self.views.on_page)
        self._limits = Limits(placing.limited_client_of, faults)
        self.taking_over = self._taking_over()
        self.choices = self._choices()
        end_erased = self.revocations.end_erased
        self.rights = Rights(policy, keys, ledger, self.site_log, hooks, faults, end_erased)
        self.routes = self._routes(self._posts(is_told_more=is_development))
        self.explaining = Explaining(self.prefix, self.routes.page, faults)

    def _told_to_the_operator(self, site: SiteSettings) -> tuple[UndeclaredHosts, Warnings]:
        """What says which hosts and cookies the policy lacks."""
        counts = self.faults.counts
        hosts = UndeclaredHosts(counts, blocks=site.unknown_hosts == "block")
        return hosts, Warnings(counts, blocks=site.undeclared == "block", hosts=hosts)

    def _posts(self, *, is_told_more: bool) -> Posts:
        """What takes forms and reports."""
        hosts = self.hosts if is_told_more else None
        reports = Reports(
            self.plan, self.faults.counts, self.placing.limited_client_of, hosts=hosts
        )
        news = news_reader(self.plan)
        return Posts(self.choices.choose, news, self._interests.answer, reports.answer)

    def _routes(self, posts: Posts) -> Routes:
        policy, pages, faults = self.policy, self.pages, self.faults
        published = Published(policy, pages, self.proof.ledger, faults)
        routes = Routes(
            self.prefix,
            pages,
            self.views,
            posts,
            published,
            WellKnown(policy),
            faults,
            origins=policy.site.origins,
        )
        client_of = self.placing.limited_client_of
        routes.extend(self.rights.pages(self.choices, pages, self.views, client_of).methods)
        routes.extend(Evidence(self.receipts, self.proof.subject_of, routes.page).methods)
        return routes

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
            self._told,
            self.forgetting,
            self.webhook,
        )

    def _forget(self, names: Names) -> None:
        """Erase the rows of visitors who withdrew."""
        if self.site_log.recognition is not None:
            self.site_log.recognition.erase_under((), names, int(time.time()))

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
        ledger: Ledger | None = None,
        clock: Callable[[], float] = time.time,
        hooks: Hooks | None = None,
        told: ChoiceHooks = NO_HOOKS,
    ) -> Assembly:
        """Load, check and open everything; what is wrong is raised here, not on a request."""
        loaded, archived = _loaded(policy)
        if is_test():
            loaded = without_files(loaded)
        keys = signing_keys(development=development)
        faults = Faults()
        ledger = ledger or open_ledger(loaded.ledger.url, spool=loaded.ledger.spool)
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
            archived=archived,
            clock=clock,
            hooks=hooks,
            told=told,
            webhook=None if is_test() else open_webhook(loaded, ledger, faults),
        )
        take_over(loaded.log.access_log)
        warn_of_modes(loaded.site)
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
            self.hosts.warm()
            self._answer_nobody()
            self.proof.warm()
            self.receipts.start()
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

    def subject_of(self, visit: Visit) -> str:
        """The ledger's reference of the visit's grant."""
        choice = visit.visitor.choice
        return self.proof.subject_of(choice.id) if choice is not None else ""

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
        self.receipts.stop()
        self.proof.ledger.close()
        self.recorder.close()
        self.placing.close()


def route_in(scope: Scope, root_path: str = "") -> object:
    """What the app's router left in a scope; None: nothing.

    Starlette, FastAPI and Django-like routers leave an object with a template, Litestar the
    template itself. An app that Starlette mounts, such as static files, leaves where it is mounted;
    that is a name of the site's own, unless the mount has fields.

    Args:
        scope: that the app got.
        root_path: where the app itself is mounted.
    """
    found = scope.get("route") or scope.get("path_template")
    if found is not None:
        return found
    inner = scope.get("root_path", "")
    if len(inner) > len(root_path) and inner.startswith(root_path):
        fields = scope.get("path_params") or {}
        if not fields.keys() - {"path"}:
            return f"{inner[len(root_path) :]}/{{path}}"
    return None


def _loaded(policy: str | Path | Policy) -> tuple[Policy, Mapping[bytes, Meaning]]:
    """The policy, and what earlier ones meant as the file beside it says."""
    if isinstance(policy, Policy):
        return policy, NO_MEANINGS
    archive = read_archive(archive_beside(policy))
    return load_policy(policy), {name: meaning for name, (_, meaning) in archive.items()}
