"""Owns our own addresses: which handler answers which path and method."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Send

from consentgate.asgi.choices.choose import choose
from consentgate.asgi.pages.announcement import read_news
from consentgate.asgi.pages.assets import assets
from consentgate.asgi.pages.languages import asked_language
from consentgate.asgi.pages.notices import IMMUTABLE, Published
from consentgate.asgi.pages.well_known import PLACE, WellKnown
from consentgate.asgi.posts.bodies import BodyProblem
from consentgate.gates.cookies.lines import added_lines
from consentgate.gates.visit import Visit

if TYPE_CHECKING:
    from consentgate.asgi.assembly import House

Handler = Callable[[Visit, Receive, Send], Awaitable[None]]
Answer = Callable[[Visit, Receive], Awaitable[Response]]

OWN_ROUTE = SimpleNamespace(path="(privacy choices)")
"""What the site log calls a visit to any of our own addresses (LOG-11)."""


class Routes:
    """Finds the handler of one of our own addresses; everything else is the app's."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._prefix = house.policy.site.prefix
        self._table: dict[str, dict[str, Answer]] = {
            "": {"GET": self._page, "POST": self._choose},
            "/state": {"GET": self._state},
            "/events": {"POST": house.interests.answer},
            "/announcement": {"POST": self._announcement},
            "/reports": {"POST": house.reports.answer},
        }
        """Path below the prefix to method to answer; HEAD is answered like GET."""
        self._well_known = WellKnown(house)
        self._published = Published(house)

    def find(self, visit: Visit) -> Handler | None:
        """The handler of a visit's address, or None where it belongs to the app."""
        whole: str = visit.scope["path"]
        if PLACE in whole:
            return self._well_known_handler(visit.path)
        if self._prefix not in whole:
            return None
        path = visit.path
        if not path.startswith(self._prefix):
            return None
        rest = path[len(self._prefix) :]
        if rest and not rest.startswith("/"):
            return None
        return self._handler(rest.rstrip("/"))

    def _handler(self, rest: str) -> Handler:
        return self._handler_of(self._methods(rest))

    def _well_known_handler(self, path: str) -> Handler | None:
        methods = self._well_known.methods(path)
        return self._handler_of(methods) if methods else None

    def _handler_of(self, methods: dict[str, Answer]) -> Handler:
        async def handle(visit: Visit, receive: Receive, send: Send) -> None:
            response = await self._answer(methods, visit, receive)
            await response(
                visit.scope, receive, _bodiless(send) if visit.scope["method"] == "HEAD" else send
            )

        return handle

    async def _answer(self, methods: dict[str, Answer], visit: Visit, receive: Receive) -> Response:
        method = visit.scope["method"]
        answer = methods.get("GET" if method == "HEAD" else method)
        try:
            if not methods:
                raise BodyProblem(404, "not_found", "there is nothing at this address")
            if answer is None:
                raise BodyProblem(405, "method_not_allowed", f"expected {_allowed(methods)}")
            response = await answer(visit, receive)
        except BodyProblem as problem:
            response = self._problem(visit, problem, methods)
        except Exception:
            self._house.failed("answer", "one of our own addresses answers 500")
            fault = BodyProblem(500, "internal_error", "something went wrong on our side")
            response = self._problem(visit, fault, methods)
        response.headers.setdefault("x-content-type-options", "nosniff")
        response.headers.setdefault("cache-control", "private, no-store")
        return response

    def _methods(self, rest: str) -> dict[str, Answer]:
        if rest.startswith("/assets/"):
            return {"GET": self._asset}
        return self._table.get(rest) or self._published.methods(rest)

    def _problem(self, visit: Visit, problem: BodyProblem, methods: dict[str, Answer]) -> Response:
        """A page for a form, problem details (RFC 9457) for everything else."""
        self._house.count(problem.code)
        is_form = visit.header(b"content-type").startswith("application/x-www-form-urlencoded")
        headers = {"allow": _allowed(methods)} if problem.status == 405 else {}
        if problem.status == 429:
            headers["retry-after"] = "60"
        if is_form and visit.scope["method"] == "POST" and problem.status != 500:
            response = self.page(visit, problem.status, problem=problem.code)
            response.headers.update(headers)
            return response
        return JSONResponse(
            {
                "type": "about:blank",
                "title": problem.code.replace("_", " "),
                "status": problem.status,
                "code": problem.code,
                "detail": problem.detail,
            },
            problem.status,
            headers,
            media_type="application/problem+json",
        )

    def page(
        self, visit: Visit, status: int = 200, *, problem: str = "", needs: str = ""
    ) -> Response:
        """The choices page, with what went wrong or what a feature needs, if anything."""
        view = self._house.view(
            visit,
            source="page",
            problem=problem,
            needs=needs,
            page_language=asked_language(visit.scope.get("query_string", b"")),
        )
        headers = {
            "content-security-policy": "default-src 'self'; base-uri 'none'; "
            "form-action 'self'; frame-ancestors 'none'",
            "referrer-policy": "same-origin",
            "content-language": view.language,
        }
        return Response(
            self._house.pages.page(view), status, headers, media_type="text/html; charset=utf-8"
        )

    async def _page(self, visit: Visit, receive: Receive) -> Response:
        return self.page(visit)

    async def _choose(self, visit: Visit, receive: Receive) -> Response:
        return await choose(self._house, visit, receive)

    async def _announcement(self, visit: Visit, receive: Receive) -> Response:
        return await read_news(self._house, visit, receive)

    async def _state(self, visit: Visit, receive: Receive) -> Response:
        response = JSONResponse(self._house.state(visit, visit.outcome, visit.choice))
        # pages that caches share carry no line for one visitor: theirs come with the state
        response.raw_headers += [(b"set-cookie", line) for line in added_lines(visit)]
        return response

    async def _asset(self, visit: Visit, receive: Receive) -> Response:
        name = visit.path[len(self._prefix) + len("/assets/") :]
        asset = assets().get(name)
        if asset is None:
            raise BodyProblem(404, "not_found", "there is nothing at this address")
        media_type, body = asset
        return Response(body, 200, {"cache-control": IMMUTABLE}, media_type=media_type)


def _allowed(methods: Mapping[str, Answer]) -> str:
    """The value of ``Allow``: HEAD is answered wherever GET is."""
    return ", ".join(methods).replace("GET", "GET, HEAD")


def _bodiless(send: Send) -> Send:
    """Send the same headers and no body (RFC 9110 9.3.2)."""

    async def head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return head
