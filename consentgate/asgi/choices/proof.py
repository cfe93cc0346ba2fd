"""Owns the proof of a choice: its event, durable in the ledger before the visitor is answered."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from types import MappingProxyType

from starlette.concurrency import run_in_threadpool

from consentgate.asgi.choices.acts import Act
from consentgate.asgi.choices.ending import Ending
from consentgate.asgi.faults import Faults
from consentgate.asgi.pages.templates import Pages
from consentgate.asgi.posts.bodies import BodyProblem
from consentgate.domain.choices import Choice
from consentgate.domain.days import DAY_SECONDS
from consentgate.domain.events import Event, Kind, State
from consentgate.domain.signals import Signals
from consentgate.gates.plan import Plan
from consentgate.gates.visit import Visit
from consentgate.gates.visitors.tokens import ONCE_SECONDS
from consentgate.ledger import Ledger

_METHOD_KIND = {"dismiss": Kind.REFUSE, "signal": Kind.SIGNAL}


class Proof:
    """Writes choices into the ledger."""

    def __init__(
        self, plan: Plan, ledger: Ledger, pages: Pages, faults: Faults, *, key: bytes
    ) -> None:
        """Prepare; nothing is written yet.

        Args:
            plan: the policy, prepared.
            ledger: where events are kept.
            pages: knows the notices.
            faults: is told what could not be recorded.
            key: makes the references under which grants are kept.
        """
        self.ledger = ledger
        self._plan = plan
        self._pages = pages
        self._faults = faults
        self._subject_key = hmac.digest(key, b"consentgate.subject.v1", "sha256")
        self._site = plan.policy.controller.name
        self._is_prepared = False

    async def prepare(self) -> None:
        """Store today's meaning and notices before the first event that names them."""
        if self._is_prepared:
            return
        await run_in_threadpool(self._store_notices)
        self._is_prepared = True

    def _store_notices(self) -> None:
        meaning = self._plan.meaning
        self.ledger.save(
            notices=dict(self._pages.notices()), meanings={meaning.hash: meaning.to_json()}
        )

    def subject_of(self, choice_id: str) -> str:
        """The keyed reference under which the ledger keeps a grant; empty for a refusal."""
        if not choice_id:
            return ""
        return hmac.new(self._subject_key, choice_id.encode(), hashlib.sha256).hexdigest()[:32]

    async def record(self, visit: Visit, act: Act, choice: Choice, ending: Ending) -> None:
        """Make the choice's event durable.

        With ``records_refusals`` off only a refusal that ends no grant leaves no event: the
        ledger must not say that a grant stands which was withdrawn (REC-05).

        Raises:
            BodyProblem: 503 where a grant cannot be proven; a refusal is queued instead.
        """
        event = self._event_of(visit, act, choice, ending)
        is_plain = event.state is State.REFUSED and not event.ends
        if is_plain and not self._plan.policy.ledger.records_refusals:
            return
        try:
            await self.prepare()
            await self.ledger.append(event)
        except Exception as error:
            self._faults.no_ledger(error)
            if choice.grants_anything:
                raise BodyProblem(
                    503, "ledger_unavailable", "nothing can be granted now; please try again later"
                ) from error
            await self._queue(event)

    async def _queue(self, event: Event) -> None:
        """Keep a refusal beside the ledger; it takes effect even where that fails too."""
        try:
            await run_in_threadpool(self.ledger.defer, event)
        except Exception:
            self._faults.failed("refusal_record", "a refusal takes effect, but is recorded nowhere")

    def _event_of(self, visit: Visit, act: Act, choice: Choice, ending: Ending) -> Event:
        """Write down who (a keyed reference), when, how, under which notice, and what (REC-01)."""
        policy = self._plan.policy
        before = visit.visitor.choice
        had_grant = before is not None and before.grants_anything
        if choice.grants_anything:
            kind = Kind.CHANGE if had_grant else Kind.GRANT
            state = State.RENEWED if had_grant else State.GIVEN
        else:
            kind = Kind.WITHDRAW if had_grant else Kind.REFUSE
            state = State.WITHDRAWN if had_grant else State.REFUSED
        language = self._pages.language_of_notice(act.notice)
        regime = visit.outcome.regime
        signals = visit.outcome.decision.signals
        days = policy.lifetimes.grant_days
        stated = before.purposes if act.is_once and before is not None else choice.purposes
        lasts_seconds = ONCE_SECONDS if act.is_once else days * DAY_SECONDS
        return Event(
            id=uuid.uuid4().hex,
            kind=_METHOD_KIND.get(act.kind, kind) if not choice.grants_anything else kind,
            state=state,
            site=self._site,
            at_ms=visit.now * 1000,
            notice_hash=act.notice if language else "",
            language=language,
            policy_version=policy.version,
            meaning=self._plan.meaning.hash.hex(),
            purposes=MappingProxyType(
                {
                    purpose.key: stated.get(purpose.key, False)
                    for purpose in policy.optional_purposes
                }
            ),
            services=choice.services,
            method="once" if act.is_once else act.kind,
            source=act.source,
            signals=_names(signals),
            told=_names(choice.told),
            regime=regime.code,
            model=regime.model.value,
            expires_ms=(choice.made_at + lasts_seconds) * 1000,
            subject=self.subject_of(choice.id),
            ends=ending.marks,
        )


def _names(signals: Signals) -> tuple[str, ...]:
    return tuple(name for name, is_set in (("gpc", signals.gpc), ("dnt", signals.dnt)) if is_set)
