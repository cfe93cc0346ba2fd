"""Owns the addresses where a visitor sees, downloads, corrects and erases what is held.

Only the holder of the cookie gets an answer, or of a link that the app made; nothing is cached.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive

from consentgate.asgi.choices.choose import Choices
from consentgate.asgi.choices.references import References
from consentgate.asgi.faults import Faults
from consentgate.asgi.own_routes import Handler
from consentgate.asgi.pages.languages import asked_language
from consentgate.asgi.pages.templates import Pages
from consentgate.asgi.pages.view import View
from consentgate.asgi.pages.views import Views
from consentgate.asgi.posts.bodies import Body, BodyProblem, read_body
from consentgate.asgi.posts.limits import ClientOf, RateLimit, known_client
from consentgate.asgi.posts.same_origin import is_from_here, is_in_frame
from consentgate.asgi.rights.collecting import Sources, collect
from consentgate.asgi.rights.erasing import VISITOR, Erased, Eraser
from consentgate.asgi.rights.hooks import Hooks, called
from consentgate.asgi.rights.links import Links
from consentgate.domain.choices import Choice
from consentgate.domain.rights.requests import Ask, Fate
from consentgate.errors import LedgerUnavailable, RightsError
from consentgate.formats.proof.records import moment
from consentgate.gates.visit import Visit

ASKS_A_MINUTE = 20
MAX_TEXT_CHARS = 4_000
_MOST_QUERY = 1_000
_HEADERS: Mapping[str, str] = {
    "cache-control": "private, no-store",
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "vary": "cookie",
    "x-robots-tag": "noindex",
}


class Asker(NamedTuple):
    """Whose data is asked for, as far as that was proven."""

    subjects: Sequence[str]
    """References, the newest first; none: nobody can say whose."""
    link: str = ""
    """The signed link by which it was proven; empty: the cookie."""


class RightsPages:
    """Answers for the visitor's own data."""

    def __init__(
        self,
        sources: Sources,
        eraser: Eraser,
        choices: Choices,
        references: References,
        links: Links,
        hooks: Hooks,
        pages: Pages,
        views: Views,
        client_of: ClientOf,
        faults: Faults,
        end_erased: Callable[[Sequence[str]], None],
    ) -> None:
        self._end_erased = end_erased
        self._sources = sources
        self._eraser = eraser
        self._choices = choices
        self._references = references
        self._links = links
        self._hooks = hooks
        self._pages = pages
        self._views = views
        self._client_of = client_of
        self._faults = faults
        self._limit = RateLimit(most=ASKS_A_MINUTE)

    def methods(self, rest: str) -> dict[str, Handler]:
        """Methods to answers of an address below the prefix; empty where it is none of these."""
        if rest == "/data":
            return {"GET": self._show}
        if rest == "/erase":
            return {"POST": self._erase}
        return {"POST": self._correct} if rest == "/correct" else {}

    async def _show(self, visit: Visit, receive: Receive) -> Response:
        """Everything that is held, as a page or as JSON."""
        self._count(visit)
        query = parse_qs(visit.request.query[:_MOST_QUERY].decode("latin-1"))
        asker = self._asker(visit, query.get("key", [""])[0])
        document = await self._document(visit, asker)
        if query.get("format") == ["json"]:
            headers = {**_HEADERS, "content-disposition": 'attachment; filename="my-data.json"'}
            return Response(_json(document), 200, headers, media_type="application/json")
        titles = self._titles(self._view(visit).language)
        return await self._page(visit, "data.html", held=_held(document, titles), key=asker.link)

    def _titles(self, language: str) -> dict[str, str]:
        """Purposes and services as the visitor calls them."""
        policy, details = self._sources.policy, self._pages.details
        titles = {one.key: details.wording(language, one)[0] for one in policy.purposes}
        return {**{one.key: one.title for one in policy.services}, **titles}

    async def _document(self, visit: Visit, asker: Asker) -> dict[str, Any]:
        """What the gate holds and what the app adds.

        Raises:
            BodyProblem: 503 where some of it cannot be read: an answer is whole or none.
        """
        try:
            document = await run_in_threadpool(collect, self._sources, asker.subjects, visit.now)
            if self._hooks.data_of is not None and asker.subjects:
                document["app"] = await called(self._hooks.data_of, asker.subjects[0])
        except Exception as error:
            self._faults.failed("data", "a visitor's data cannot be shown now")
            detail = "what is held cannot be read now; please try again later"
            raise BodyProblem(503, "data_unavailable", detail) from error
        if not asker.link:
            document["choice"] = _choice(visit.visitor.choice)
        return document

    async def _erase(self, visit: Visit, receive: Receive) -> Response:
        """Erase it all; a grant ends with that, and the refusal stays (DSR-07)."""
        body, asker = await self._asked(visit, receive)
        if body.is_json and (body.document or {}).get("confirm") is not True:
            raise BodyProblem(400, "unconfirmed", 'expected {"confirm": true}')
        own = None if asker.link else visit.ended(None)
        names = await run_in_threadpool(self._eraser.names_of, asker.subjects, visit.now, own)
        lines = await self._ended(visit, asker)
        language = self._view(visit).language
        try:
            done = await self._eraser.erase(
                asker.subjects,
                names,
                now=visit.now,
                regime=visit.outcome.regime.code,
                language=language,
            )
        except RightsError:
            self._faults.failed("register", "erasures are refused: the register is not written")
            done = Erased(Fate.OPEN)
        response = await self._told(visit, body, done)
        response.raw_headers += [(b"set-cookie", line) for line in lines]
        if not asker.link:
            response.headers["clear-site-data"] = '"storage"'
        return response

    async def _ended(self, visit: Visit, asker: Asker) -> list[bytes]:
        """End the grant, here or in the browser that holds it; lines for this one.

        Raises:
            BodyProblem: 503 where the grant of another browser cannot be ended now.
        """
        if not asker.link:
            return await self._choices.withdraw(visit)
        try:
            await self._eraser.end_grants(asker.subjects, visit.now)
        except LedgerUnavailable as error:
            self._faults.no_ledger(error)
            detail = "nothing can be erased now; please try again later"
            raise BodyProblem(503, "ledger_unavailable", detail) from error
        self._end_erased(asker.subjects)
        return []

    async def _correct(self, visit: Visit, receive: Receive) -> Response:
        """Have the app correct what the visitor gave, or take the request in."""
        body, asker = await self._asked(visit, receive)
        text = str(_field(body, "text")).strip()
        if not 0 < len(text) <= MAX_TEXT_CHARS:
            raise BodyProblem(400, "malformed", f"text: expected 1 to {MAX_TEXT_CHARS} characters")
        register, hook = self._sources.register, self._hooks.correct_of
        if register is None and hook is None:
            raise BodyProblem(404, "not_found", "there is nothing at this address")
        request = None
        if register is not None:
            request = await run_in_threadpool(
                partial(
                    register.open,
                    Ask.CORRECTION,
                    asker.subjects,
                    now=visit.now,
                    by=VISITOR,
                    regime=visit.outcome.regime.code,
                    language=self._view(visit).language,
                    text=text,
                )
            )
        fate = await self._corrected(asker, text)
        if fate is Fate.ANSWERED and register is not None and request is not None:
            request = await run_in_threadpool(
                partial(register.close, request.reference, fate, now=visit.now, by=VISITOR)
            )
        return await self._told(visit, body, Erased(fate, request=request), is_erasure=False)

    async def _corrected(self, asker: Asker, text: str) -> Fate:
        if self._hooks.correct_of is None:
            return Fate.OPEN
        try:
            is_done = await called(self._hooks.correct_of, asker.subjects[0], text)
        except Exception:
            self._faults.failed("correction", "a visitor's correction is left open")
            return Fate.OPEN
        return Fate.ANSWERED if is_done else Fate.OPEN

    async def _asked(self, visit: Visit, receive: Receive) -> tuple[Body, Asker]:
        """The body of a POST from a page of this site, and whose data it is about.

        Raises:
            BodyProblem: it comes from elsewhere (403), or nobody can say whose data it is (404).
        """
        request = visit.request
        if not is_from_here(request, ()) or is_in_frame(request):
            raise BodyProblem(403, "cross_origin", "this must come from a page of this site")
        self._count(visit)
        body = await read_body(request.headers, receive)
        asker = self._asker(visit, str(_field(body, "key")))
        if not asker.subjects:
            raise BodyProblem(404, "not_found", "nothing is held that can be linked to you")
        return body, asker

    def _asker(self, visit: Visit, link: str) -> Asker:
        """Whose data is asked for.

        Raises:
            BodyProblem: 404 for a link that is forged, of another site, or over.
        """
        if link:
            subject = self._links.read(link, visit.now)
            if not subject:
                raise BodyProblem(404, "not_found", "this link cannot be used any more")
            return Asker((subject,), link)
        choice = visit.visitor.choice
        return Asker(self._references.all(choice.id) if choice is not None else ())

    def _count(self, visit: Visit) -> None:
        """Count an act against its client, whose address is kept nowhere."""
        client = known_client(visit.request, self._client_of, self._faults)
        if not self._limit.allows(client, visit.now):
            self._faults.count("rate_limited")
            raise BodyProblem(429, "rate_limited", "too many requests; please wait a minute")

    async def _told(
        self, visit: Visit, body: Body, done: Erased, *, is_erasure: bool = True
    ) -> Response:
        """Say what was done, as a page or as JSON."""
        request = done.request
        is_secret = request is not None and await run_in_threadpool(self._is_secret, request.who)
        fate = Fate.OPEN if is_secret and done.fate is Fate.HELD else done.fate
        status = 200 if fate is Fate.ANSWERED else 202
        if body.is_json:
            document: dict[str, Any] = {
                "state": fate.value,
                "reference": request.reference if request else None,
                "due": str(request.due) if request and fate is not Fate.ANSWERED else None,
            }
            if is_erasure and fate is Fate.ANSWERED:
                document["erased"] = {"events": done.events, "visits": done.visits}
            return Response(_json(document), status, dict(_HEADERS), media_type="application/json")
        return await self._page(
            visit,
            "data_done.html",
            status,
            fate=fate.value,
            is_erasure=is_erasure,
            reference=request.reference if request else "",
            due=str(request.due) if request else "",
        )

    def _is_secret(self, who: Sequence[str]) -> bool:
        """Whether what keeps the data is a demand that the visitor may not hear of."""
        register = self._sources.register
        return register is not None and register.is_secretly_held(who)

    def _view(self, visit: Visit) -> View:
        asked = asked_language(visit.request.query)
        return self._views.view(visit, source="page", page_language=asked)

    async def _page(
        self, visit: Visit, template: str, status: int = 200, **more: object
    ) -> Response:
        view = self._view(visit)
        say = partial(self._pages.details.say, view.language)
        can_correct = self._hooks.correct_of is not None or self._sources.register is not None
        render = partial(
            self._pages.render, template, view, say=say, can_correct=can_correct, **more
        )
        body = await run_in_threadpool(render)
        headers = {**_HEADERS, "content-language": view.language}
        return Response(body, status, headers, media_type="text/html; charset=utf-8")


def _choice(choice: Choice | None) -> dict[str, Any] | None:
    """What the visitor's cookie says."""
    if choice is None:
        return None
    return {
        "made_at": moment(choice.made_at * 1000),
        "purposes": dict(choice.purposes),
        "services": dict(choice.services),
        "signalled": {"gpc": choice.signalled.gpc, "dnt": choice.signalled.dnt},
    }


def _held(document: Mapping[str, Any], titles: Mapping[str, str]) -> dict[str, Any]:
    """The document as the page shows it."""
    is_empty = not any(document[part] for part in ("events", "visits", "disclosures", "requests"))
    app = document.get("app")
    return {
        **document,
        "is_empty": is_empty and not app,
        "events": [{**event, "said": _said(event, titles)} for event in document["events"]],
        "app": json.dumps(app, indent=2, ensure_ascii=False, default=str) if app else "",
    }


def _said(event: Mapping[str, Any], titles: Mapping[str, str]) -> list[dict[str, Any]]:
    """What a choice said, by the names of its purposes and services."""
    said = {**event["purposes"], **event["services"]}
    return [{"title": titles.get(key, key), "is_granted": value} for key, value in said.items()]


def _field(body: Body, name: str) -> object:
    if body.document is not None:
        return body.document.get(name, "")
    return body.fields.get(name, [""])[0]


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, indent=2, ensure_ascii=False, default=str).encode()
