"""Owns our own addresses: which answer belongs to which path and method."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.types import Receive

from consentgate.asgi.faults import Faults
from consentgate.asgi.own_routes import OWN, UNNOTED, Handler
from consentgate.asgi.pages.assets import assets, compressed
from consentgate.asgi.pages.languages import asked_language
from consentgate.asgi.pages.notices import IMMUTABLE, Published
from consentgate.asgi.pages.templates import Pages
from consentgate.asgi.pages.views import Views
from consentgate.asgi.pages.well_known import PLACE, WellKnown
from consentgate.asgi.posts.bodies import BodyProblem
from consentgate.asgi.posts.cross_origin import is_preflight, preflight, tell_origin
from consentgate.gates.request import Request
from consentgate.gates.visit import Visit

_GZIP = re.compile(r"(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?))?\s*(?=,|$)")
"""A coding that may be gzip, with its weight."""


class Address(NamedTuple):
    """One of our own addresses."""

    methods: Mapping[str, Handler]
    """Method to answer, HEAD like GET; empty: there is nothing here."""
    route: object = OWN
    """What the site log calls a visit to it."""


@dataclass(frozen=True, slots=True)
class Posts:
    """What takes what is sent to our own addresses."""

    choose: Handler
    read_news: Handler
    hear_interest: Handler
    hear_reports: Handler


class Routes:
    """Finds the answer of one of our own addresses; everything else is the app's."""

    def __init__(
        self,
        prefix: str,
        pages: Pages,
        views: Views,
        posts: Posts,
        published: Published,
        well_known: WellKnown,
        faults: Faults,
        *,
        origins: Collection[str] = (),
    ) -> None:
        self._prefix = prefix
        self._origins = origins
        self._pages = pages
        self._views = views
        self._faults = faults
        self._further: list[Callable[[str], Mapping[str, Handler]]] = [published.methods]
        self._well_known = well_known
        self._addresses = {
            "": Address({"GET": self._page, "POST": posts.choose}),
            "/state": Address({"GET": self._state}),
            "/events": Address({"POST": posts.hear_interest}, UNNOTED),
            "/announcement": Address({"POST": posts.read_news}),
            "/reports": Address({"POST": posts.hear_reports}, UNNOTED),
        }
        """Path below the prefix to what is there."""

    def find(self, request: Request) -> Address | None:
        """What is at a request's address, or None where it belongs to the app."""
        whole = request.whole_path
        is_well_known = PLACE in whole
        if (not is_well_known and self._prefix not in whole) or request.is_websocket:
            return None
        path = request.path
        if is_well_known:
            methods = self._well_known.methods(path)
            return Address(methods, self._well_known.route_of(path)) if methods else None
        return self._below(path.removeprefix(self._prefix)) if self._is_own(path) else None

    def _is_own(self, path: str) -> bool:
        """Whether a path is ours: the prefix, and what lies below it."""
        return path.startswith(self._prefix) and path[len(self._prefix) :][:1] in ("", "/")

    def _below(self, rest: str) -> Address:
        rest = rest.rstrip("/")
        if rest.startswith("/assets/"):
            return Address({"GET": self._asset})
        known = self._addresses.get(rest)
        if known is not None:
            return known
        return Address(next(filter(None, (methods(rest) for methods in self._further)), {}))

    def extend(self, methods: Callable[[str], Mapping[str, Handler]]) -> None:
        """Answer at further addresses.

        Args:
            methods: the methods of an address below the prefix, empty where there is nothing.
        """
        self._further.append(methods)

    async def answer(self, address: Address, visit: Visit, receive: Receive) -> Response:
        """Handler a request to one of our own addresses. Never raises."""
        request, methods = visit.request, address.methods
        answer = methods.get("GET" if request.method == "HEAD" else request.method)
        try:
            if not methods:
                raise BodyProblem(404, "not_found", "there is nothing at this address")
            if answer is not None:
                response = await answer(visit, receive)
            elif is_preflight(request, self._origins):
                response = preflight(_allowed(methods))
            else:
                raise BodyProblem(405, "method_not_allowed", f"expected {_allowed(methods)}")
        except BodyProblem as problem:
            response = await run_in_threadpool(self._problem, visit, problem, methods)
        except Exception:
            self._faults.failed("answer", "one of our own addresses answers 500")
            fault = BodyProblem(500, "internal_error", "something went wrong on our side")
            response = self._problem(visit, fault, methods)
        tell_origin(response, request, self._origins)
        response.headers.setdefault("x-content-type-options", "nosniff")
        response.headers.setdefault("cache-control", "private, no-store")
        return response

    def _problem(
        self, visit: Visit, problem: BodyProblem, methods: Mapping[str, Handler]
    ) -> Response:
        """A page for a form, problem details (RFC 9457) for everything else."""
        self._faults.count(problem.code)
        request = visit.request
        is_form = request.header(b"content-type").startswith("application/x-www-form-urlencoded")
        headers = {"allow": _allowed(methods)} if problem.status == 405 else {}
        if problem.status == 429:
            headers["retry-after"] = "60"
        if is_form and request.method == "POST" and problem.status != 500:
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
        view = self._views.view(
            visit,
            source="page",
            problem=problem,
            needs=needs,
            page_language=asked_language(visit.request.query),
        )
        headers = {
            "content-security-policy": "default-src 'self'; base-uri 'none'; "
            "form-action 'self'; frame-ancestors 'none'",
            "referrer-policy": "same-origin",
            "content-language": view.language,
        }
        return Response(
            self._pages.page(view), status, headers, media_type="text/html; charset=utf-8"
        )

    async def _page(self, visit: Visit, receive: Receive) -> Response:
        return await run_in_threadpool(self.page, visit)

    async def _state(self, visit: Visit, receive: Receive) -> Response:
        state = await run_in_threadpool(self._views.state, visit, visit.outcome)
        response = JSONResponse(state)
        # pages that caches share carry no line for one visitor: theirs come with the state
        response.raw_headers += [(b"set-cookie", line) for line in visit.own_lines()]
        return response

    async def _asset(self, visit: Visit, receive: Receive) -> Response:
        name = visit.request.path[len(self._prefix) + len("/assets/") :]
        asset = assets().get(name)
        if asset is None:
            raise BodyProblem(404, "not_found", "there is nothing at this address")
        media_type, body = asset
        headers = {"cache-control": IMMUTABLE, "vary": "Accept-Encoding"}
        if _takes_gzip(visit.request.header(b"accept-encoding")):
            body = compressed()[name]
            headers["content-encoding"] = "gzip"
        return Response(body, 200, headers, media_type=media_type)


def _takes_gzip(accepted: str) -> bool:
    """Whether an ``Accept-Encoding`` names gzip, and not to refuse it (RFC 9110, 12.5.3)."""
    found = _GZIP.search(accepted.lower())
    return found is not None and float(found[1] or 1) > 0


def _allowed(methods: Mapping[str, Handler]) -> str:
    """The value of ``Allow``: HEAD is answered wherever GET is."""
    return ", ".join(methods).replace("GET", "GET, HEAD")
