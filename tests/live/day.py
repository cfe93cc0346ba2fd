"""The site that a whole day of traffic visits: every log it can keep is on."""

from __future__ import annotations

import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from consentgate import ConsentGate

POLICY = """
version = "1"
effective = 2026-01-01
[controller]
name = "Day"
[regimes]
trusted_proxies = ["127.0.0.1"]
[purpose.recognition]
title = "Recognition"
description = "To know how many people come back in a month."
[service.site]
purposes = ["necessary"]
role = "first-party"
cookies = ["session"]
[ledger]
url = "sqlite:{folder}/proof/ledger.sqlite3"
[log]
directory = "{folder}/log"
events = ["pricing", {{ name = "export_clicked", properties = {{ plan = ["free", "pro"] }} }}]
longitudinal = true
security_directory = "{folder}/security"
security_public_key = "{folder}/officer.pub.pem"
"""
ROUTES = (
    "/products/{id}",
    "/users/{name}/orders/{id}",
    "/reset/{token}",
    "/call/{phone}",
    "/articles/{slug}",
)


async def page(request: Request) -> Response:
    """A page, or the status that the test has asked for."""
    request.state.consent.track("export_clicked", plan="pro")
    status = int(request.headers.get("x-answer", "200"))
    return HTMLResponse("<!doctype html><title>Day</title><body><p>A page.</p>", status)


async def failing(request: Request) -> Response:
    """An app that breaks; what it says in its own log is its own."""
    raise RuntimeError("broken")


def make() -> ConsentGate:
    """The site behind its gate, by the policy in the folder that SITE_FOLDER names."""
    routes = [Route(path, page, methods=["GET", "POST"]) for path in ("/", *ROUTES)]
    app = Starlette(routes=[*routes, Route("/failing", failing, methods=["GET", "POST"])])
    return ConsentGate(app, policy=Path(os.environ["SITE_FOLDER"]) / "consentgate.toml")
