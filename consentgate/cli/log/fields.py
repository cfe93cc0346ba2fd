"""``consentgate log fields``: the inventory of what the log may hold, where, why and how long."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from consentgate.cli.opening import policy_of
from consentgate.domain.record import ALWAYS, FIELDS, NEVER, SCHEMA, Tier
from consentgate.log.writing.inventory import sinks


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("--policy", help="path of a policy file: print its sinks too")
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(options: argparse.Namespace) -> int:
    """Print the tables."""
    policy = policy_of(options) if options.policy else None
    kept = frozenset(policy.log.fields) | ALWAYS if policy and policy.log.fields else ()
    rows = [
        {
            "field": field.name,
            "tiers": [tier.value for tier in Tier if tier in field.tiers],
            "purpose": field.purpose,
            "minimiser": field.minimiser,
        }
        for field in FIELDS
        if not kept or field.name in kept
    ]
    places = [asdict(sink) for sink in sinks(policy)] if policy else []
    if options.json:
        told = {"schema": SCHEMA, "fields": rows, "never": NEVER, "sinks": places}
        print(json.dumps(told, indent=2))
        return 0
    for row in rows:
        print(f"{row['field']:9} {' '.join(row['tiers']):12} {row['purpose']}: {row['minimiser']}")
    print(f"never, in any tier: {', '.join(NEVER)}")
    for place in places:
        print(f"\n{place['name']}: {place['place']}")
        if place["holds"]:
            print(f"  holds {place['holds']}; kept {place['kept']}; {place['access']}")
    return 0
