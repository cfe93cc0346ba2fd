"""``consentgate log fields``: the inventory of what the site log may hold, and why."""

from __future__ import annotations

import argparse
import json

from consentgate.domain.record import FIELDS, NEVER, SCHEMA, Tier

NAME = "fields"
HELP = "Print every field the site log may hold: in which tier, why, and how it is minimised."


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(options: argparse.Namespace) -> int:
    """Print the table."""
    rows = [
        {
            "field": field.name,
            "tiers": [tier.value for tier in Tier if tier in field.tiers],
            "purpose": field.purpose,
            "minimiser": field.minimiser,
        }
        for field in FIELDS
    ]
    if options.json:
        print(json.dumps({"schema": SCHEMA, "fields": rows, "never": NEVER}, indent=2))
        return 0
    for row in rows:
        print(f"{row['field']:9} {' '.join(row['tiers']):12} {row['purpose']}: {row['minimiser']}")
    print(f"never, in any tier: {', '.join(NEVER)}")
    return 0
