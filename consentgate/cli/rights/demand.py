"""``consentgate rights demand``: takes in a legal demand, or notes what was checked of it."""

from __future__ import annotations

import argparse

from consentgate.cli.rights.opening import Desk, add_desk, add_whom, desk_of, subjects_of
from consentgate.domain.rights.requests import CHECKLIST, Ask, unmet
from consentgate.errors import SettingError


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_desk(parser, purpose="demand")
    add_whom(parser)
    parser.add_argument("--issuer", default="", help="who demands: a court, an authority, a party")
    parser.add_argument("--scope", default="", help="which data and which time; names nobody")
    parser.add_argument("--regime", default="", help="place whose law it is: FR, US-CA, TR")
    parser.add_argument("--language", default="en", help="of the visitor")
    parser.add_argument("--barred", action="store_true", help="the visitor may not be told")
    parser.add_argument("--hold", action="store_true", help="keep the data from being erased")
    parser.add_argument("--passed", default="", metavar="POINTS", help=", ".join(CHECKLIST))
    parser.add_argument("--notified", action="store_true", help="the visitor was told")
    parser.add_argument("--objection", default="", help="what the visitor objects")


def run(options: argparse.Namespace) -> int:
    """Note it and print what is left to check."""
    desk = desk_of(options, "rights.demand")
    points = [one for one in options.passed.split(",") if one]
    wrong = set(points) - set(CHECKLIST)
    if wrong:
        raise SettingError(f"--passed: {', '.join(sorted(wrong))}: expected {', '.join(CHECKLIST)}")
    subjects, reference = subjects_of(desk, options.whom)
    if not reference:
        reference = _taken(desk, subjects, options)
    elif desk.register.request(reference).ask is not Ask.DEMAND:
        raise SettingError(f"{reference}: it is a visitor's own request, no demand")
    if points or options.notified or options.objection:
        desk.register.note(
            "checked",
            by=desk.user,
            now=desk.now,
            request=reference,
            passed=points,
            notified=options.notified,
            objection=options.objection,
        )
    if options.hold:
        for subject in subjects:
            desk.register.hold(
                subject, now=desk.now, by=desk.user, why="legal demand", demand=reference
            )
    _tell(desk, reference)
    return 0


def _taken(desk: Desk, subjects: list[str], options: argparse.Namespace) -> str:
    if not options.issuer or not options.scope:
        raise SettingError("a new demand needs --issuer and --scope")
    return desk.register.open(
        Ask.DEMAND,
        subjects,
        now=desk.now,
        by=desk.user,
        regime=options.regime,
        language=options.language,
        issuer=options.issuer,
        scope=options.scope,
        barred=options.barred,
    ).reference


def _tell(desk: Desk, reference: str) -> None:
    found = desk.register.request(reference)
    print(f"{reference}: demand of {found.issuer}: {found.scope}")
    for point in unmet(found.passed):
        print(f"  open: {point}: {CHECKLIST[point]}")
    if found.is_barred:
        print("  the visitor may not be told")
    elif not found.is_notified:
        print(f"  open: tell the visitor; consentgate rights answer {reference}")
    for text in found.objections:
        print(f"  objection: {text}")
