"""Owns where a visit came from: the referrer's class and host, and whether a visit begins."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from consentgate.memo import remember, up_to

_CLASSES = {
    "ai": "chatgpt.com chat.openai.com openai.com claude.ai perplexity.ai gemini.google.com "
    "copilot.microsoft.com you.com poe.com deepseek.com mistral.ai phind.com",
    "search": "google bing.com duckduckgo.com ecosia.org qwant.com yahoo yandex baidu.com "
    "startpage.com search.brave.com kagi.com naver.com seznam.cz sogou.com mojeek.com",
    "social": "facebook.com instagram.com linkedin.com lnkd.in reddit.com pinterest "
    "x.com t.co twitter.com bsky.app threads.net tiktok.com youtube.com vk.com whatsapp.com "
    "telegram.org t.me discord.com news.ycombinator.com mastodon.social snapchat.com",
}
INTERNAL = "internal"
_BY_DOMAIN = {
    domain: name
    for name, domains in _CLASSES.items()
    for domain in domains.split()
    if "." in domain
}
_BY_BRAND = {
    brand: name for name, brands in _CLASSES.items() for brand in brands.split() if "." not in brand
}
_COUNTRY_END = re.compile(r"(?:^|\.)([a-z]+)\.(?:[a-z]{2,3}|co\.[a-z]{2}|com\.[a-z]{2})$")
"""``google.co.uk``, ``search.yahoo.com``: a brand under any country's ending."""


@remember(4_096, is_small=up_to(1_024))
def origin_of(referrer: bytes, own_host: str) -> tuple[str, str]:
    """The host a visit came from, empty where there is none to name, and its class.

    A site that is reached by an address is internal to itself all the same.

    Args:
        referrer: up to its path, see ``without_path``: what is remembered here names no page.
        own_host: as the request names it.
    """
    text = referrer.decode("latin-1")
    host = referrer_host(text)
    if not host and own_host and _host_in(text) == _without_port(own_host):
        return "", INTERNAL
    return host, referrer_class(host, own_host)


def without_path(referrer: bytes | None) -> bytes:
    """A referrer up to its path or query, which are not needed and not kept; 512 bytes at most."""
    if not referrer:
        return b""
    end = _REST.search(referrer, 8, _MOST_BYTES)
    return referrer[:_MOST_BYTES] if end is None else referrer[: end.start()]


_MOST_BYTES = 512
_REST = re.compile(rb"[/?#\\]")


@remember(2_048, is_small=up_to(1_024))
def referrer_host(referrer: str) -> str:
    """The host a visit came from, never path or query; empty where there is none."""
    host = _host_in(referrer)
    return host if _is_name(host) else ""


def _host_in(referrer: str) -> str:
    """What a referrer says as its host, in lower case; empty: nothing."""
    if not referrer.startswith(("http://", "https://")):
        return ""
    try:
        return urlsplit(referrer[:2_048]).hostname or ""
    except ValueError:
        return ""


def _without_port(host: str) -> str:
    """A ``Host`` field without its port, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?")
_ADDRESS = re.compile(r"[\d.]+|[0-9a-f:]*:[0-9a-f:.]*")


def _is_name(host: str) -> bool:
    """Whether it names a site: an address, or what is no host, would say who came."""
    return bool(_HOST.fullmatch(host)) and not _ADDRESS.fullmatch(host)


@remember(2_048, is_small=up_to(1_024))
def referrer_class(host: str, own_host: str) -> str:
    """What kind of place a visit came from: none, internal, search, social, ai or external."""
    if not host:
        return "none"
    own = _without_port(own_host)
    if host == own or host.removeprefix("www.") == own.removeprefix("www."):
        return INTERNAL
    labels = host.rstrip(".").split(".")
    for start in range(len(labels)):
        known = _BY_DOMAIN.get(".".join(labels[start:]))
        if known is not None:
            return known
    brand = _COUNTRY_END.search(host)
    return _BY_BRAND.get(brand[1], "external") if brand is not None else "external"


def is_entry(site: str, destination: str, kind: str, accept: str = "text/html") -> bool:
    """Whether a visit begins here, judged without any identifier.

    Args:
        site: ``Sec-Fetch-Site``.
        destination: ``Sec-Fetch-Dest``; empty where the browser sends none.
        kind: class of the referrer.
        accept: ``Accept``, which tells a page where the browser sends no ``Sec-Fetch-Dest``.
    """
    if destination:
        if destination != "document":
            return False
    elif "text/html" not in accept:
        return False
    if site:
        return site in ("none", "cross-site")
    return kind != INTERNAL


@remember(1_024, is_small=up_to(512))
def primary_language(accept_language: str) -> str:
    """The primary subtag of the first wish, such as ``de``; empty where it is none."""
    tag = accept_language[:16].partition(",")[0].partition(";")[0].partition("-")[0].strip().lower()
    return tag if 2 <= len(tag) <= 3 and tag.isascii() and tag.isalpha() else ""
