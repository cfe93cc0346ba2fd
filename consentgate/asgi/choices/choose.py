"""Owns the path of a choice: proof, body, check, ledger first, token, answer."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import Receive

from consentgate.asgi.choices.acts import Act, read_act
from consentgate.asgi.posts.bodies import BodyProblem, read_body
from consentgate.asgi.posts.same_origin import is_same_origin, safe_next
from consentgate.domain.choices import Choice
from consentgate.domain.decision import Reason
from consentgate.domain.events import Event, Kind, State
from consentgate.domain.policy.policy import Policy
from consentgate.domain.regimes import Model
from consentgate.domain.signals import Signals
from consentgate.formats import cookies
from consentgate.gates.cookies.lines import farewells
from consentgate.gates.tokens import ONCE_SECONDS
from consentgate.gates.visit import Visit

if TYPE_CHECKING:
    from consentgate.asgi.assembly import House

_FRAMES = frozenset(("iframe", "frame", "embed", "object", "fencedframe"))
"""Where a page of another site could have a visitor click unseen (ASVS 3.4.6)."""


async def choose(house: House, visit: Visit, receive: Receive) -> Response:
    """Take a choice and answer: 303 for a form, 200 with the new state for JSON.

    The event is durable before the answer leaves. A refusal or withdrawal never fails: where
    the ledger is down it is queued and takes effect; a grant is then not accepted (503).
    """
    scope = visit.scope
    if not is_same_origin(scope["headers"], scheme=scope.get("scheme", "http")):
        raise BodyProblem(403, "cross_origin", "a choice must come from a page of this site")
    if visit.is_bot:
        raise BodyProblem(403, "not_a_visitor", "programs have no choice to make")
    body = await read_body(scope, receive)
    act = read_act(body, house.policy)
    choice = made_choice(act, visit, house.policy)
    if choice.grants_anything and visit.header(b"sec-fetch-dest") in _FRAMES:
        raise BodyProblem(403, "framed", "nothing is granted from within a frame")
    house.limit(choice.grants_anything, visit)
    if choice.grants_anything and not house.pages.language_of_notice(act.notice):
        raise BodyProblem(409, "notice_outdated", "the notice has changed; please choose again")
    if act.is_once:
        choice = _added_once(choice, visit)
    await record(house, visit, act, choice)
    follow_choice(house, visit, act, choice)
    is_json = body.is_json or "application/json" in visit.header(b"accept")
    return answer(house, visit, act, choice, is_json=is_json)


def made_choice(act: Act, visit: Visit, policy: Policy) -> Choice:
    """Make the choice that an act amounts to, given the one before it."""
    optional = [purpose.key for purpose in policy.optional_purposes]
    before = visit.choice
    purposes: Mapping[str, bool]
    services: Mapping[str, bool] = {}
    made_at = visit.now
    if act.kind == "accept":
        purposes = dict.fromkeys(optional, True)
    elif act.kind == "save":
        purposes = act.purposes
        services = _beside_purposes(_spoken(before, act), purposes, policy)
    elif act.kind == "service":
        standing = None if act.is_once else _standing(before, act, visit)
        purposes = dict(standing.purposes) if standing else {}
        services = _spoken(standing, act)
        made_at = standing.made_at if standing and standing.grants_anything else made_at
    elif act.kind == "signal":
        return _signalled(before, visit)
    elif act.kind == "dismiss" and visit.outcome.regime.model is not Model.OPT_IN:
        purposes = dict(before.purposes) if before else {}
        services = before.services if before else {}
        made_at = before.made_at if before else made_at
    else:
        purposes = dict.fromkeys(optional, False)
    seen = visit.outcome.decision.signals
    choice = Choice(
        made_at=made_at,
        purposes=MappingProxyType(dict(purposes)),
        services=MappingProxyType(dict(services)),
        told=Signals(act.told.gpc and seen.gpc, act.told.dnt and seen.dnt),
        signalled=before.signalled if before else Signals(),
    )
    return _with_id(choice) if choice.grants_anything else choice


def _standing(before: Choice | None, act: Act, visit: Visit) -> Choice | None:
    """What stands of an earlier choice beside a new grant for one service.

    The new grant must not bring back what has lapsed, nor what a signal overrules: being told of
    a signal beside one service says nothing about the others (SIG-06).
    """
    if before is None:
        return None
    verdicts = visit.outcome.decision
    reasons = [verdict.reason for verdict in verdicts.purposes.values()]
    if Reason.EXPIRED in reasons:
        return before.denials
    if not (act.told.gpc > before.told.gpc or act.told.dnt > before.told.dnt):
        return before
    return replace(
        before,
        purposes={key: said and verdicts.allows(key) for key, said in before.purposes.items()},
        services={key: said and verdicts.allows(key) for key, said in before.services.items()},
    )


def _added_once(choice: Choice, visit: Visit) -> Choice:
    """The grant for this session together with those before it in the same session."""
    before = visit.choice
    if before is None or not before.once:
        return choice
    told = Signals(
        choice.told.gpc and before.once_told.gpc, choice.told.dnt and before.once_told.dnt
    )
    services = {**dict.fromkeys(before.once, True), **choice.services}
    return replace(choice, services=MappingProxyType(services), told=told)


def _signalled(before: Choice | None, visit: Visit) -> Choice:
    """SIG-16: a script saw ``navigator.globalPrivacyControl`` where no header came."""
    return Choice(
        made_at=before.made_at if before else visit.now,
        is_explicit=before is not None and before.is_explicit,
        purposes=before.purposes if before else MappingProxyType({}),
        services=before.services if before else MappingProxyType({}),
        signalled=Signals(gpc=True, dnt=bool(before and before.signalled.dnt)),
        id=before.id if before else "",
    )


def _with_id(choice: Choice) -> Choice:
    return Choice(
        made_at=choice.made_at,
        purposes=choice.purposes,
        services=choice.services,
        told=choice.told,
        signalled=choice.signalled,
        id=secrets.token_hex(16),
    )


def _spoken(before: Choice | None, act: Act) -> dict[str, bool]:
    """What has been said of single services by now."""
    said = {**(before.services if before else {}), **act.services}
    return {key: value for key, value in said.items() if value is not None}


def _beside_purposes(
    services: Mapping[str, bool], purposes: Mapping[str, bool], policy: Policy
) -> dict[str, bool]:
    """What was said of single services where it differs from what their purposes say."""
    return {
        key: said
        for key, said in services.items()
        if said
        != all(purposes.get(purpose, True) for purpose in policy.service_by_key[key].purposes)
    }


_METHOD_KIND = {"dismiss": Kind.REFUSE, "signal": Kind.SIGNAL}


def event_of(house: House, visit: Visit, act: Act, choice: Choice) -> Event:
    """Write down who (a keyed reference), when, how, under which notice, and what (REC-01)."""
    before = visit.choice
    had_grant = before is not None and before.grants_anything
    if choice.grants_anything:
        kind = Kind.CHANGE if had_grant else Kind.GRANT
        state = State.RENEWED if had_grant else State.GIVEN
    else:
        kind = Kind.WITHDRAW if had_grant else Kind.REFUSE
        state = State.WITHDRAWN if had_grant else State.REFUSED
    language = house.pages.language_of_notice(act.notice)
    regime = visit.outcome.regime
    signals = visit.outcome.decision.signals
    days = house.policy.lifetimes.grant_days
    stated = before.purposes if act.is_once and before is not None else choice.purposes
    lasts_seconds = ONCE_SECONDS if act.is_once else days * 86_400
    return Event(
        id=uuid.uuid4().hex,
        kind=_METHOD_KIND.get(act.kind, kind) if not choice.grants_anything else kind,
        state=state,
        site=house.site,
        at_ms=visit.now * 1000,
        notice_hash=act.notice if language else "",
        language=language,
        policy_version=house.policy.version,
        meaning=house.plan.meaning.hash.hex(),
        purposes=MappingProxyType(
            {
                purpose.key: stated.get(purpose.key, False)
                for purpose in house.policy.optional_purposes
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
        subject=house.subject_of(choice.id),
    )


def _names(signals: Signals) -> tuple[str, ...]:
    return tuple(name for name, is_set in (("gpc", signals.gpc), ("dnt", signals.dnt)) if is_set)


def follow_choice(house: House, visit: Visit, act: Act, choice: Choice) -> None:
    """Have the site log count the choice, and forget whom it may not recognise any more."""
    house.site_log.count_choice(visit, act.kind)
    known = house.site_log.recognition
    try:
        if known is not None and not act.is_once:
            known.follow(visit.choice, choice)
    except Exception:
        house.failed("subject", "the key of a visitor who withdrew is not shredded")


async def record(house: House, visit: Visit, act: Act, choice: Choice) -> None:
    """Make the choice's event durable.

    With ``records_refusals`` off only a refusal that ends no grant leaves no event: the ledger must
    not say that a grant stands which was withdrawn (REC-05).

    Raises:
        BodyProblem: 503 where a grant cannot be proven; a refusal is queued instead.
    """
    event = event_of(house, visit, act, choice)
    if event.state is State.REFUSED and not house.policy.ledger.records_refusals:
        return
    try:
        await house.prepare_ledger()
        await house.ledger.append(event)
    except Exception as error:
        house.no_ledger(error)
        if choice.grants_anything:
            raise BodyProblem(
                503, "ledger_unavailable", "nothing can be granted now; please try again later"
            ) from error
        await _queue(house, event)


async def _queue(house: House, event: Event) -> None:
    """Keep a refusal beside the ledger; it takes effect even where that fails too."""
    try:
        await run_in_threadpool(house.ledger.defer, event)
    except Exception:
        house.failed("refusal_record", "a refusal takes effect, but is recorded nowhere")


def answer(house: House, visit: Visit, act: Act, choice: Choice, *, is_json: bool) -> Response:
    """Set the token, expire what is denied now, and send the visitor back."""
    choice, lines = _kept(house, visit, act, choice)
    outcome = house.plan.outcome(
        visit.outcome.regime, visit.signals, choice, visit.now, is_minor=visit.is_minor
    )
    root = visit.root_path
    response: Response
    if is_json:
        response = JSONResponse(house.state(visit, outcome, choice))
    else:
        target = safe_next(act.next, root + house.prefix)
        response = RedirectResponse(target, status_code=303)
    lines += farewells(visit, outcome)
    response.raw_headers += [(b"set-cookie", line) for line in lines]
    response.headers["cache-control"] = "private, no-store"
    response.headers["tk"] = "U"
    return response


def _kept(house: House, visit: Visit, act: Act, choice: Choice) -> tuple[Choice, list[bytes]]:
    """What holds from now on, and the ``Set-Cookie`` lines that keep it.

    What is granted for the session stands in a cookie of its own, so that a lasting choice, a
    refusal above all, outlives the session; every other act on the whole ends it.
    """
    before = visit.choice
    token = house.reader.codec.sign(choice, house.plan.meaning)
    if act.is_once:
        base = before or Choice(made_at=visit.now, is_explicit=False)
        granted = frozenset(choice.services)
        return replace(base, once=granted, once_told=choice.told), [_once_line(visit, token)]
    lines = [visit.token_line(token)]
    if act.kind in ("service", "signal") and before is not None:
        choice = replace(choice, once=before.once, once_told=before.once_told)
    elif visit.has_once:
        lines.append(_once_line(visit, ""))
    return choice, lines


def _once_line(visit: Visit, token: str) -> bytes:
    """The ``Set-Cookie`` line for what is granted for this session; no token removes it."""
    name = visit.plan.once_names[visit.is_https]
    if not token:
        return cookies.expiry(name, domain=b"", path=b"/", is_secure=visit.is_https)
    return cookies.set_cookie(name.decode(), token, max_age_seconds=None, is_secure=visit.is_https)
