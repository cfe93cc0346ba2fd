"""The contract's site in each framework, written as its own users would write it."""

import itertools
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from consentgate import Consent, get_consent
from tests.contracts.site import FIRST, MISSING, PAGE, SECOND, SETS, seen


async def _pieces() -> AsyncIterator[bytes]:
    yield FIRST
    yield SECOND


def starlette_site() -> Any:
    """Starlette; consent at ``request.state.consent``."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import (
        HTMLResponse,
        JSONResponse,
        RedirectResponse,
        Response,
        StreamingResponse,
    )
    from starlette.routing import Route

    def with_cookies(response: Response) -> Response:
        for name, value in SETS:
            response.set_cookie(name, value)
        return response

    async def front(request: Request) -> Response:
        return with_cookies(HTMLResponse(PAGE))

    async def stream(request: Request) -> Response:
        return StreamingResponse(_pieces(), media_type="text/html")

    async def data(request: Request) -> Response:
        return JSONResponse(seen(request.state.consent, request.headers.get("cookie", "")))

    async def move(request: Request) -> Response:
        return with_cookies(RedirectResponse("/data"))

    async def missing(request: Request, error: Exception) -> Response:
        return with_cookies(HTMLResponse(MISSING, 404))

    routes = [
        Route("/", front),
        Route("/stream", stream),
        Route("/data", data),
        Route("/move", move),
    ]
    return Starlette(routes=routes, exception_handlers={404: missing})


def fastapi_site() -> Any:
    """FastAPI; consent as a dependency."""
    from fastapi import Depends, FastAPI, Header, Request
    from fastapi.responses import (
        HTMLResponse,
        JSONResponse,
        RedirectResponse,
        Response,
        StreamingResponse,
    )

    app = FastAPI()

    def with_cookies(response: Response) -> Response:
        for name, value in SETS:
            response.set_cookie(name, value)
        return response

    @app.get("/")
    def front() -> Response:
        return with_cookies(HTMLResponse(PAGE))

    @app.get("/stream")
    def stream() -> Response:
        return StreamingResponse(_pieces(), media_type="text/html")

    @app.get("/data")
    def data(
        consent: Annotated[Consent, Depends(get_consent)],
        cookie: Annotated[str, Header()] = "",
    ) -> dict[str, Any]:
        return seen(consent, cookie)

    @app.get("/move")
    def move() -> Response:
        return with_cookies(RedirectResponse("/data"))

    async def missing(request: Request, error: Exception) -> JSONResponse | Response:
        return with_cookies(HTMLResponse(MISSING, 404))

    app.add_exception_handler(404, missing)
    return app


def litestar_site() -> Any:
    """Litestar, whose own middleware never sees a 404: the gate stands around the app."""
    from litestar import Litestar, MediaType, Request, Response, get
    from litestar.exceptions import NotFoundException
    from litestar.response import Redirect, Stream

    def with_cookies(response: Any) -> Any:
        for name, value in SETS:
            response.set_cookie(name, value)
        return response

    @get("/")
    async def front() -> Response[str]:
        return with_cookies(Response(PAGE, media_type=MediaType.HTML))

    @get("/stream")
    async def stream() -> Stream:
        return Stream(_pieces(), media_type=MediaType.HTML)

    @get("/data")
    async def data(request: Request[Any, Any, Any]) -> dict[str, Any]:
        return seen(request.state["consent"], request.headers.get("cookie", ""))

    @get("/move", status_code=302)
    async def move() -> Redirect:
        return with_cookies(Redirect("/data"))

    def missing(request: Request[Any, Any, Any], error: NotFoundException) -> Response[str]:
        return with_cookies(Response(MISSING, media_type=MediaType.HTML, status_code=404))

    return Litestar(
        route_handlers=[front, stream, data, move],
        exception_handlers={NotFoundException: missing},
        openapi_config=None,
        logging_config=None,
    )


def quart_site() -> Any:
    """Quart; the scope hangs on its request."""
    from quart import Quart, Response, redirect, request

    app = Quart(__name__)

    def with_cookies(response: Any) -> Any:
        for name, value in SETS:
            response.set_cookie(name, value)
        return response

    @app.get("/")
    async def front() -> Any:
        return with_cookies(Response(PAGE, mimetype="text/html"))

    @app.get("/stream")
    async def stream() -> Any:
        return Response(_pieces(), mimetype="text/html")

    @app.get("/data")
    async def data() -> Any:
        return seen(get_consent(request), request.headers.get("cookie", ""))

    @app.get("/move")
    async def move() -> Any:
        return with_cookies(redirect("/data"))

    @app.errorhandler(404)
    async def missing(error: Exception) -> Any:
        return with_cookies(Response(MISSING, 404, mimetype="text/html"))

    return app


def django_site() -> Any:
    """Django behind ASGI, which raises on the lifespan protocol."""
    from django.core.asgi import get_asgi_application

    from tests.contracts import django_urls  # noqa: F401  (makes the settings)

    return get_asgi_application()


_NUMBERS = itertools.count()


def sanic_site() -> Any:
    """Sanic, whose response headers are a generator."""
    from sanic import Sanic, html, json, redirect
    from sanic.exceptions import NotFound

    app = Sanic(f"contract{next(_NUMBERS)}", configure_logging=False)

    def with_cookies(response: Any) -> Any:
        for name, value in SETS:
            response.add_cookie(name, value, secure=False)
        return response

    @app.get("/")
    async def front(request: Any) -> Any:
        return with_cookies(html(PAGE))

    @app.get("/stream")
    async def stream(request: Any) -> None:
        response = await request.respond(content_type="text/html")
        async for piece in _pieces():
            await response.send(piece)
        await response.eof()

    @app.get("/data")
    async def data(request: Any) -> Any:
        return json(seen(get_consent(request), request.headers.get("cookie", "")))

    @app.get("/move")
    async def move(request: Any) -> Any:
        return with_cookies(redirect("/data"))

    @app.exception(NotFound)
    async def missing(request: Any, error: Exception) -> Any:
        return with_cookies(html(MISSING, status=404))

    return app


SITES: dict[str, Callable[[], Any]] = {
    "starlette": starlette_site,
    "fastapi": fastapi_site,
    "litestar": litestar_site,
    "quart": quart_site,
    "django": django_site,
    "sanic": sanic_site,
}
