"""Owns what an app's framework keeps at its visitors: told by the app itself, before it runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_SITE_COOKIES = 'cookies = [{ name = "session", lifetime = "14 days" }]'
"""The line of the starter policy that names the site's own cookies."""
_PACKAGES: Mapping[str, str] = {
    "datasette": "datasette",
    "fasthtml": "fasthtml",
    "fastapi_users": "fastapi-users",
    "gradio": "gradio",
    "marimo": "marimo",
    "nicegui": "nicegui",
    "panel": "panel",
    "sqladmin": "sqladmin",
    "starlette_admin": "starlette-admin",
    "strawberry": "strawberry-graphiql",
    "wagtail": "wagtail",
}
"""Package that an app has loaded to the catalogue's entry of what it keeps."""
_NAMES = ("session_cookie", "cookie_name", "csrf_cookie_name", "cookie")
"""Options of middleware that name a cookie."""
_DEFAULTS: Mapping[str, str] = {
    "SessionMiddleware": "session",
    "CSRFMiddleware": "csrftoken",
    "CSRFProtectMiddleware": "csrftoken",
}
"""Middleware to the cookie that it sets where nothing else is said."""


class Kept(NamedTuple):
    """What an app keeps."""

    cookies: tuple[str, ...]
    services: tuple[str, ...]
    """Keys of the catalogue."""


def kept_by(app: Any) -> Kept:
    """What an app's middleware, settings and documentation pages keep and load.

    Args:
        app: any ASGI app; what is around it is looked through.
    """
    cookies: dict[str, None] = {}
    services: dict[str, None] = {}
    for layer in _layers(app):
        cookies.update(dict.fromkeys(_of_middleware(layer)))
        services.update(dict.fromkeys(_of_docs(layer)))
    cookies.update(dict.fromkeys(_of_django()))
    for package, key in _PACKAGES.items():
        if package in sys.modules:
            services[key] = None
    if "django.contrib.admin" in sys.modules:
        services["django-admin"] = None
    return Kept(tuple(cookies), tuple(services))


def _layers(app: Any) -> Iterator[Any]:
    for _ in range(32):
        if app is None:
            return
        yield app
        app = getattr(app, "app", None) or getattr(app, "asgi_app", None)


def _of_middleware(app: Any) -> Iterator[str]:
    for one in getattr(app, "user_middleware", None) or ():
        options = getattr(one, "kwargs", None) or getattr(one, "options", None) or {}
        named = [options[name] for name in _NAMES if isinstance(options.get(name), str)]
        default = _DEFAULTS.get(getattr(getattr(one, "cls", None), "__name__", ""))
        yield from named or ([default] if default else [])


def _of_docs(app: Any) -> Iterator[str]:
    home = type(app).__module__.partition(".")[0]
    if home == "fastapi" and app.openapi_url and (app.docs_url or app.redoc_url):
        yield "fastapi-docs"
    if home == "litestar" and getattr(app, "openapi_config", None) is not None:
        yield "litestar-docs"


def _of_django() -> Iterator[str]:
    conf = sys.modules.get("django.conf")
    if conf is None or not conf.settings.configured:
        return
    for name in ("SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME"):
        yield getattr(conf.settings, name)
    if any("messages" in one for one in conf.settings.INSTALLED_APPS):
        yield "messages"


def with_kept(starter: str, kept: Kept) -> str:
    """The starter policy with what an app keeps in the place of its example.

    Args:
        starter: the text that ``consentgate init`` writes.
        kept: what was found.
    """
    listed = ", ".join(f'"{name}"' for name in kept.cookies)
    text = starter.replace(_SITE_COOKIES, f"cookies = [{listed}]")
    entries = "".join(f'\n[service.{key}]\nuse = "{key}"\n' for key in kept.services)
    return text + entries
