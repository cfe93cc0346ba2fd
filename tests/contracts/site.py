"""What every framework's version of the contract's site says and sets."""

from __future__ import annotations

from typing import Any

from consentgate import Consent

PAGE = "<!doctype html><html><head><title>Shop</title></head><body><h1>Front</h1></body></html>"
MISSING = "<!doctype html><html><head><title>404</title></head><body><h1>Nothing</h1></body></html>"
FIRST = b"<!doctype html><html><head><title>Slow</title></head><body><p>one</p>"
SECOND = b"<p>two</p></body></html>"

SETS = (("session", "s1"), ("theme", "dark"), ("_fbp", "f1"), ("nobodys", "n1"))
"""Cookies that the site sets: necessary, functional, marketing, undeclared."""


def seen(consent: Consent, cookie: str) -> dict[str, Any]:
    """What the app saw of a request, as JSON."""
    return {
        "cookie": cookie,
        "functional": consent.allows("functional"),
        "why": consent.why("functional").name,
    }
