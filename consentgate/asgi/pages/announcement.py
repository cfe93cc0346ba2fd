"""Owns the announcement of a change to come: whom it is due to, and remembering who has read it.

Reading it is no choice: nothing is granted, refused or recorded. What the browser keeps is the
announcement's mark, the same for everyone who read it.
"""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response
from starlette.types import Receive

from consentgate.asgi.own_routes import Handler
from consentgate.asgi.posts.bodies import BodyProblem, read_body
from consentgate.asgi.posts.same_origin import is_from_here, safe_next
from consentgate.domain.days import DAY_SECONDS, day_of
from consentgate.domain.policy.policy import Announcement, Policy
from consentgate.formats.cookies import set_cookie
from consentgate.gates.answer import Answer
from consentgate.gates.plan import Plan
from consentgate.gates.visit import Visit


def news_for(policy: Policy, visit: Answer, *, is_shared: bool = False) -> Announcement | None:
    """The change to come, for a person who has not said that they have read of it.

    A signal neither brings it up nor hides it (SIG-10). Pages that caches share say it to all.
    """
    change = policy.announces
    visitor = visit.visitor
    if is_shared:
        return policy.announced(day_of(visit.now))
    if change is None or visitor.is_bot or change.mark.encode() in visitor.own.news:
        return None
    return policy.announced(day_of(visit.now))


def news_reader(plan: Plan) -> Handler:
    """Make the answer to a visitor who says that they have read it.

    It is remembered until the change takes effect, and the visitor led back (303).
    """
    policy = plan.policy

    async def read_news(visit: Visit, receive: Receive) -> Response:
        request = visit.request
        if not is_from_here(request, policy.site.origins):
            raise BodyProblem(403, "cross_origin", "this must come from a page of this site")
        body = await read_body(request.headers, receive)
        change = policy.announced(day_of(visit.now))
        way_back = safe_next(
            body.fields.get("next", [""])[0], request.root_path + policy.site.prefix
        )
        response = RedirectResponse(way_back, 303)
        if change is not None:
            days = (change.effective - day_of(visit.now)).days
            line = set_cookie(
                plan.news_names[request.is_https].decode(),
                change.mark,
                max_age_seconds=days * DAY_SECONDS,
                is_secure=request.is_https,
            )
            response.raw_headers.append((b"set-cookie", line))
        return response

    return read_news
