"""Owns the live page of reports: an app to mount, for those whom the site lets read it.

::

    app.mount("/insights", insights("consentgate.toml", may_see=analyst))

Fails closed: whoever is not let in learns nothing, not even which reports there are.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import inspect
import json
import os
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from consentgate.asgi.startup.policy_file import load_policy
from consentgate.domain.policy.policy import Policy
from consentgate.errors import LogError, SettingError
from consentgate.log.writing.layout import Layout
from consentgate.report.columns import FILTERS
from consentgate.report.making import REPORTS, Made, make_reports
from consentgate.report.outputs.documents import FORMATS
from consentgate.report.page.page import as_page, page_policy
from consentgate.report.periods import Period, period_of
from consentgate.report.source import today_in

TOKEN_VARIABLE = "CONSENTGATE_REPORT_TOKEN"
REMEMBERED_SECONDS = 60
MOST_REMEMBERED = 16
MEDIA_TYPES = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who may read reports."""

    name: str
    """Who it is, for the record of exports."""
    reports: frozenset[str] = frozenset(REPORTS)
    """Names of the reports that this role may see."""
    filters: frozenset[str] = frozenset(FILTERS)
    """What this role may narrow reports to."""


MaySee = Callable[[Request], Reader | Awaitable[Reader | None] | None]
"""Says who asks; None: nobody who may see anything."""
Key = tuple[Period, tuple[str, ...], tuple[tuple[str, str], ...]]


def insights(
    policy: Policy | str | Path, *, may_see: MaySee | None = None, token: str = ""
) -> Starlette:
    """Make the app.

    Args:
        policy: whose log is reported on.
        may_see: the site's own decision who may read.
        token: what a reader sends instead, as a bearer token or as the password that a browser
            asks for; empty: the one in ``CONSENTGATE_REPORT_TOKEN``.

    Raises:
        SettingError: there is neither a decision nor a token, or no log.
    """
    loaded = policy if isinstance(policy, Policy) else load_policy(policy)
    secret = token or os.environ.get(TOKEN_VARIABLE, "")
    if may_see is None and len(secret) < 16:
        raise SettingError(
            f"insights: nobody may read yet; give may_see=, or a token of 16 characters or more in "
            f"{TOKEN_VARIABLE}"
        )
    if not loaded.log.folder:
        raise SettingError('insights: [log] directory = "": there is no log to report on')
    pages = _Pages(loaded, may_see or by_token(secret))
    return Starlette(routes=[Route("/", pages.page), Route("/reports.{form}", pages.export)])


def by_token(secret: str) -> MaySee:
    """Let in who sends a token: ``Bearer``, or the password of ``Basic``."""

    def may_see(request: Request) -> Reader | None:
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            try:
                value = base64.b64decode(value).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                value = ""
        is_known = hmac.compare_digest(value.encode(), secret.encode())
        return Reader("token") if is_known else None

    return may_see


class _Pages:
    """Answers for one log."""

    def __init__(self, policy: Policy, may_see: MaySee) -> None:
        self._policy = policy
        self._layout = Layout.of(policy.log.folder)
        self._may_see = may_see
        self._lock = threading.Lock()
        self._made: dict[Key, tuple[float, Made]] = {}

    async def page(self, request: Request) -> Response:
        """The page, narrowed by its address."""
        return await self._answer(request, "html")

    async def export(self, request: Request) -> Response:
        """The same numbers for programs; who took them is recorded."""
        return await self._answer(request, request.path_params["form"])

    async def _answer(self, request: Request, form: str) -> Response:
        found = self._may_see(request)
        reader = await found if inspect.isawaitable(found) else found
        if reader is None:
            headers = {"www-authenticate": 'Basic realm="reports", charset="UTF-8"'}
            return _closed(PlainTextResponse("not allowed\n", 401, headers))
        if form != "html" and form not in FORMATS:
            return _closed(PlainTextResponse("no such format\n", 404))
        try:
            made = await run_in_threadpool(self._reports, reader, dict(request.query_params))
            if form != "html":
                await run_in_threadpool(self._record, reader, form, made)
        except (SettingError, LogError) as error:
            return _closed(PlainTextResponse(f"{error}\n", 400))
        if form == "html":
            text = as_page(made, form_of(made, reader, dict(request.query_params)))
            return _closed(Response(text, media_type="text/html; charset=utf-8"), has_form=True)
        name = f"{made.period.since}_{made.period.until}.{form}"
        disposition = {"content-disposition": f'attachment; filename="{name}"'}
        return _closed(Response(FORMATS[form](made), 200, disposition, MEDIA_TYPES[form]))

    def _reports(self, reader: Reader, asked: Mapping[str, str]) -> Made:
        zone = self._policy.log.time_zone
        period = period_of(asked.get("from", ""), asked.get("until", ""), today_in(zone))
        names = tuple(n for n in asked.get("reports", "").split(",") if n) or tuple(REPORTS)
        allowed = tuple(name for name in names if name in reader.reports)
        filters = {name: asked[name][:256] for name in FILTERS if asked.get(name)}
        refused = filters.keys() - reader.filters
        if refused:
            raise SettingError(f"{min(refused)}: reports are not narrowed to that for you")
        if not allowed:
            raise SettingError("reports: none of them is for you")
        key = (period, allowed, tuple(sorted(filters.items())))
        with self._lock:
            at, made = self._made.get(key, (0.0, None))
            if made is None or time.monotonic() - at > REMEMBERED_SECONDS:
                made = make_reports(
                    self._layout,
                    period,
                    allowed,
                    site=self._policy.controller.name,
                    zone=zone,
                    filters=filters,
                )
                if len(self._made) >= MOST_REMEMBERED:
                    self._made.pop(next(iter(self._made)))
                self._made[key] = (time.monotonic(), made)
        return made

    def _record(self, reader: Reader, form: str, made: Made) -> None:
        """Add a line to ``exports.jsonl``: who took which numbers, and when.

        Raises:
            LogError: it cannot be written; nothing is given out then.
        """
        line = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "reader": reader.name,
            "form": form,
            "since": str(made.period.since),
            "until": str(made.period.until),
            "filters": dict(made.filters),
            "reports": [table.name for table in made.tables],
        }
        path = self._layout.root / "exports.jsonl"
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            with open(os.open(path, flags, 0o640), "ab") as file:
                file.write(json.dumps(line).encode() + b"\n")
        except OSError as error:
            raise LogError(f"the export cannot be recorded: {error.strerror}") from error


def _closed(response: Response, *, has_form: bool = False) -> Response:
    response.headers["cache-control"] = "private, no-store"
    response.headers["content-security-policy"] = page_policy(has_form=has_form)
    response.headers["referrer-policy"] = "no-referrer"
    response.headers["x-content-type-options"] = "nosniff"
    response.headers["x-frame-options"] = "DENY"
    return response


_CHOICES = {
    "device": ("desktop", "mobile", "tablet", "other"),
    "source": ("none", "search", "social", "ai", "external", "internal"),
    "tier": ("T0", "T1", "T2"),
}


def form_of(made: Made, reader: Reader, asked: Mapping[str, str]) -> Markup:
    """What narrows the page: its answer has an address that can be shared."""
    parts = [
        _field("from", "From", str(made.period.since), "date"),
        _field("until", "Until", str(made.period.until), "date"),
    ]
    for name in (name for name in FILTERS if name in reader.filters):
        title, value = name.capitalize(), made.filters.get(name, "")
        if name in _CHOICES:
            parts.append(_choice(name, title, value))
        else:
            parts.append(_field(name, title, value, "text"))
    query = urlencode({name: value for name, value in asked.items() if value})
    links = Markup(" ").join(
        Markup('<a href="reports.{}?{}">{}</a>').format(form, query, form.upper())
        for form in FORMATS
    )
    return Markup(
        '<form class="filters" method="get" action="">{}<button>Show</button></form>'
        '<p class="soft">The same numbers as {}. Each export is recorded.</p>'
    ).format(Markup("").join(parts), links)


def _field(name: str, title: str, value: str, kind: str) -> Markup:
    return Markup('<label>{}<input type="{}" name="{}" value="{}"></label>').format(
        title, kind, name, value
    )


def _choice(name: str, title: str, value: str) -> Markup:
    options = Markup("").join(
        Markup('<option value="{}"{}>{}</option>').format(
            one, Markup(" selected") if one == value else "", one or "all"
        )
        for one in ("", *_CHOICES[name])
    )
    return Markup('<label>{}<select name="{}">{}</select></label>').format(title, name, options)
