"""Owns the proof that a visitor's own page sent a request; never knows what it asks for."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from urllib.parse import urlsplit

from consentgate.gates.request import Request

_FRAMES = frozenset(("iframe", "frame", "embed", "object", "fencedframe"))
"""Where a page of another site could have a visitor click unseen (ASVS 3.4.6)."""
_KNOWN_SITES = frozenset((b"same-origin", b"same-site", b"cross-site", b"none"))


def is_from_here(request: Request, origins: Collection[str]) -> bool:
    """Say whether a state-changing request comes from a page of this site (SEC-02).

    Args:
        request: with the host that the visitor called, where trusted proxies tell it.
        origins: further origins whose pages the policy names as the site's own.
    """
    if origins and declared_origin(request, origins):
        return True
    return is_same_origin(request.headers, scheme=request.scheme, host=request.host_field)


def declared_origin(request: Request, origins: Collection[str]) -> str:
    """The origin of the page that asks, if the policy names it; empty otherwise."""
    given = [value for name, value in request.headers if name == b"origin"]
    origin = given[0].decode("latin-1").lower() if len(given) == 1 else ""
    return origin if origin in origins else ""


def is_same_origin(
    headers: Sequence[tuple[bytes, bytes]], *, scheme: str, host: bytes = b""
) -> bool:
    """Say whether a state-changing request comes from this very site (SEC-02).

    ``Sec-Fetch-Site`` must be ``same-origin``; where it is absent or unknown, ``Origin`` must
    name this host; with neither, or with one of them twice, the answer is no: a choice always
    comes from a browser (OWASP CSRF, "Fetch Metadata"; ASVS 3.5).

    Args:
        headers: the request's pairs, lower-case names.
        scheme: ``http`` or ``https``, as the server sees it.
        host: what the visitor called the site, where it is known better than by ``Host``.
    """
    sites = [value.strip().lower() for name, value in headers if name == b"sec-fetch-site"]
    origins = [value for name, value in headers if name == b"origin"]
    hosts = [value for name, value in headers if name == b"host"]
    if len(sites) > 1 or len(origins) > 1 or len(hosts) != 1:
        return False
    if sites and sites[0] in _KNOWN_SITES:
        return sites[0] == b"same-origin"
    return bool(origins) and _names_host(origins[0], host or hosts[0], scheme)


def may_be_same_origin(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether the proof may be missing for reasons that the visitor has no part in.

    Over plain HTTP browsers send no ``Sec-Fetch-Site``, and a proxy that rewrites ``Host`` makes
    a page's own Origin look like another site's. A refusal only takes away, so it is taken then;
    a browser that says "cross-site" itself is believed.
    """
    sites = [value.strip().lower() for name, value in headers if name == b"sec-fetch-site"]
    return not any(site in _KNOWN_SITES and site != b"same-origin" for site in sites)


def is_in_frame(request: Request) -> bool:
    """Whether the request comes from within a frame, as far as the browser says."""
    return request.header(b"sec-fetch-dest") in _FRAMES


def is_framed(request: Request) -> bool:
    """Whether a page is asked for a frame, where no note of its own belongs.

    A frame of this site has the note of the page around it; in one of another site nothing can
    be kept. The pages of a frameset have nothing but themselves around them.
    """
    if request.header(b"sec-fetch-dest") == "frame":
        return request.header(b"sec-fetch-site") == "cross-site"
    return is_in_frame(request)


def _names_host(origin: bytes, host: bytes, scheme: str) -> bool:
    try:
        parts = urlsplit(origin.decode("ascii"))
        port = parts.port
    except ValueError:
        return False
    allowed = ("http", "https") if scheme == "http" else ("https",)
    has_more = parts.path or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in allowed or has_more or not parts.hostname:
        return False
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = _DEFAULT_PORTS[parts.scheme]
    given = host.decode("latin-1").lower()
    return given == f"{name}:{port or default}" or (given == name and port in (None, default))


_DEFAULT_PORTS = {"http": 80, "https": 443}
_PATH = re.compile(r"/(?![/\\])[A-Za-z0-9\-._~!$&'()*+,;=:@%/?]*")
MAX_NEXT_CHARS = 2_048


def safe_next(address: str, default: str) -> str:
    """Give a redirect's target if it stays on this site, else ``default`` (SEC-06; CWE-601).

    The fragment is dropped; anything but a plain path with a query is refused.
    """
    target = address.partition("#")[0]
    if len(target) <= MAX_NEXT_CHARS and _PATH.fullmatch(target):
        return target
    return default
