"""``consentgate regimes``: prints the rules of every place with their sources."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from typing import Any

from consentgate.asgi.placing import table_of
from consentgate.asgi.startup.policy_file import load_policy, load_regimes
from consentgate.domain.regime_table import RegimeTable, Row, regime_table
from consentgate.domain.regimes import NOWHERE, place_of
from consentgate.errors import PolicyError


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("code", nargs="*", help='places such as "DE" or "US-CA"; none: all')
    parser.add_argument("--policy", help="lay this policy's overrides, floor and country over it")
    parser.add_argument("--on", type=dt.date.fromisoformat, help="the day to look at, YYYY-MM-DD")
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(options: argparse.Namespace) -> int:
    """Print the table; 2 where a code or the policy is wrong."""
    try:
        table = table_of(load_policy(options.policy)) if options.policy else _shipped()
    except PolicyError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return 2
    wrong = [code for code in options.code if code not in table.rows and not _is_place(code)]
    if wrong:
        print(f"{wrong[0]}: no such place; expected DE, US-CA, EU or ZZ", file=sys.stderr)
        return 2
    day = options.on or dt.datetime.now(dt.UTC).date()
    found = [_facts(table, code, day) for code in options.code or table.rows]
    if options.json:
        print(json.dumps({"reviewed": str(table.reviewed), "regimes": found}, indent=2))
    else:
        print(f"reviewed {table.reviewed}, as of {day}; facts to start from, not legal advice")
        for facts in found:
            print(_lines(facts))
    return 0


def _shipped() -> RegimeTable:
    return regime_table(load_regimes())


def _is_place(code: str) -> bool:
    return place_of(code) != NOWHERE


def _facts(table: RegimeTable, code: str, day: dt.date) -> dict[str, Any]:
    row: Row = table.rows.get(code) or table.row(place_of(code))
    rules = table.regime_of_row(row, day)
    return {
        "code": code,
        "row": row.regime.code,
        "name": row.name,
        "model": rules.model.value,
        "asks_before_sale": rules.asks_before_sale,
        "gpc": row.gpc,
        "dnt": row.dnt,
        "reask_days": rules.reask_days,
        "lifetime_days": rules.lifetime_days,
        "minor_age": rules.minor_age,
        "opt_out_link": rules.has_opt_out_link,
        "shows_signal_status": rules.shows_signal_status,
        "valid_from": str(row.valid_from) if row.valid_from else None,
        "exempt": row.exempt,
        "note": row.note,
        "source": row.source,
        "reviewed": str(row.reviewed),
        "confidence": row.confidence,
    }


def _lines(facts: dict[str, Any]) -> str:
    model = facts["model"] + (" (opt-in before sale)" if facts["asks_before_sale"] else "")
    lifetime = f", holds at most {facts['lifetime_days']} d" if facts["lifetime_days"] else ""
    since = f", law from {facts['valid_from']}" if facts["valid_from"] else ""
    head = (
        f"\n{facts['code']:6} {facts['name']}: {model}; GPC {facts['gpc']}, DNT {facts['dnt']}; "
        f"asked again after {facts['reask_days']} d{lifetime}; minors below {facts['minor_age']}"
        f"{since}"
    )
    more = [facts["note"], f"source: {facts['source']} ({facts['confidence']})"]
    return head + "".join(f"\n       {line}" for line in more if line)
