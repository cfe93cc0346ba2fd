"""Owns the path of a choice: proof, body, check, ledger first, token, answer."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import Receive

from consentgate.asgi.bodies import Body, BodyProblem, read_body
from consentgate.asgi.same_origin import is_same_origin, safe_next
from consentgate.domain.choices import Choice
from consentgate.domain.decision import Reason
from consentgate.domain.events import Event, Kind, State
from consentgate.domain.policy import Policy
from consentgate.domain.regimes import Model
from consentgate.domain.signals import Signals
from consentgate.gates.tokens import ONCE_SECONDS
from consentgate.gates.visit import Visit

if TYPE_CHECKING:
    from consentgate.asgi.house import House

KINDS = ("accept", "reject", "save", "withdraw", "dismiss", "service", "signal")
_FRAMES = frozenset(("iframe", "frame", "embed", "object", "fencedframe"))
"""Where a page of another site could have a visitor click unseen (ASVS 3.4.6)."""
SOURCES = ("banner", "page", "placeholder", "api")


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What a visitor asks for in one POST, checked against the policy."""

    kind: str
    purposes: Mapping[str, bool]
    services: Mapping[str, bool | None]
    """What was said of single services; None takes back what was said of one before."""
    told: Signals
    notice: str
    source: str
    next: str
    is_once: bool = False
    """Whether services are granted for this browser session alone."""


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
    house.site_log.count_choice(visit, act.kind)
    is_json = body.is_json or "application/json" in visit.header(b"accept")
    return answer(house, visit, act, choice, is_json=is_json)


def read_act(body: Body, policy: Policy) -> Act:
    """Check what was sent against the policy.

    Raises:
        BodyProblem: 400 for an unknown kind, 422 for an unknown purpose or service.
    """
    return (
        _act_of_json(body.document, policy)
        if body.document is not None
        else _act_of_form(body.fields, policy)
    )


def _act_of_form(fields: Mapping[str, list[str]], policy: Policy) -> Act:
    def one(name: str) -> str:
        return fields.get(name, [""])[0]

    kind = _kind(one("choice"))
    granted = _known(fields.get("p", []), policy.purpose_by_key, "purpose")
    chosen = _known(fields.get("s", []), policy.service_by_key, "service")
    offered = _known(fields.get("offered", []), policy.service_by_key, "service")
    services = _said_of_services(policy, granted, chosen, offered, fields.get("was", []))
    if kind == "service":
        services = dict.fromkeys(
            _known(fields.get("service", []), policy.service_by_key, "service"), True
        )
    return Act(
        kind=kind,
        purposes={purpose.key: purpose.key in granted for purpose in policy.optional_purposes},
        services=services,
        told=_told(one("told").split()),
        notice=one("notice")[:64],
        source=_source(one("source")),
        next=one("next"),
        is_once=kind == "service" and one("span") == "once",
    )


def _said_of_services(
    policy: Policy,
    granted: Sequence[str],
    chosen: Sequence[str],
    offered: Sequence[str],
    was: Sequence[str],
) -> dict[str, bool | None]:
    """What a form says of single services: only a box that was changed speaks for itself.

    An untouched box follows its purposes where one of theirs was changed (None takes back what
    was said of it before), and says nothing otherwise.

    Args:
        policy: what the site declares.
        granted: purposes whose box is ticked.
        chosen: services whose box is ticked.
        offered: services that have a box in this form.
        was: ``p:KEY`` and ``s:KEY`` of the boxes that came ticked.
    """
    said: dict[str, bool | None] = {}
    for key in offered:
        if (key in chosen) != (f"s:{key}" in was):
            said[key] = key in chosen
        elif any(
            (purpose in granted) != (f"p:{purpose}" in was)
            for purpose in policy.service_by_key[key].purposes
            if not policy.purpose_by_key[purpose].is_necessary
        ):
            said[key] = None
    return said


def _act_of_json(document: Mapping[str, Any], policy: Policy) -> Act:
    unknown = set(document) - {"choice", "purposes", "services", "told", "notice", "source", "span"}
    if unknown:
        raise BodyProblem(422, "unknown_field", f"unknown field: {sorted(unknown)[0][:40]!r}")
    purposes = _flags(document.get("purposes", {}), policy.purpose_by_key, "purpose")
    if any(policy.purpose_by_key[key].is_necessary and not purposes[key] for key in purposes):
        raise BodyProblem(422, "required_purpose", "what is necessary cannot be refused")
    services: dict[str, bool | None] = {}
    kind = _kind(document.get("choice", ""))
    if kind == "save":  # says everything: what it does not name follows its purposes
        services = dict.fromkeys(policy.service_by_key)
    services.update(_flags(document.get("services", {}), policy.service_by_key, "service"))
    return Act(
        kind=kind,
        purposes={
            purpose.key: purposes.get(purpose.key, False) for purpose in policy.optional_purposes
        },
        services=services,
        told=_told(document.get("told", [])),
        notice=str(document.get("notice", ""))[:64],
        source=_source(document.get("source", "api")),
        next="",
        is_once=kind == "service" and document.get("span") == "once" and all(services.values()),
    )


def _kind(value: object) -> str:
    if value not in KINDS:
        raise BodyProblem(400, "malformed", f"choice: expected one of {', '.join(KINDS)}")
    return str(value)


def _source(value: object) -> str:
    return str(value) if value in SOURCES else "api"


def _told(values: object) -> Signals:
    words = values if isinstance(values, list) else []
    return Signals("gpc" in words, "dnt" in words)


def _known(keys: Sequence[str], table: Mapping[str, object], word: str) -> list[str]:
    for key in keys:
        if key not in table:
            raise BodyProblem(422, f"unknown_{word}", f"the policy has no {word} of that key")
    return list(keys)


def _flags(value: object, table: Mapping[str, object], word: str) -> dict[str, bool]:
    if not isinstance(value, dict):
        raise BodyProblem(400, "malformed", f"{word}s: expected an object of true and false")
    _known(list(value), table, word)
    return {key: said is True for key, said in value.items()}  # only a literal true grants


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


async def record(house: House, visit: Visit, act: Act, choice: Choice) -> None:
    """Make the choice's event durable.

    Raises:
        BodyProblem: 503 where a grant cannot be proven; a refusal is queued instead.
    """
    event = event_of(house, visit, act, choice)
    if not choice.grants_anything and not house.policy.ledger.records_refusals:
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
    lines += visit.farewells(outcome)
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
        return replace(base, once=granted, once_told=choice.told), [visit.once_line(token)]
    lines = [visit.token_line(token)]
    if act.kind in ("service", "signal") and before is not None:
        choice = replace(choice, once=before.once, once_told=before.once_told)
    elif visit.has_once:
        lines.append(visit.once_line(""))
    return choice, lines
