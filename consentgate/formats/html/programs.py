"""Owns what tells of a program that it loads something, and from where. Never runs or parses it.

A program that only names an address passes: most pages carry such, to share or as settings.
One that names an address and has a way of loading is what vendors publish as a snippet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from consentgate.formats.urls.addresses import in_json, in_text

_LOADS = re.compile(
    r"createElement(?:NS)?\b|\.src(?:set|doc)?\s*=(?!=)|\bsetAttribute(?:NS)?\s*\(\s*[\"'](?:src|href)|"
    r"sendBeacon\b|XMLHttpRequest\b|\bfetch(?:Later)?\s*\(|"
    r"\bimport\s*[(\"'{*]|\bimport\s+[\w$]+\s*(?:,|from\b)|\bexport\b[^;]*\bfrom\b|\bimportScripts\b|"
    r"\bnew\s+(?:Image|WebSocket|WebTransport|EventSource|(?:Shared)?Worker|Audio|FontFace)\b|"
    r"document\s*\.\s*write|\binsertAdjacentHTML\b|\b(?:inner|outer)HTML\s*\+?=|"
    r"\.(?:ajax|getScript|getJSON|load)\s*\(|\bloadScript\b|createContextualFragment\b|"
    r"@import\b|\burl\(\s*\\?[\"']?(?:https?:)?\\?/",
    re.ASCII,
)
_LEADS = re.compile(
    r"(?:\bhref\s*=\s*\\*[\"']?|\bopen\s*\(\s*[\"'`]|\bxmlns(?::\w+)?\s*=\s*\\*[\"'])\Z", re.ASCII
)
"""What stands before an address that a person is led to, or before a name that is none."""
_MADE = re.compile(r"//[^/?#]*\$\{")
"""A host that is put together when the program runs (``https://maps.${name}.com``) is none yet."""
_NEAR_CHARS = 24
_REMARK = re.compile(
    r"(?:^|(?<=[\s;{}(),]))(?:/\*[^\"'`]*?\*/|//(?=[\s!#=*-])[^\n\"'`]*$)", re.MULTILINE
)
"""A comment, unless a text may stand in it, or it in a text."""


def loads_by_program(text: str) -> bool:
    """Whether a program has any of the usual ways of loading something."""
    return _LOADS.search(text) is not None


def loaded_by(script: bytes) -> Iterator[str]:
    """The absolute addresses that a program may load from; none where it loads nothing."""
    text = in_json(script.decode("utf-8", "replace")).replace("\\/", "/")
    if not loads_by_program(text):
        return
    text = _REMARK.sub("", text)
    end = 0
    for url in in_text(text):
        start = text.find(url, end)
        end = start + len(url)
        if _MADE.search(url):
            continue
        if not _LEADS.search(text[max(0, start - _NEAR_CHARS) : start]):
            yield url
