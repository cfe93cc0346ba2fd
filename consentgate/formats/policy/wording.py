"""Owns what a policy's own words must hold: known keys, the same facts, and purposes that say why.

Never knows markup or files: the shipped texts are an argument.
"""

from __future__ import annotations

import difflib
import re
import string
from collections.abc import Iterable, Iterator, Mapping

from consentgate.formats.policy.shape import PolicyTable, WordingTable

Texts = Mapping[str, Mapping[str, str]]
"""Language tag to text key to text."""
Finding = tuple[str, tuple[str, ...], str]
"""Id of a fault, key path, and what is wrong."""

FEWEST_CHARS = 20
FEWEST_WIDE_CHARS = 8
"""The same for scripts that say a word in one or two characters."""
FEWEST_OWN_WORDS = 3
"""A stock phrase is not enough; this many words beside it say something."""
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_WORD = re.compile(r"\w{3,}")
_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_STOCK = re.compile(
    "|".join(
        (
            # what every site says of everything, by language
            r"(improv|enhanc|optimi[sz])\w*( and \w+)? (the|your|our|user)?\s*"
            r"(user |browsing |website )*"
            r"(experience|services?|products?|offers?|offering|websites?|site)\b",
            r"(best|better|great|optimal) (possible )?(user |browsing )?experience",
            r"\b(for|our|various|other|general|certain|legitimate)( our| various| other| general)? "
            r"(marketing|advertising|analytics|statistics|statistical|business|research|internal)?"
            r"\s*(purposes?|reasons?|use|interests?)\b",
            r"\b(as|where|when|if) (needed|necessary|required)\b|\band (more|so on)\b|\betc\b",
            r"(verbesser|optimier)\w*|(best|optimal)\w* (erlebnis|erfahrung)",
            r"nutzer(erlebnis|erfahrung)|(ihr|das|unser)\w* (erlebnis|angebot)\w*",
            r"(zu|für) (marketing|werbe|statistik|analyse)?-?\s?zwecken?",
            r"améliorer|(votre|l.) ?expérience( utilisateur)?",
            r"à des fins (de )?(marketing|publicitaires|statistiques)",
            r"mejorar|(su|tu|la) experiencia|fines (de )?(marketing|publicitarios|estadísticos)",
            r"migliorare|(la )?(tua|sua) esperienza|(finalità|scopi) (di )?(marketing|statistic)",
            r"verbeteren|(uw|je|de) ervaring|(marketing|statistische) ?doeleinden",
        )
    ),
    re.IGNORECASE,
)
_EMPTY_TITLE = re.compile(
    r"(other|others|misc\w*|various|general|services?|sonstiges?|andere|autres?|otros|altro|overig\w*)",
    re.IGNORECASE,
)
_FILLERS = re.compile(
    r"and|the|for|our|with|you|your|that|this|its|are|und|der|die|das|den|ihre?|unsere|für|mit|les|"
    r"des|pour|nos|vos|avec|los|las|para|nuestro|con|een|het|onze|voor|per|gli|nostri"
)


def vague(title: str, description: str) -> str:
    """Why a visitor could not know what they agree to; empty: the words say it (COL-09).

    Args:
        title: name of a purpose; empty where the shipped one holds.
        description: what its data is used for; empty where the shipped one holds.
    """
    if _EMPTY_TITLE.fullmatch(title.strip()):
        return f'title "{title}" could mean anything'
    fewest = FEWEST_WIDE_CHARS if _WIDE.search(description) else FEWEST_CHARS
    if description and len(description.strip()) < fewest:
        return f'description "{description}" is too short to say what the data is used for'
    found = _STOCK.search(description)
    if found:
        words = _WORD.findall(_STOCK.sub(" ", description).lower())
        if len([word for word in words if not _FILLERS.fullmatch(word)]) < FEWEST_OWN_WORDS:
            return f'description: "{found[0].strip()}" is what every site says of everything'
    return ""


def text_findings(table: PolicyTable, shipped: Texts) -> Iterator[Finding]:
    """Everything wrong with the words of a policy.

    Args:
        table: the policy, of the right shape.
        shipped: texts by language; empty: their keys are not checked.
    """
    for key, purpose in table.purpose.items():
        yield from _purpose(("purpose", key), purpose.title, purpose.description)
        for tag, wording in purpose.texts.items():
            yield from _purpose(("purpose", key, "texts", tag), wording.title, wording.description)
    named: Iterable[tuple[tuple[str, ...], Mapping[str, WordingTable]]] = [
        *((("purpose", key, "texts"), one.texts) for key, one in table.purpose.items()),
        *((("service", key, "texts"), one.texts) for key, one in table.service.items()),
    ]
    for path, wordings in named:
        yield from _tags(path, wordings, shipped)
    yield from _tags(("texts",), table.texts, shipped)
    for tag, texts in table.texts.items() if shipped else ():
        for key, text in texts.items():
            yield from _text(("texts", tag, key), text, shipped["en"])


def _purpose(path: tuple[str, ...], title: str, description: str) -> Iterator[Finding]:
    problem = vague(title, description)
    if problem:
        yield (
            "CG140",
            (*path, "title" if problem.startswith("title") else "description"),
            f"{problem}; say what is done with which data, such as "
            '"To count which pages are read, so that we write more of them."',
        )


def _tags(path: tuple[str, ...], tags: Iterable[str], shipped: Texts) -> Iterator[Finding]:
    by_folded = {tag.lower(): tag for tag in shipped}
    for tag in tags:
        known = by_folded.get(tag.replace("_", "-").lower(), tag)
        if not _TAG.fullmatch(tag) or known != tag:
            meant = known if known != tag else "de"
            yield (
                "CG141",
                (*path, tag),
                f'texts.{tag}: expected a language tag such as "de" or "pt-BR"; '
                f'did you mean "{meant}"?',
            )


def _text(path: tuple[str, ...], text: str, english: Mapping[str, str]) -> Iterator[Finding]:
    key = path[-1]
    if key not in english:
        close = difflib.get_close_matches(key, english, n=1)
        meant = f'did you mean "{close[0]}"?' if close else "docs/banner.md tells where they are"
        yield "CG142", path, f"{key}: no text of that key; {meant}"
        return
    wanted = _blanks(english[key]) or set()
    given = _blanks(text)
    if given != wanted:
        listed = ", ".join(f"{{{name}}}" for name in sorted(wanted)) or "none"
        problem = (
            "its braces do not pair" if given is None else "other blanks than the shipped text"
        )
        yield (
            "CG143",
            path,
            f'{key} = "{text[:60]}": {problem}; expected: {listed}; '
            "write {{ and }} for braces of your own",
        )


def _blanks(text: str) -> set[str] | None:
    """Names of the blanks to fill in; None where braces do not pair or do more than name."""
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError:
        return None
    names = {name for _, name, _, _ in parts if name is not None}
    is_plain = all(not spec and not conversion for _, _, spec, conversion in parts)
    return names if is_plain and all(name.isidentifier() for name in names) else None
