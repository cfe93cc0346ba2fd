"""The contract's site in Django: it wants its addresses in a module and its settings made once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import django
from django.conf import settings

from consentgate import get_consent
from tests.contracts.site import FIRST, MISSING, PAGE, SECOND, SETS, seen

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        SECRET_KEY="only for tests, and long enough for them",
        DEFAULT_CHARSET="utf-8",
        LOGGING_CONFIG=None,
    )
    django.setup()

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path


def _with_cookies(response: Any) -> Any:
    for name, value in SETS:
        response.set_cookie(name, value)
    return response


async def front(request: HttpRequest) -> HttpResponse:
    return _with_cookies(HttpResponse(PAGE))


async def stream(request: HttpRequest) -> StreamingHttpResponse:
    async def pieces() -> AsyncIterator[bytes]:
        yield FIRST
        yield SECOND

    return StreamingHttpResponse(pieces(), content_type="text/html")


async def data(request: Any) -> JsonResponse:
    found = seen(get_consent(request), request.META.get("HTTP_COOKIE", ""))
    return JsonResponse(json.loads(json.dumps(found)))


async def move(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(status=302, headers={"location": "/data"})
    return _with_cookies(response)


def missing(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _with_cookies(HttpResponse(MISSING, status=404))


urlpatterns = [
    path("", front),
    path("stream", stream),
    path("data", data),
    path("move", move),
]
handler404 = missing
