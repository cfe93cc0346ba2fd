"""Owns what stands under ``/.well-known/``: how this site answers GPC and DNT, computed live."""

from __future__ import annotations

from pathlib import Path

from starlette.responses import JSONResponse, Response
from starlette.types import Receive

from consentgate.asgi.own_routes import OWN, UNNOTED, Handler
from consentgate.asgi.posts.bodies import BodyProblem
from consentgate.domain.days import day_of
from consentgate.domain.policy.policy import Policy
from consentgate.formats.headers.tracking_status import (
    MEDIA_TYPE,
    Tracking,
    is_eff_policy,
    status_object,
    tracking_of_id,
)
from consentgate.gates.headers.tracking import tracking_of
from consentgate.gates.visit import Visit

PLACE = "/.well-known/"
_DNT = PLACE + "dnt"


class WellKnown:
    """Answers for the support resources of GPC and DNT."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def route_of(self, path: str) -> object:
        """What the site log calls a visit to one of these paths."""
        return UNNOTED if path.startswith(_DNT) and not path.startswith(_DNT + "-") else OWN

    def methods(self, path: str) -> dict[str, Handler]:
        """Method to answer of one path; empty where it is the app's."""
        if path == PLACE + "gpc.json":
            return {"GET": self._gpc}
        if path == _DNT or path.startswith(_DNT + "/"):
            return {"GET": self._status}
        if path == PLACE + "dnt-policy.txt" and self._policy.site.eff_dnt_policy:
            return {"GET": self._eff_policy}
        return {}

    async def _gpc(self, visit: Visit, receive: Receive) -> Response:
        """The GPC support resource: true only while the signal is enforced (SIG-13, SIG-14)."""
        return JSONResponse(
            {
                "gpc": self._policy.signals.gpc != "off",
                "lastUpdate": self._policy.effective.isoformat(),
            },
            headers={"cache-control": "public, max-age=3600", "access-control-allow-origin": "*"},
        )

    async def _status(self, visit: Visit, receive: Receive) -> Response:
        """The status of the site, or of one status-id (SIG-26, SIG-28)."""
        status_id = visit.request.path[len(_DNT) :].strip("/")
        root = visit.request.root_path + self._policy.site.prefix
        status = status_object(
            self._tracking(visit, status_id),
            config=root,
            policy=root + "/disclosure",
            same_party=self._policy.site.same_party,
        )
        change = self._policy.announced(day_of(visit.now))
        if change is not None:  # ahead of time, while nothing has changed yet (SIG-29)
            status["announced"] = {
                "effective": change.effective.isoformat(),
                "summary": change.summary,
            }
        return JSONResponse(
            status,
            headers={"cache-control": "private, no-store", "vary": "cookie, sec-gpc, dnt"},
            media_type=MEDIA_TYPE,
        )

    def _tracking(self, visit: Visit, status_id: str) -> Tracking:
        if not status_id and self._policy.signals.tk == "always":
            return Tracking.DYNAMIC
        named = tracking_of_id(status_id) if status_id else Tracking.DYNAMIC
        if named is None:
            raise BodyProblem(404, "not_found", "there is no status of that name")
        if named is not Tracking.DYNAMIC:
            return named
        tracking = tracking_of(visit.outcome)
        is_ignored = self._policy.signals.dnt == "off" and visit.request.header(b"dnt")[:1] == "1"
        return Tracking.DISREGARDED if is_ignored and tracking is Tracking.GENERAL else tracking

    async def _eff_policy(self, visit: Visit, receive: Receive) -> Response:
        """The EFF's policy, byte for byte, over HTTPS; whatever else the file holds is not it."""
        try:
            body = Path(self._policy.site.eff_dnt_policy).read_bytes()
        except OSError:
            body = b""
        if not visit.request.is_https or not is_eff_policy(body):
            raise BodyProblem(404, "not_found", "there is nothing at this address")
        return Response(body, media_type="text/plain")
