"""Owns the classes into which a campaign's query fields are put, for visits without consent.

A campaign's own words may name a person: only closed sets, and names that the policy declares, are
ever given. Never keeps a value of the query.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from urllib.parse import unquote_plus

OTHER = "(other)"
_SOURCES = {
    "google": "google", "adwords": "google", "bing": "bing", "microsoft": "bing",
    "duckduckgo": "duckduckgo", "facebook": "facebook", "fb": "facebook", "meta": "facebook",
    "instagram": "instagram", "ig": "instagram", "linkedin": "linkedin", "twitter": "x", "x": "x",
    "youtube": "youtube", "tiktok": "tiktok", "reddit": "reddit", "pinterest": "pinterest",
    "newsletter": "newsletter", "mailchimp": "newsletter", "email": "newsletter",
    "chatgpt.com": "ai", "openai": "ai", "perplexity": "ai", "partner": "partner",
    "affiliate": "partner", "qr": "qr", "print": "print",
}  # fmt: skip
_MEDIUMS = {
    "cpc": "paid", "ppc": "paid", "paid": "paid", "paidsearch": "paid", "paid_social": "paid",
    "paid-social": "paid", "cpm": "display", "display": "display", "banner": "display",
    "email": "email", "e-mail": "email", "newsletter": "email", "mail": "email",
    "social": "social", "social-media": "social", "organic": "organic", "referral": "referral",
    "affiliate": "affiliate", "push": "push", "sms": "sms", "qr": "offline", "print": "offline",
    "video": "video", "audio": "audio", "podcast": "audio",
}  # fmt: skip
_CLICKS = {
    "gclid": "google", "gclsrc": "google", "dclid": "google", "wbraid": "google",
    "gbraid": "google", "fbclid": "meta", "msclkid": "microsoft", "ttclid": "tiktok",
    "twclid": "x", "li_fat_id": "linkedin", "yclid": "yandex", "igshid": "meta",
    "mc_eid": "mailchimp", "_hsenc": "hubspot", "_hsmi": "hubspot", "ScCid": "snapchat",
    "epik": "pinterest",
}  # fmt: skip
CAMPAIGN_DIMS = ("utm_source", "utm_medium", "campaign", "click")
"""What a visit's query is counted under, each by itself."""


def campaign_classes(query: bytes, declared: Collection[str]) -> Iterator[tuple[str, str]]:
    """Give dimension and class of what a query says of a campaign.

    Args:
        query: as in the scope; only its first 2,048 bytes are read.
        declared: names of campaigns, as the policy declares them.
    """
    seen: set[str] = set()
    for pair in query[:2_048].decode("latin-1").split("&"):
        name, _, value = pair.partition("=")
        found = _class(name, unquote_plus(value[:128]).strip().lower(), declared) if value else None
        if found is not None and found[0] not in seen:
            seen.add(found[0])
            yield found


def _class(name: str, value: str, declared: Collection[str]) -> tuple[str, str] | None:
    if name == "utm_source":
        return name, source_class(value)
    if name == "utm_medium":
        return name, _MEDIUMS.get(value, OTHER)
    if name == "utm_campaign":
        return "campaign", value if value in declared else OTHER
    return ("click", _CLICKS[name]) if name in _CLICKS else None


def source_class(value: str) -> str:
    """Put the value of ``utm_source`` into its class."""
    return _SOURCES.get(value.lower(), OTHER)


def medium_class(value: str) -> str:
    """Put the value of ``utm_medium`` into its class."""
    return _MEDIUMS.get(value.lower(), OTHER)
