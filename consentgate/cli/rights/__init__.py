"""``consentgate rights``: answers visitors' requests and legal demands; one file a verb."""

from __future__ import annotations

import argparse
import sys

from consentgate.cli.verbs import Verb, add_verbs
from consentgate.errors import (
    LedgerUnavailable,
    LogError,
    PolicyError,
    RightsError,
    SettingError,
)

VERBS = {
    "answer": Verb(
        "consentgate.cli.rights.letters.answer",
        "Print the letter that a request asks for as it stands, in the visitor's language.",
    ),
    "demand": Verb(
        "consentgate.cli.rights.demand",
        "Take in a legal demand for a visitor's data, or note what was checked of it.",
    ),
    "deny": Verb("consentgate.cli.rights.deny", "Refuse a request, with a reason."),
    "disclosures": Verb(
        "consentgate.cli.rights.disclosures",
        "Print who was given a visitor's data: what, to whom, why and on which ground.",
    ),
    "erase": Verb(
        "consentgate.cli.rights.erase",
        "Erase what is held of a visitor, and close the request. Exit status 1: a hold keeps it.",
    ),
    "export": Verb(
        "consentgate.cli.rights.export",
        "Write what is held of a visitor, for the visitor or a declared recipient; it is noted "
        "first. Exit status 1: it is refused.",
    ),
    "extend": Verb(
        "consentgate.cli.rights.extend",
        "Take the longer time that the law gives for a request, once, with a reason.",
    ),
    "hold": Verb(
        "consentgate.cli.rights.hold", "Keep a visitor's data from being erased, with a reason."
    ),
    "list": Verb(
        "consentgate.cli.rights.list",
        "Print open requests, the most urgent first. Exit status 1: one is late.",
    ),
    "release": Verb(
        "consentgate.cli.rights.release",
        "End every hold of a visitor, and name the erasures that waited for it.",
    ),
    "show": Verb("consentgate.cli.rights.show", "Print a request, or what is held of a visitor."),
    "take": Verb(
        "consentgate.cli.rights.take",
        "Take in a request that came by letter or by mail; its clock begins to run.",
    ),
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs of rights."""
    add_verbs(parser, VERBS, "run_rights")


def run(options: argparse.Namespace) -> int:
    """Run one verb; 1 where it is refused, 2 where something cannot be read."""
    try:
        code: int = options.run_rights(options)
    except PolicyError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return 2
    except RightsError as error:
        print(error, file=sys.stderr)
        return 1
    except (LedgerUnavailable, LogError, SettingError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return code
