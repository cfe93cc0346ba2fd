"""Owns what one gate holds for its lifetime: policy, plan, keys, pages, ledger and site log."""

from __future__ import annotations

import hashlib
import hmac
import logging
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.types import Scope

from consentgate.asgi.pages.announcement import news_for
from consentgate.asgi.pages.languages import load_texts
from consentgate.asgi.pages.placeholders import Placeholders
from consentgate.asgi.pages.state import compact, short_state_of, state_of, would_signal_count
from consentgate.asgi.pages.templates import Pages, View
from consentgate.asgi.pages.well_known import UNNOTED
from consentgate.asgi.placing import AgeOf, Placing, ResidenceOf
from consentgate.asgi.posts.bodies import BodyProblem
from consentgate.asgi.posts.limits import RateLimit
from consentgate.asgi.posts.same_origin import safe_next
from consentgate.asgi.recording.csp_reports import Reports
from consentgate.asgi.recording.interests import Interests
from consentgate.asgi.recording.recognition import Recognition
from consentgate.asgi.recording.security_log import SecurityLog
from consentgate.asgi.recording.signal_counts import count_signals
from consentgate.asgi.recording.site_log import SiteLog
from consentgate.asgi.recording.warnings import Findings
from consentgate.asgi.routes import Routes
from consentgate.asgi.startup.policy_file import load_policy
from consentgate.asgi.startup.signing import is_development, signing_keys
from consentgate.domain.choices import Choice
from consentgate.domain.policy.fingerprints import Meaning
from consentgate.domain.policy.policy import Policy
from consentgate.domain.regimes import Regime
from consentgate.domain.signals import NONE
from consentgate.errors import LedgerUnavailable
from consentgate.formats.html.element import Held
from consentgate.formats.html.head import Opening
from consentgate.formats.token import TokenCodec
from consentgate.gates.pages.beacons import Hold
from consentgate.gates.pages.csp import is_binding
from consentgate.gates.plan import Outcome, Plan
from consentgate.gates.tokens import TokenReader
from consentgate.gates.visit import Visit
from consentgate.ledger import Ledger, open_ledger
from consentgate.log.counts.signals import SignalCounts
from consentgate.log.writing.server_loggers import take_over
from consentgate.lookup import PlaceLookup

logger = logging.getLogger("consentgate")

GRANTS_A_MINUTE = 30
REFUSALS_A_MINUTE = 240


class House:
    """Everything the middleware wires together, opened once."""

    def __init__(
        self,
        policy: Policy,
        *,
        keys: list[bytes],
        ledger: Ledger,
        pages: Pages,
        clock: Callable[[], float],
        placing: Placing | None = None,
        is_development: bool = False,
    ) -> None:
        self.policy = policy
        self.placing = placing or Placing(policy)
        self.placing.report = self.failed
        self.plan = Plan(policy)
        self.pages = pages
        self.placeholders = Placeholders(pages, policy)
        self.ledger = ledger
        self.prefix = policy.site.prefix
        self.site = policy.controller.name
        self.meanings: dict[bytes, Meaning] = {}
        self.reader = TokenReader(
            TokenCodec(keys, audience=policy.site.token_name + "|" + self.site),
            self.meanings,
            self.plan.meaning,
        )
        self.site_log = SiteLog.open(
            policy,
            country_of=self._country_of,
            recognition=Recognition(policy, self._address_of, self.subject_of),
        )
        self.security_log = SecurityLog.open(policy, self.site_log.agents, self.placing.client_of)
        self.signal_counts = SignalCounts(policy.log.folder)
        self.counts: Counter[str] = Counter()
        """How often something was refused or went wrong; names only, no visitors."""
        self.reports = Reports(
            self.plan, self.counts, self.placing.client_of, is_development=is_development
        )
        self.interests = Interests(self)
        self.routes = Routes(self)
        self._subject_key = hmac.digest(keys[-1], b"consentgate.subject.v1", "sha256")
        self._grants = RateLimit(most=GRANTS_A_MINUTE)
        self._refusals = RateLimit(most=REFUSALS_A_MINUTE)
        self.findings = Findings(self.counts, blocks=policy.site.undeclared == "block")
        self._is_ledger_prepared = False
        self._clock = clock

    @classmethod
    def open(
        cls,
        policy: str | Path | Policy,
        *,
        development: bool | None,
        templates: Path | None,
        clock: Callable[[], float],
        places: PlaceLookup | None = None,
        age_of: AgeOf | None = None,
        residence_of: ResidenceOf | None = None,
    ) -> House:
        """Load, check and open everything; what is wrong is raised here, not on a request."""
        loaded = policy if isinstance(policy, Policy) else load_policy(policy)
        keys = signing_keys(development=development)
        pages = Pages(loaded, load_texts(), templates=templates)
        house = cls(
            loaded,
            keys=keys,
            ledger=open_ledger(loaded.ledger.url),
            pages=pages,
            clock=clock,
            is_development=is_development() if development is None else development,
            placing=Placing(loaded, lookup=places, age_of=age_of, residence_of=residence_of),
        )
        house._recall_meanings()
        take_over(loaded.log.access_log)
        return house

    def _recall_meanings(self) -> None:
        """Take in what earlier policies meant, so that choices made under them still count."""
        try:
            for name, table in self.ledger.meanings().items():
                self.meanings[name] = Meaning.from_json(table)
        except (LedgerUnavailable, ValueError) as error:
            logger.warning("consentgate: earlier meanings are not readable: %s", error)

    async def prepare_ledger(self) -> None:
        """Store today's meaning and notices before the first event that names them."""
        if self._is_ledger_prepared:
            return
        await run_in_threadpool(self._store_notices)
        self._is_ledger_prepared = True

    def _store_notices(self) -> None:
        meaning = self.plan.meaning
        self.ledger.save(
            notices=dict(self.pages.notices()), meanings={meaning.hash: meaning.to_json()}
        )

    def regime_of(self, scope: Scope) -> Regime:
        """The rules of the visitor's place; the strictest where it is not known."""
        return self.placing.regime_of(scope, int(self._clock()))

    def _country_of(self, visit: Visit) -> str:
        """The country of a visit, for the site log alone; empty where it is not known."""
        try:
            return self.placing.place_of(visit.scope).country
        except Exception:
            self.failed("place", "the record names no country")
            return ""

    def _address_of(self, visit: Visit) -> bytes | None:
        """The client's address, for the visitor's name of a day alone."""
        return self.placing.client_of(visit.scope)

    def subject_of(self, choice_id: str) -> str:
        """The keyed reference under which the ledger keeps a grant; empty for a refusal."""
        if not choice_id:
            return ""
        return hmac.new(self._subject_key, choice_id.encode(), hashlib.sha256).hexdigest()[:32]

    def limit(self, grants: bool, visit: Visit) -> None:
        """Count the act against its client.

        Raises:
            BodyProblem: 429 for too many in a minute.
        """
        limit = self._grants if grants else self._refusals
        if not limit.allows(self._client_of(visit), visit.now):
            self.count("rate_limited")
            raise BodyProblem(429, "rate_limited", "too many choices; please wait a minute")

    def _client_of(self, visit: Visit) -> bytes | None:
        """The client, for a limit alone; a refusal does not fail where it cannot be told."""
        try:
            return self.placing.client_of(visit.scope)
        except Exception:
            self.failed("client", "acts count against one limit for all")
            return None

    def close(self) -> None:
        """Write what is queued and close files."""
        self.ledger.close()
        self.site_log.close()
        if self.security_log is not None:
            self.security_log.close()
        self.signal_counts.flush()
        self.placing.close()

    def count(self, reason: str) -> None:
        """Add one to a named counter."""
        self.counts[reason] += 1

    def view(
        self,
        visit: Visit,
        *,
        source: str = "banner",
        problem: str = "",
        needs: str = "",
        page_language: str = "",
    ) -> View:
        """What the pages need to know of a visit; ``page_language`` is the page's own (COL-14)."""
        root = visit.root_path + self.prefix
        is_shared = source == "banner" and self.plan.shared_outcome is not None
        outcome = visit.page_outcome if is_shared else visit.outcome
        return View(
            language=self.pages.negotiate(
                self._asked(visit) if source == "banner" else visit.header(b"accept-language"),
                page_language,
            ),
            regime=outcome.regime,
            decision=outcome.decision,
            choice=None if is_shared else visit.choice,
            root=root,
            next=root
            if needs and visit.scope["method"] != "GET"
            else self._way_back(visit.address),
            source=source,
            is_https=visit.is_https,
            problem=problem,
            needs=needs,
            state="" if is_shared else self._short_state(visit),
            nonce=visit.nonce,
            is_bot=visit.is_bot and not is_shared,
            is_bound=source == "banner" and is_binding(outcome),
            is_sent=visit.scope["method"] not in ("GET", "HEAD"),
            reports_interest=self.interests.reports(visit),
            news=news_for(self, visit, is_shared=is_shared),
        )

    def _way_back(self, address: str) -> str:
        """Where a choice leads back to: this page, without its query where that is too long."""
        return safe_next(address, "") or safe_next(address.partition("?")[0], self.prefix)

    def _short_state(self, visit: Visit) -> str:
        """The state that a page carries for the script, made once for each outcome."""
        kept = visit.outcome.kept
        text = kept.get("state")
        if not isinstance(text, str):
            text = kept["state"] = compact(
                short_state_of(
                    self.policy,
                    visit.outcome.decision,
                    visit.choice,
                    signal_counts=would_signal_count(visit),
                )
            )
        return text

    def on_page(self, visit: Visit) -> tuple[bytes, Opening, Hold | None]:
        """The markup that a page gets: for its head, right after ``<body>``, before held frames."""

        def opening(language: bytes) -> bytes:
            if visit.is_opening_placed or self.policy.site.banner == "none":
                return b""
            return self.opening(visit, language.decode("ascii"), view)

        def hold(held: Held, language: bytes) -> bytes:
            return self._placeholder(visit, held, language.decode("ascii"))

        view = None
        try:
            view = self.view(visit)
            return self.pages.head(view), opening, hold
        except Exception:
            return self._markup_failed(), b"", None

    def _placeholder(self, visit: Visit, held: Held, page_language: str) -> bytes:
        """What stands in for a held frame; never raises."""
        try:
            return self.placeholders.draw(self.view(visit, page_language=page_language), held)
        except Exception:
            self.failed("placeholder", "a held frame is left out without a word")
            return b""

    def opening(self, visit: Visit, page_language: str = "", seen: View | None = None) -> bytes:
        """The first layer, or the way back, of one visit; never raises.

        Args:
            visit: whom it is for.
            page_language: the page's own, which wins (COL-14).
            seen: the visit's view for its page's head, if that was made.
        """
        try:
            view = seen or self.view(visit)
            language = self.pages.negotiate(self._asked(visit), page_language)
            if language != view.language:
                view = replace(view, language=language)
            return self.pages.opening(view)
        except Exception:
            return self._markup_failed()

    def _asked(self, visit: Visit) -> str:
        """The languages that markup in a page may follow: none where caches share the page."""
        is_shared = self.plan.shared_outcome is not None
        return "" if is_shared else visit.header(b"accept-language")

    def _markup_failed(self) -> bytes:
        self.failed("page_markup", "the page is served without the first layer")
        return b""

    def failed(self, part: str, consequence: str) -> None:
        """Count a fault of our own and log the first of its kind; call it while handling it.

        Only where it happened is logged, never its text, which could quote a visitor.
        """
        self.count(f"{part}_failed")
        if self.counts[f"{part}_failed"] == 1:
            kind, _, place = sys.exc_info()
            name = getattr(kind, "__name__", "")
            trace = "".join(traceback.format_tb(place))
            logger.error("consentgate: %s: %s at\n%s", consequence, name, trace)

    def no_ledger(self, error: Exception) -> None:
        """Count a choice that could not be recorded and say why, once; call it while handling."""
        if not isinstance(error, LedgerUnavailable):
            self.failed("ledger", "refusals are queued, grants are not accepted")
        self.count("ledger_unavailable")
        if self.counts["ledger_unavailable"] == 1:
            logger.error(
                "consentgate: choices cannot be recorded: refusals are queued and take effect, "
                "grants are answered with 503: %s",
                error if isinstance(error, LedgerUnavailable) else type(error).__name__,
            )

    def state(self, visit: Visit, outcome: Outcome, choice: Choice | None) -> Mapping[str, Any]:
        """The visitor's state for scripts and headless sites."""
        language = self.pages.negotiate(visit.header(b"accept-language"))
        return state_of(
            self.policy,
            outcome.regime,
            outcome.decision,
            choice,
            notice=self.pages.notice(language, outcome.regime)[0],
            signal_counts=outcome is visit.outcome and would_signal_count(visit),
        )

    def note(self, visit: Visit, duration_ns: int) -> None:
        """Write down what the site log may remember of a visit; warn of undeclared names."""
        try:
            if visit.signals is not NONE:
                count_signals(self.signal_counts, visit)
            if self.security_log is not None and visit.status >= 400:
                self.security_log.note(visit)
            if visit.scope.get("route") is UNNOTED:
                return
            self.site_log.note(visit, duration_ns)
            self.findings.note(visit)
        except Exception:
            self.failed("note", "the visit is not written down")
