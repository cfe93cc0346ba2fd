"""The shop: what any shop does, written without a thought for consent."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from urllib.parse import parse_qs

from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from examples.fastapi_app import pages

YEAR = 31_536_000


def _answer(request: Request, body: str) -> Response:
    """Count the visitor and start a session, as shops do."""
    response = HTMLResponse(body)
    if "session" not in request.cookies:
        response.set_cookie("session", secrets.token_hex(8), max_age=1_209_600, httponly=True)
    visitor = request.cookies.get("visitor_id", secrets.token_hex(8))
    response.set_cookie("visitor_id", visitor, max_age=YEAR, httponly=True)
    return response


def _currency(request: Request) -> str:
    return request.cookies.get("currency", "EUR")


def _basket(request: Request) -> str:
    return request.cookies.get("session", "").partition("-")[2]


def make_shop(hosts: Mapping[str, str]) -> FastAPI:
    """Make the bare shop.

    Args:
        hosts: name of a third party to its ``host:port``.
    """
    app = FastAPI(title="Teapot Shop", openapi_url=None)
    app.include_router(_reading(hosts))
    app.include_router(_buying())
    return app


def _reading(hosts: Mapping[str, str]) -> APIRouter:
    router = APIRouter()

    @router.get("/")
    def home(request: Request) -> Response:
        return _answer(request, pages.home(_currency(request), hosts))

    @router.get("/product/{number}")
    def product(request: Request, number: int) -> Response:
        if number not in pages.PRODUCTS:
            raise HTTPException(404, "there is no such teapot")
        return _answer(request, pages.product(number, _currency(request), hosts))

    @router.get("/cart")
    def cart(request: Request) -> Response:
        numbers = [int(n) for n in _basket(request) if n.isdigit() and int(n) in pages.PRODUCTS]
        return _answer(request, pages.cart(numbers, _currency(request), hosts))

    @router.get("/about")
    def about(request: Request) -> Response:
        return _answer(request, pages.page("About", "<p>We sell teapots.</p>", hosts))

    return router


def _buying() -> APIRouter:
    router = APIRouter()

    @router.post("/cart/{number}")
    def add(request: Request, number: int) -> Response:
        if number not in pages.PRODUCTS:
            raise HTTPException(404, "there is no such teapot")
        response = RedirectResponse("/cart", 303)
        value = f"{secrets.token_hex(8)}-{_basket(request)}{number}"
        response.set_cookie("session", value[:64], max_age=1_209_600, httponly=True)
        return response

    @router.post("/currency")
    async def set_currency(request: Request) -> Response:
        chosen = parse_qs((await request.body()).decode()).get("currency", ["EUR"])[0]
        response = RedirectResponse("/", 303)
        if chosen in pages.RATES:
            response.set_cookie("currency", chosen, max_age=YEAR)
        return response

    return router
