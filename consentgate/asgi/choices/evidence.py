"""Owns the addresses of proof: the visitor's receipt, the last checkpoint, the page that checks."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.types import Receive

from consentgate.asgi.choices.receipts import Receipts
from consentgate.asgi.own_routes import Handler
from consentgate.asgi.pages.assets import static_file
from consentgate.asgi.posts.bodies import BodyProblem
from consentgate.errors import LedgerUnavailable, ProofError
from consentgate.gates.visit import Visit

WAIT_SECONDS = 2
"""When a browser asks again for a receipt that was not ready."""
CHECK_PAGE = "receipt-verify"
_MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
}
_CHECK_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_EVENT = re.compile(rb"(?:^|&)event=([0-9a-f]{32})(?:&|$)")
_MOST_QUERY = 1_000


class Evidence:
    """Answers for what proves a choice."""

    def __init__(
        self,
        receipts: Receipts,
        subject_of: Callable[[str], str],
        page: Callable[[Visit, int], Response],
    ) -> None:
        """Prepare.

        Args:
            receipts: makes them.
            subject_of: the ledger's reference of a grant.
            page: the choices page, with a status.
        """
        self._receipts = receipts
        self._subject_of = subject_of
        self._page = page

    def methods(self, rest: str) -> dict[str, Handler]:
        """Methods to answers of an address below the prefix; empty where it is none of these."""
        if rest == "/receipt":
            return {"GET": self._receipt}
        if rest == "/checkpoint":
            return {"GET": self._checkpoint}
        if rest == "/verifier-key":
            return {"GET": self._key}
        name, _, kind = rest[1:].partition(".")
        return {"GET": self._check} if name == CHECK_PAGE and kind in _MEDIA_TYPES else {}

    async def _receipt(self, visit: Visit, receive: Receive) -> Response:
        """The receipt of the visitor's own choice, or of an event whose random id they know.

        202 while it is not proven yet: a browser shows the choices page and asks again by itself.
        """
        text = await run_in_threadpool(self._text_for, visit)
        if text is None:
            return await run_in_threadpool(self._wait, visit)
        day = dt.datetime.fromtimestamp(visit.now, dt.UTC).date()
        headers = {
            "content-disposition": f'attachment; filename="privacy-receipt-{day}.jsonld"',
            "x-robots-tag": "noindex",
        }
        return Response(text, 200, headers, media_type="application/ld+json")

    def _text_for(self, visit: Visit) -> str | None:
        choice, asked = visit.visitor.choice, _EVENT.search(visit.request.query[:_MOST_QUERY])
        try:
            if asked:
                event_id = asked[1].decode()
            else:
                subject = self._subject_of(choice.id) if choice is not None else ""
                event_id = self._receipts.newest_of(subject)
            return self._receipts.of(event_id)
        except KeyError as error:
            detail = "there is no recorded choice that this browser or this address names"
            raise BodyProblem(404, "no_receipt", detail) from error
        except (LedgerUnavailable, ProofError) as error:
            detail = "receipts cannot be made now; please try again later"
            raise BodyProblem(503, "ledger_unavailable", detail) from error

    def _wait(self, visit: Visit) -> Response:
        response: Response
        if "text/html" in visit.request.header(b"accept"):
            response = self._page(visit, 202)
            response.headers["refresh"] = str(WAIT_SECONDS)
        else:
            response = JSONResponse({"status": "pending"}, 202)
        response.headers["retry-after"] = str(WAIT_SECONDS)
        return response

    async def _checkpoint(self, visit: Visit, receive: Receive) -> Response:
        """What was signed last, for whoever keeps checkpoints or compares receipts."""
        try:
            note = await run_in_threadpool(self._receipts.checkpoint)
        except LedgerUnavailable as error:
            detail = "the checkpoint cannot be read now; please try again later"
            raise BodyProblem(503, "ledger_unavailable", detail) from error
        if not note:
            raise BodyProblem(404, "not_found", "nothing was signed yet")
        return _open_text(note)

    async def _key(self, visit: Visit, receive: Receive) -> Response:
        """The key that checks checkpoints and receipts."""
        if not self._receipts.vkey:
            raise BodyProblem(404, "not_found", "only the operator can check the checkpoints")
        return _open_text(f"{self._receipts.vkey}\n")

    async def _check(self, visit: Visit, receive: Receive) -> Response:
        name = visit.request.path.rpartition("/")[2].rstrip("/")
        headers = {
            "cache-control": "public, max-age=300",
            "content-security-policy": _CHECK_POLICY,
            "referrer-policy": "no-referrer",
            "x-robots-tag": "noindex",
        }
        media_type = _MEDIA_TYPES[name.rpartition(".")[2]]
        return Response(static_file(name), 200, headers, media_type=media_type)


def _open_text(text: str) -> Response:
    """The same for everyone, from every page."""
    headers = {"cache-control": "public, max-age=10", "access-control-allow-origin": "*"}
    return Response(text, 200, headers, media_type="text/plain; charset=utf-8")
