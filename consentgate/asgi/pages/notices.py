"""Owns what anyone may read: the disclosure, and every notice ever shown under its hash."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import groupby
from types import SimpleNamespace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.types import Receive

from consentgate.asgi.faults import Faults
from consentgate.asgi.own_routes import Handler
from consentgate.asgi.pages.disclosure import Disclosure
from consentgate.asgi.pages.languages import asked_language
from consentgate.asgi.pages.templates import Pages
from consentgate.asgi.pages.view import View
from consentgate.asgi.posts.bodies import BodyProblem
from consentgate.domain.days import day_of
from consentgate.domain.decision import decide
from consentgate.domain.policy.policy import Policy
from consentgate.domain.regimes import UNKNOWN
from consentgate.domain.signals import NONE
from consentgate.errors import LedgerUnavailable
from consentgate.gates.visit import Visit
from consentgate.ledger import Ledger

LIST_SECONDS = 60
IMMUTABLE = "public, max-age=31536000, immutable"
_READ_ONLY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_SANDBOXED = (
    "default-src 'none'; sandbox; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HASH = re.compile(r"[0-9a-f]{64}")
_META = re.compile(rb'<meta name="(version|effective|model)" content="([^"]{0,200})">')
_LANGUAGE = re.compile(rb'<html lang="([A-Za-z0-9-]{1,35})"')
_FORMAT = re.compile(rb"(?:^|&)format=(json|html)(?:&|$)")
_MOST_QUERY = 1_000


@dataclass(frozen=True, slots=True)
class Listed:
    """What is known of a notice from its first bytes; a site's own template may say less."""

    hash: str
    version: str
    effective: str
    language: str
    model: str


def listed(name: str, start: bytes) -> Listed:
    """Read what a notice says of itself in its head.

    Args:
        name: its SHA-256.
        start: its first bytes.
    """
    told = {
        key.decode(): html.unescape(text.decode("utf-8", "replace"))
        for key, text in _META.findall(start)
    }
    language = _LANGUAGE.search(start)
    return Listed(
        hash=name,
        version=told.get("version", ""),
        effective=told.get("effective", ""),
        language=language[1].decode() if language else "",
        model=told.get("model", ""),
    )


class Published:
    """Answers for the disclosure and the notices; the same for every visitor."""

    def __init__(self, policy: Policy, pages: Pages, ledger: Ledger, faults: Faults) -> None:
        self._policy = policy
        self._prefix = policy.site.prefix
        self._pages = pages
        self._ledger = ledger
        self._faults = faults
        self._disclosure = Disclosure(policy, pages)
        self._listed: list[Listed] = []
        self._list_again_at = 0

    def methods(self, rest: str) -> dict[str, Handler]:
        """Methods to answers of an address below the prefix; empty where it is none of these."""
        if rest == "/disclosure":
            return {"GET": self._disclose}
        if rest == "/notices":
            return {"GET": self._list}
        return {"GET": self._notice} if rest.startswith("/notices/") else {}

    async def _disclose(self, visit: Visit, receive: Receive) -> Response:
        language, root = self._language(visit), visit.request.root_path + self._prefix
        today = day_of(visit.now)
        if _wants_json(visit):
            document = await run_in_threadpool(self._disclosure.document, language, root, today)
            return _json(document, language)
        page = await run_in_threadpool(self._disclosure.page, language, root, today)
        return _page(page, language)

    async def _notice(self, visit: Visit, receive: Receive) -> Response:
        """The exact bytes that a choice was made under (REC-02), to be read, nothing more."""
        name = visit.request.path.rpartition("/")[2]
        body = await run_in_threadpool(self._bytes_of, name) if _HASH.fullmatch(name) else None
        if body is None:
            raise BodyProblem(404, "not_found", "there is no notice of that hash")
        headers = {
            "cache-control": IMMUTABLE,
            "content-security-policy": _SANDBOXED,
            "x-robots-tag": "noindex",
        }
        return Response(body, 200, headers, media_type="text/html; charset=utf-8")

    def _bytes_of(self, name: str) -> bytes | None:
        """Today's notices are at hand also where no choice was made under them yet."""
        today = dict(self._pages.notices())
        try:
            return today.get(name) or self._ledger.notice(name)
        except LedgerUnavailable as error:
            detail = "earlier notices cannot be read now; please try again later"
            raise BodyProblem(503, "ledger_unavailable", detail) from error

    async def _list(self, visit: Visit, receive: Receive) -> Response:
        """Every version with its date and its notices, the newest first (VER-08)."""
        language = self._language(visit)
        root = visit.request.root_path + self._prefix
        notices = await self._all(visit.now)
        if _wants_json(visit):
            rows = [{**asdict(one), "url": f"{root}/notices/{one.hash}"} for one in notices]
            return _json({"notices": rows}, language)
        view = View(
            language=language,
            regime=UNKNOWN,
            decision=decide(self._policy, UNKNOWN, NONE, None, 0),
            choice=None,
            root=root,
            next="",
        )
        versions = list(_versions(notices, language))
        render = partial(self._pages.render, "notices.html", view, versions=versions)
        return _page(await run_in_threadpool(render), language)

    async def _all(self, now: int) -> list[Listed]:
        """Every notice there is, read again after a minute at most."""
        if not self._list_again_at - LIST_SECONDS <= now < self._list_again_at:
            self._listed = await run_in_threadpool(self._read_all)
            self._list_again_at = now + LIST_SECONDS
        return self._listed

    def _read_all(self) -> list[Listed]:
        found = dict(self._pages.notices())
        try:
            found.update(self._ledger.notices())
        except LedgerUnavailable:
            self._faults.failed("notices", "only today's notices are listed")
        rows = [listed(name, start) for name, start in found.items()]
        rows.sort(key=lambda one: (one.language, one.model))
        return sorted(rows, key=lambda one: (one.effective, one.version), reverse=True)

    def _language(self, visit: Visit) -> str:
        asked = asked_language(visit.request.query)
        return self._pages.negotiate(visit.request.header(b"accept-language"), asked)


def _versions(notices: list[Listed], language: str) -> Iterator[SimpleNamespace]:
    """Each version with its notices in that language; in every one where there is none in it."""
    for (effective, name), group in groupby(notices, key=lambda one: (one.effective, one.version)):
        rows = list(group)
        own = [one for one in rows if one.language == language] or rows
        yield SimpleNamespace(name=name or "–", effective=effective or "–", notices=own)


def _wants_json(visit: Visit) -> bool:
    """By ``?format=``, else by Accept; browsers get the page."""
    asked = _FORMAT.search(visit.request.query[:_MOST_QUERY])
    if asked:
        return asked[1] == b"json"
    accept = visit.request.header(b"accept")
    return "application/json" in accept and "text/html" not in accept


_SHARED = {"cache-control": "public, max-age=300", "vary": "accept, accept-language"}


def _json(document: dict[str, Any], language: str) -> Response:
    headers = {**_SHARED, "content-language": language, "access-control-allow-origin": "*"}
    return JSONResponse(document, headers=headers)


def _page(body: bytes, language: str) -> Response:
    headers = {
        **_SHARED,
        "content-language": language,
        "content-security-policy": _READ_ONLY,
        "referrer-policy": "no-referrer",
    }
    return Response(body, 200, headers, media_type="text/html; charset=utf-8")
