"""Owns the proof of a choice: its event, durable in the ledger before the visitor is answered."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from types import MappingProxyType

from consentgate.asgi.choices.acts import Act
from consentgate.asgi.choices.ending import Ending
from consentgate.asgi.choices.meanings import Meanings
from consentgate.asgi.choices.references import References
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

RECORD_SECONDS = 1.6
"""How long a choice waits for the ledger; keeping a refusal elsewhere has QUEUE_SECONDS."""
QUEUE_SECONDS = 0.4
_METHOD_KIND = {"dismiss": Kind.REFUSE, "signal": Kind.SIGNAL}


class Proof:
    """Writes choices into the ledger."""

    def __init__(
        self,
        plan: Plan,
        ledger: Ledger,
        pages: Pages,
        meanings: Meanings,
        faults: Faults,
        *,
        key: bytes,
        appended: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare; nothing is written yet.

        Args:
            plan: the policy, prepared.
            ledger: where events are kept.
            pages: knows the notices.
            meanings: of this policy and earlier ones.
            faults: is told what could not be recorded.
            key: makes the references under which grants are kept.
            appended: is called when an event is in the ledger.
        """
        self.ledger = ledger
        self._plan = plan
        self._pages = pages
        self._meanings = meanings
        self._faults = faults
        self._references = References((key,))
        self._appended = appended
        self._site = plan.policy.controller.name
        self._is_prepared = False
        self._preparing: asyncio.Task[None] | None = None

    def warm(self) -> None:
        """Prepare before the first visitor; a ledger that is down is tried again at a choice."""
        try:
            self._prepare()
        except Exception as error:
            self._faults.no_ledger(error)

    def _prepare(self) -> None:
        """Store every notice and meaning, in one transaction; works in a thread."""
        self._meanings.recall()
        self.ledger.save(notices=dict(self._pages.notices()), meanings=self._meanings.tables())
        self._is_prepared = True

    async def _prepared(self) -> None:
        """Wait until the notices are stored; all choices of a moment wait for one attempt."""
        if self._is_prepared:
            return
        loop, task = asyncio.get_running_loop(), self._preparing
        if task is None or task.done() or task.get_loop() is not loop:
            task = self._preparing = loop.create_task(asyncio.to_thread(self._prepare))
            task.add_done_callback(_hear)
        await asyncio.shield(task)

    def subject_of(self, choice_id: str) -> str:
        """The keyed reference under which the ledger keeps a grant; empty for a refusal."""
        return self._references.now(choice_id)

    async def record(self, visit: Visit, act: Act, choice: Choice, ending: Ending) -> None:
        """Make the choice's event durable.

        With ``records_refusals`` off only a refusal that ends no grant leaves no event: the
        ledger must not say that a grant stands which was withdrawn (REC-05).

        Raises:
            BodyProblem: 503 where a grant cannot be proven in time; a refusal is queued instead.
        """
        event = self._event_of(visit, act, choice, ending)
        is_plain = event.state is State.REFUSED and not event.ends
        if is_plain and not self._plan.policy.ledger.records_refusals:
            return
        try:
            async with asyncio.timeout(RECORD_SECONDS):
                await self._prepared()
                await self.ledger.append(event)
            self._appended()
        except Exception as error:
            self._faults.no_ledger(error)
            if choice.grants_anything:
                raise BodyProblem(
                    503,
                    "ledger_unavailable",
                    "your choice could not be saved, and nothing was allowed; please try again "
                    "later",
                ) from error
            await self._queue(event)

    async def _queue(self, event: Event) -> None:
        """Keep a refusal beside the ledger; it takes effect even where that fails too."""
        try:
            async with asyncio.timeout(QUEUE_SECONDS):
                await asyncio.to_thread(self.ledger.defer, event)
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
            subject=self.subject_of(_grant_concerned(before, choice)),
            ends=ending.marks,
        )


def _grant_concerned(before: Choice | None, choice: Choice) -> str:
    """The id of what is granted, or of the grant that ends with this choice; empty: neither."""
    if choice.grants_anything:
        return choice.id
    return before.id if before is not None and before.grants_anything else ""


def _hear(task: asyncio.Task[None]) -> None:
    """Take note of a failure that nobody waits for any more; the next choice tries again."""
    if not task.cancelled():
        task.exception()


def _names(signals: Signals) -> tuple[str, ...]:
    return tuple(name for name, is_set in (("gpc", signals.gpc), ("dnt", signals.dnt)) if is_set)
