"""Owns which language a visitor reads, and how it is written."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

FALLBACK = "en"
"""The shipped language that is always whole; also where the default has no texts."""
_ALIASES = {
    # Retired and broader codes (IANA language subtag registry)
    "cmn": "zh-hans",
    "in": "id",
    "iw": "he",
    "ji": "yi",
    "mo": "ro",
    "nn": "nb",
    "no": "nb",
    "prs": "fa",
    "tl": "fil",
    # Written Chinese by where it is read; "zh" alone is simplified (CLDR likely subtags)
    "yue": "zh-hant",
    "zh": "zh-hans",
    "zh-hk": "zh-hant",
    "zh-mo": "zh-hant",
    "zh-tw": "zh-hant",
    "zh-yue": "zh-hant",
}
_MOST_TAGS = 20
_MOST_CHARS = 1_000
_TAG = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,7}")
_ASKED = re.compile(rb"(?:^|&)lang=([A-Za-z0-9-]{1,35})(?:&|$)")
_QUALITY = re.compile(r"0?\.[0-9]{1,6}|[01]|1\.0{0,6}|0\.")
_RTL_LANGUAGES = frozenset(
    ("ar", "arc", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "syr", "ug", "ur", "yi")
)
_RTL_SCRIPTS = frozenset(("adlm", "arab", "hebr", "mand", "nkoo", "rohg", "samr", "syrc", "thaa"))


def negotiate(
    accept_language: str, page_language: str, available: Collection[str], default: str
) -> str:
    """Pick the language that a visitor reads: the page's own, else the one the browser asks for.

    Args:
        accept_language: the header's value, anything at all; only its start is read.
        page_language: what ``<html lang>`` says; empty where the page says nothing (COL-14).
        available: language tags that there are texts in.
        default: taken where nothing fits, and for ``*``.

    Returns:
        One of ``available``, by RFC 4647 lookup (section 3.4).
    """
    by_folded = {tag.lower(): tag for tag in available}
    found = lookup(page_language, by_folded) if page_language else ""
    if found:
        return found
    by_default = lookup(default, by_folded) or FALLBACK
    for _, wanted in sorted(_wishes(accept_language), reverse=True):
        found = by_default if wanted == "*" else lookup(wanted, by_folded)
        if found:
            return found
    return by_default


def asked_language(query: bytes) -> str:
    """The language that an address asks for (``?lang=cs``), so that a link keeps the page's."""
    found = _ASKED.search(query[:_MOST_CHARS])
    return found[1].decode("ascii") if found else ""


def lookup(wanted: str, by_folded: Mapping[str, str]) -> str:
    """The available tag for a wanted one: itself, or with its last parts left out; empty: none.

    ``zh-HK`` finds ``zh-Hant``, ``no`` finds ``nb``, ``de-AT-1996`` finds ``de``.

    Args:
        wanted: a language tag in any case; ``_`` stands for ``-`` too.
        by_folded: available tags by their lower-case form.
    """
    tag = wanted.strip().replace("_", "-").lower()
    while tag:
        for known in (tag, _ALIASES.get(tag, "")):
            if known in by_folded:
                return by_folded[known]
        tag = tag.rpartition("-")[0]
        if tag[-2:-1] == "-":  # a single letter only introduces what was just left out
            tag = tag[:-2]
    return ""


def direction(language: str) -> str:
    """``rtl`` or ``ltr``, by script where the tag names one, else by language."""
    first, *rest = language.lower().split("-")
    scripts = [part for part in rest[:2] if len(part) == 4 and part.isalpha()]
    is_rtl = scripts[0] in _RTL_SCRIPTS if scripts else first in _RTL_LANGUAGES
    return "rtl" if is_rtl else "ltr"


def _wishes(header: str) -> list[tuple[tuple[float, int], str]]:
    """Sortable weight, then tag or ``*``; what is malformed or of weight 0 is left out."""
    wishes = []
    for place, part in enumerate(header[:_MOST_CHARS].split(",")[:_MOST_TAGS]):
        tag, _, weight = part.partition(";")
        tag = tag.strip()
        quality = _quality(weight)
        if quality > 0 and (tag == "*" or _TAG.fullmatch(tag)):
            wishes.append(((quality, -place), tag))
    return wishes


def _quality(text: str) -> float:
    """RFC 9110 12.4.2; 0 for what is not a weight."""
    if not text.strip():
        return 1.0
    name, _, value = text.partition("=")
    value = value.strip()
    if name.strip().lower() != "q" or not _QUALITY.fullmatch(value):
        return 0.0
    return float(value)


class Facts:
    """Says in every language what a service learns, where the phrase is one of the shipped ones."""

    def __init__(self, english: Mapping[str, str]) -> None:
        """Take the English texts; those whose key begins with ``learns_`` are the phrases."""
        phrases = {text: key for key, text in english.items() if key.startswith("learns_")}
        self._key_by_phrase = {text: key for text, key in phrases.items() if "{" not in text}
        self._named = [
            (*text.split("{name}"), key) for text, key in phrases.items() if "{name}" in text
        ]

    def say(self, phrase: str, texts: Mapping[str, str]) -> str:
        """The phrase in the language of ``texts``; a site's own phrase as the site wrote it."""
        key = self._key_by_phrase.get(phrase)
        if key is not None:
            return texts[key]
        for before, after, named in self._named:
            if phrase.startswith(before) and phrase.endswith(after):
                name = phrase[len(before) : len(phrase) - len(after)]
                return texts[named].replace("{name}", name)
        return phrase
