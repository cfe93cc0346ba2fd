"""Owns the announcement of a change to come: whom it is due to, and remembering who has read it.

Reading it is no choice: nothing is granted, refused or recorded. What the browser keeps is the
announcement's mark, the same for everyone who read it.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response
from starlette.types import Receive

from consentgate.asgi.posts.bodies import BodyProblem, read_body
from consentgate.asgi.posts.same_origin import is_same_origin, safe_next
from consentgate.domain.policy.policy import Announcement
from consentgate.formats.cookies import set_cookie
from consentgate.gates.visit import Visit

if TYPE_CHECKING:
    from consentgate.asgi.assembly import House

DAY_SECONDS = 86_400


def day_of(now: int) -> dt.date:
    """The day of a moment, UTC."""
    return dt.date(1970, 1, 1) + dt.timedelta(days=now // DAY_SECONDS)


def news_for(house: House, visit: Visit, *, is_shared: bool = False) -> Announcement | None:
    """The change to come, for a person who has not said that they have read of it.

    A signal neither brings it up nor hides it (SIG-10). Pages that caches share say it to all.
    """
    change = house.policy.announces
    if is_shared:
        return house.policy.announced(day_of(visit.now))
    if change is None or visit.is_bot or change.mark.encode() in visit.news:
        return None
    return house.policy.announced(day_of(visit.now))


async def read_news(house: House, visit: Visit, receive: Receive) -> Response:
    """Remember that this visitor has read it, until it takes effect, and lead back (303)."""
    scope = visit.scope
    if not is_same_origin(scope["headers"], scheme=scope.get("scheme", "http")):
        raise BodyProblem(403, "cross_origin", "this must come from a page of this site")
    body = await read_body(scope, receive)
    change = house.policy.announced(day_of(visit.now))
    way_back = body.fields.get("next", [""])[0]
    response = RedirectResponse(safe_next(way_back, visit.root_path + house.prefix), 303)
    if change is not None:
        days = (change.effective - day_of(visit.now)).days
        line = set_cookie(
            house.plan.news_names[visit.is_https].decode(),
            change.mark,
            max_age_seconds=days * DAY_SECONDS,
            is_secure=visit.is_https,
        )
        response.raw_headers.append((b"set-cookie", line))
    return response
