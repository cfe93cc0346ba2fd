"""Owns which language a visitor reads, and reading the shipped texts from the package."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from importlib.resources import files

from consentgate.errors import TextsError

_ALIASES = {"iw": "he", "no": "nb", "nn": "nb", "zh": "zh-hans", "in": "id", "tl": "fil"}
_TRADITIONAL = ("zh-tw", "zh-hk", "zh-mo")
_MOST_TAGS = 20
_MOST_CHARS = 1_000
RIGHT_TO_LEFT = frozenset(("ar", "he", "fa", "ur", "yi", "ps", "ckb", "dv", "sd", "ug"))


def load_texts() -> dict[str, dict[str, str]]:
    """Read every shipped language: tag to text key to text.

    Raises:
        TextsError: a file is not a JSON object of texts.
    """
    texts = {}
    for entry in (files("consentgate") / "data" / "texts").iterdir():
        if entry.name.endswith(".json"):
            try:
                table = json.loads(entry.read_text(encoding="utf-8"))
                texts[entry.name.removesuffix(".json")] = {str(k): str(table[k]) for k in table}
            except (ValueError, TypeError) as error:
                raise TextsError(f"data/texts/{entry.name}: {error}") from error
    return texts


def negotiate(accept_language: str, shipped: Collection[str], default: str) -> str:
    """Pick the shipped language that a visitor would read first (RFC 9110 12.5.4).

    Args:
        accept_language: the header's value, anything at all; only its start is read.
        shipped: language tags that there are texts in.
        default: taken where nothing fits.
    """
    by_folded = {tag.lower(): tag for tag in shipped}
    for _, wanted in sorted(_wishes(accept_language), reverse=True):
        found = match(wanted, by_folded)
        if found:
            return found
    return default


def match(wanted: str, by_folded: Mapping[str, str]) -> str:
    """The shipped tag for a wanted one: itself, an alias, or its language; empty: none."""
    tag = wanted.lower()
    if tag.startswith(_TRADITIONAL):
        tag = "zh-hant"
    while tag:
        tag = _ALIASES.get(tag, tag)
        if tag in by_folded:
            return by_folded[tag]
        tag = tag.rpartition("-")[0]
    return ""


def _wishes(header: str) -> list[tuple[tuple[float, int], str]]:
    wishes = []
    for place, part in enumerate(header[:_MOST_CHARS].split(",")[:_MOST_TAGS]):
        tag, _, weight = part.partition(";")
        quality = _quality(weight)
        if tag.strip() and tag.strip() != "*" and quality > 0:
            wishes.append(((quality, -place), tag.strip()))
    return wishes


def _quality(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        quality = float(value)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0


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
