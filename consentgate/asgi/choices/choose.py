"""Owns the path of a choice: proof of origin, body, check, ledger first, token, answer."""

from __future__ import annotations

import logging
from dataclasses import replace

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import Receive

from consentgate.asgi.choices.acts import Act, read_act, withdrawal
from consentgate.asgi.choices.choice import make_choice, with_session_grants
from consentgate.asgi.choices.ending import ending_of
from consentgate.asgi.choices.proof import Proof
from consentgate.asgi.faults import Faults
from consentgate.asgi.pages.templates import Pages
from consentgate.asgi.pages.views import Views
from consentgate.asgi.posts.bodies import BodyProblem, read_body
from consentgate.asgi.posts.limits import Limits
from consentgate.asgi.posts.same_origin import (
    is_from_here,
    is_in_frame,
    may_be_same_origin,
    safe_next,
)
from consentgate.asgi.recording.site_log import SiteLog
from consentgate.asgi.recording.warnings import shown
from consentgate.asgi.revoking.revocations import Revocations
from consentgate.domain.choices import Choice
from consentgate.formats import cookies
from consentgate.gates.cookies.lines import expire_denied
from consentgate.gates.cookies.remembered import token_line
from consentgate.gates.outcomes import Outcome, Outcomes
from consentgate.gates.request import Request
from consentgate.gates.visit import Visit
from consentgate.gates.visitors.tokens import TokenReader

logger = logging.getLogger("consentgate")


def _ends_grant(before: Choice | None, choice: Choice) -> bool:
    """Whether an act takes a grant back: that is always recorded (REC-05)."""
    had_grant = before is not None and before.grants_anything
    return had_grant and not choice.grants_anything


class Choices:
    """Takes the choices of visitors."""

    def __init__(
        self,
        outcomes: Outcomes,
        reader: TokenReader,
        pages: Pages,
        views: Views,
        proof: Proof,
        limits: Limits,
        site_log: SiteLog,
        faults: Faults,
        revocations: Revocations,
    ) -> None:
        self._outcomes = outcomes
        self._plan = outcomes.plan
        self._reader = reader
        self._pages = pages
        self._views = views
        self._proof = proof
        self._limits = limits
        self._site_log = site_log
        self._faults = faults
        self._revocations = revocations

    async def choose(self, visit: Visit, receive: Receive) -> Response:
        """Take a choice and answer: 303 for a form, 200 with the new state for JSON.

        The event is durable before the answer leaves. A refusal or withdrawal never fails: where
        the ledger is down it is queued and takes effect; a grant is then not accepted (503).
        """
        request, before = visit.request, visit.visitor.choice
        is_proven = is_from_here(request, self._plan.policy.site.origins)
        if not is_proven and not may_be_same_origin(request.headers):
            raise BodyProblem(403, "cross_origin", "a choice must come from a page of this site")
        if visit.visitor.is_bot:
            raise BodyProblem(403, "not_a_visitor", "programs have no choice to make")
        body = await read_body(request.headers, receive)
        act = read_act(body, self._plan.policy)
        choice = make_choice(act, before, visit.outcome, visit.now)
        if not is_proven:
            self._warn_of_host(request)
        if choice.grants_anything and not is_proven:
            raise BodyProblem(403, "cross_origin", "a choice must come from a page of this site")
        if choice.grants_anything and is_in_frame(request):
            raise BodyProblem(403, "framed", "nothing is granted from within a frame")
        is_recorded = self._limits.allows(visit, is_grant=choice.grants_anything)
        if not await self._knows(act.notice) and choice.grants_anything:
            raise BodyProblem(409, "notice_outdated", "the notice has changed; please choose again")
        if act.is_once:
            choice = with_session_grants(choice, before)
        await self._record(visit, act, choice, is_recorded=is_recorded)
        is_json = body.is_json or "application/json" in request.header(b"accept")
        return self._answer(visit, act, choice, is_json=is_json)

    async def withdraw(self, visit: Visit) -> list[bytes]:
        """Take back whatever a visit's cookies grant, as the button does; their new lines."""
        act = withdrawal(self._plan.policy)
        choice = make_choice(act, visit.visitor.choice, visit.outcome, visit.now)
        await self._record(visit, act, choice, is_recorded=True)
        return self._kept(visit, act, choice)[1]

    async def _record(self, visit: Visit, act: Act, choice: Choice, *, is_recorded: bool) -> None:
        """Prove a choice, and end the grants that it replaces."""
        ending = ending_of(act, visit, self._reader)
        if is_recorded or ending.ids or _ends_grant(visit.visitor.choice, choice):
            await self._proof.record(visit, act, choice, ending)
        self._revocations.end(ending.ids)
        self._reader.end_remembered(ending.tokens)
        self._follow(visit, act, choice)

    def _warn_of_host(self, request: Request) -> None:
        """Say once that a page's Origin and ``Host`` differ: most likely a proxy rewrites it."""
        self._faults.count("host_rewritten")
        if self._faults.counts["host_rewritten"] == 1 and request.header(b"origin"):
            origin = shown(request.header(b"origin").encode("latin-1"))
            logger.warning(
                'consentgate: a choice came from a page of "%s", but Host says "%s": grants are '
                "refused with 403. If both are this site, have the proxy pass the Host on (nginx: "
                "proxy_set_header Host $host), or name it in the policy:\n\n"
                '[site]\norigins = ["%s"]\n',
                origin,
                shown(request.host.encode("latin-1", "replace")),
                origin,
            )

    async def _knows(self, notice: str) -> bool:
        """Whether a notice is one of today's; the first time all of them are written."""
        if not self._pages.has_every_notice:
            await run_in_threadpool(self._pages.warm)
        return bool(self._pages.language_of_notice(notice))

    def _follow(self, visit: Visit, act: Act, choice: Choice) -> None:
        """Have the site log count the choice, and forget whom it may not recognise any more."""
        self._site_log.count_choice(visit.ended(None), act.kind)
        self._site_log.funnel.acted(visit, act, visit.visitor.choice, choice)
        known = self._site_log.recognition
        try:
            if known is not None and not act.is_once:
                known.follow(visit.visitor.choice, choice)
        except Exception:
            self._faults.failed("subject", "the key of a visitor who withdrew is not shredded")

    def _answer(self, visit: Visit, act: Act, choice: Choice, *, is_json: bool) -> Response:
        """Set the token, expire what is denied now, and send the visitor back."""
        outcome, lines = self._kept(visit, act, choice)
        response: Response
        if is_json:
            response = JSONResponse(self._views.state(visit, outcome))
        else:
            root = visit.request.root_path + self._plan.policy.site.prefix
            response = RedirectResponse(safe_next(act.next, root), status_code=303)
        response.raw_headers += [(b"set-cookie", line) for line in lines]
        if visit.request.is_https and self._clears(visit.outcome, outcome):
            response.headers["clear-site-data"] = '"storage"'
        response.headers["cache-control"] = "private, no-store"
        response.headers["tk"] = "U"
        return response

    def _kept(self, visit: Visit, act: Act, choice: Choice) -> tuple[Outcome, list[bytes]]:
        """What follows from a choice, and the ``Set-Cookie`` lines: its token, and what expires."""
        choice, lines = self._signed(visit, act, choice)
        outcome = self._outcomes.of(visit.visitor._replace(choice=choice), visit.now)
        return outcome, lines + expire_denied(visit.request, outcome, visit.now)

    def _clears(self, before: Outcome, after: Outcome) -> bool:
        """Whether the browser is asked to remove the site's storage: something was taken back.

        Never ``"cookies"`` nor ``"*"``: those would remove the refusal itself (WDR-04).
        """
        is_wanted = self._plan.policy.site.clear_storage
        return is_wanted and bool(after.denied_services - before.denied_services)

    def _signed(self, visit: Visit, act: Act, choice: Choice) -> tuple[Choice, list[bytes]]:
        """What holds from now on, and the ``Set-Cookie`` lines that keep it.

        What is granted for the session stands in a cookie of its own, so that a lasting choice, a
        refusal above all, outlives the session; every other act on the whole ends it.
        """
        before = visit.visitor.choice
        token = self._reader.codec.sign(choice, self._plan.meaning)
        if act.is_once:
            base = before or Choice(made_at=visit.now, is_explicit=False)
            granted = frozenset(choice.services)
            once = replace(base, once=granted, once_told=choice.told)
            return once, [self._once_line(visit, token)]
        lines = [token_line(token, visit.outcome, is_https=visit.request.is_https)]
        if act.kind in ("service", "signal") and before is not None:
            choice = replace(choice, once=before.once, once_told=before.once_told)
        elif visit.visitor.own.has_once:
            lines.append(self._once_line(visit, ""))
        return choice, lines

    def _once_line(self, visit: Visit, token: str) -> bytes:
        """The ``Set-Cookie`` line for what is granted for this session; no token removes it."""
        is_secure = visit.request.is_https
        name = self._plan.once_names[is_secure]
        if not token:
            return cookies.expiry(name, domain=b"", path=b"/", is_secure=is_secure)
        return cookies.set_cookie(name.decode(), token, max_age_seconds=None, is_secure=is_secure)
