"""``consentgate ledger verify``: says whether the ledger is what was signed, for cron and CI."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from consentgate.asgi.startup.proof_keys import Keys
from consentgate.cli.ledger.opening import add_keys, add_ledger, keys_of, ledger_of
from consentgate.ledger.proof.verifying import Report, verify


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_ledger(parser)
    add_keys(parser)
    parser.add_argument(
        "--anchor",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a checkpoint that was published outside",
    )
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(options: argparse.Namespace) -> int:
    """Verify and report."""
    ledger, store = ledger_of(options)
    keys = keys_of(options)
    anchors = [path.read_text(encoding="utf-8", errors="replace") for path in options.anchor]
    report = verify(ledger, store, keys=keys.verifiers, anchors=anchors)
    if options.json:
        print(json.dumps(_document(report), indent=2))
    else:
        print("\n".join(_lines(report, keys)))
    return 1 if report.findings else 0


def _document(report: Report) -> dict[str, object]:
    return {
        "events": report.size,
        "pruned": report.pruned,
        "pending": report.pending,
        "checkpoints": report.checkpoints,
        "signed": report.signed_size,
        "public": report.is_public,
        "findings": [
            {"done": one.done.value, "where": one.where, "why": one.why} for one in report.findings
        ],
        "more": report.untold,
    }


def _lines(report: Report, keys: Keys) -> Iterator[str]:
    yield from map(str, report.findings)
    if report.untold:
        yield f"and {report.untold} more"
    yield (
        f"{report.size} events in the tree ({report.pruned} pruned), {report.pending} not yet, "
        f"{report.checkpoints} checkpoints: {len(report.findings) + report.untold or 'nothing'} "
        "found"
    )
    if report.signed_size:
        by = "anyone can check it" if report.is_public else "operator-verifiable only"
        yield f"as signed up to {report.signed_size} events; {by}"
    elif keys.verifiers:
        yield "no checkpoint is signed by a key that was given"
    else:
        yield "no key was given (--key), so no signature was checked"
