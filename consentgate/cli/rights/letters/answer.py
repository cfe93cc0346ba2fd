"""``consentgate rights answer``: prints the letter that a request asks for as it stands."""

from __future__ import annotations

import argparse
import json
import sys
from functools import cache
from importlib.resources import files

from consentgate.asgi.pages.languages import FALLBACK, lookup
from consentgate.cli.rights.opening import add_desk, desk_of
from consentgate.domain.rights.requests import Ask, Fate
from consentgate.errors import RightsError
from consentgate.rights.tickets import Request


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_desk(parser)
    parser.add_argument("request", metavar="R-…")
    parser.add_argument("--language", default="", help="instead of the visitor's own")


def run(options: argparse.Namespace) -> int:
    """Print the letter; where there is none in the language, in English, and say so."""
    desk = desk_of(options, "rights.answer")
    found = desk.register.request(options.request)
    if found.ask is Ask.DEMAND and found.is_barred:
        raise RightsError(f"{found.reference}: the visitor may not be told of this demand")
    wanted = options.language or found.language
    letters = shipped()
    language = lookup(wanted, {tag.lower(): tag for tag in letters}) or FALLBACK
    if language != wanted and not wanted.startswith(f"{language}-"):
        print(f"there is no letter in {wanted} yet: this one is in {language}", file=sys.stderr)
    print(letter(found, letters[language], desk.policy.controller))
    desk.register.note("written", by=desk.user, now=desk.now, request=found.reference)
    return 0


@cache
def shipped() -> dict[str, dict[str, str]]:
    """Every letter by language and kind."""
    text = (files("consentgate") / "data" / "letters.json").read_text("utf-8")
    letters: dict[str, dict[str, str]] = json.loads(text)
    return letters


def kind_of(found: Request) -> str:
    """Which letter a request asks for as it stands."""
    if found.ask is Ask.DEMAND:
        return "demand"
    if found.fate is Fate.ANSWERED:
        return found.ask.value
    if found.fate is Fate.OPEN:
        return "extended" if found.extended else "received"
    return found.fate.value


def letter(found: Request, texts: dict[str, str], controller: object) -> str:
    """The letter of a request."""
    facts = {
        "reference": found.reference,
        "received": found.received,
        "due": found.due,
        "why": found.why or found.extended,
        "issuer": found.issuer,
        "scope": found.scope,
        "controller": getattr(controller, "name", ""),
        "contact": getattr(controller, "contact", ""),
    }
    parts = ("head", kind_of(found), "rights", "foot")
    return "\n\n".join(texts[part].format_map(facts) for part in parts)
