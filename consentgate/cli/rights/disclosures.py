"""``consentgate rights disclosures``: prints who was given a visitor's data."""

from __future__ import annotations

import argparse
import json

from consentgate.cli.rights.opening import add_desk, add_whom, desk_of, subjects_of
from consentgate.domain.days import day_of


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_desk(parser)
    add_whom(parser)
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(options: argparse.Namespace) -> int:
    """Print them, oldest first; what left of everybody is among them."""
    desk = desk_of(options, "rights.disclosures")
    subjects, _ = subjects_of(desk, options.whom)
    found = [
        {
            "at": str(day_of(entry["at"])),
            "to": entry["to"],
            "name": entry["name"],
            "basis": entry["basis"],
            "fields": entry["fields"],
            "why": entry["why"],
            "request": entry["request"],
            "by": entry["by"],
        }
        for entry in desk.register.disclosures(subjects)
    ]
    if options.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    elif not found:
        print("nobody was given it")
    else:
        for one in found:
            request = f", {one['request']}" if one["request"] else ""
            print(
                f"{one['at']} {one['name']}: {', '.join(one['fields'])}; {one['basis']}"
                f"{'; ' + one['why'] if one['why'] else ''} (by {one['by']}{request})"
            )
    return 0
