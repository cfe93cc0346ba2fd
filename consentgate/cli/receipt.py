"""``consentgate receipt verify``: checks a visitor's receipt, offline."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from consentgate.cli.ledger.opening import add_keys, keys_of
from consentgate.errors import SecretError, SettingError
from consentgate.formats.proof.receipts import Checked, check
from consentgate.formats.proof.records import moment

_VERIFY = (
    "Say whether a receipt is what a ledger signed. Asks nobody: no network, no ledger. Exit "
    "status 0: proven; 1: not proven, and why; 2: a file or a key cannot be read."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    acts = parser.add_subparsers(metavar="ACT", required=True)
    verify = acts.add_parser("verify", help="check a receipt", description=_VERIFY)
    verify.add_argument("file", type=Path, help="the receipt; - reads standard input")
    add_keys(verify)
    verify.add_argument("--json", action="store_true", help="report as JSON")


def run(options: argparse.Namespace) -> int:
    """Check and report."""
    try:
        keys = keys_of(options).verifiers
        text = sys.stdin.read() if str(options.file) == "-" else options.file.read_text("utf-8")
    except (OSError, UnicodeDecodeError, SecretError, SettingError) as error:
        print(error, file=sys.stderr)
        return 2
    try:
        found = check(text, keys)
        if not found.broken and not found.signed_by and not options.key:
            found = check(text)  # none of ours signed it: what says the key that came with it?
    except ImportError as error:
        print(f"install consentgate[proof] to check signatures: {error}", file=sys.stderr)
        return 2
    print(json.dumps(_document(found), indent=2) if options.json else _told(found))
    return 0 if found.is_proven else 1


def _document(found: Checked) -> dict[str, object]:
    return {
        "proven": found.is_proven,
        "broken": found.broken,
        "why": found.why,
        "signed_by": found.signed_by,
        "own_key": found.is_own_key,
        "public": found.is_public,
        "origin": found.checkpoint.origin if found.checkpoint else "",
        "size": found.checkpoint.size if found.checkpoint else 0,
        "event": found.event,
    }


def _told(found: Checked) -> str:
    if found.broken or found.event is None or found.checkpoint is None:
        return f"not proven: {found.broken}: {found.why}"
    purposes = found.event["purposes"].items()
    said = ", ".join(f"{key} {'granted' if granted else 'refused'}" for key, granted in purposes)
    return (
        f"{moment(found.event['at_ms'])} {found.event['state']}: {said or 'no purposes'}\n"
        f"in the ledger {found.checkpoint.origin} of {found.checkpoint.size} events\n"
        f"{_worth(found)}"
    )


def _worth(found: Checked) -> str:
    if not found.signed_by:
        return "not proven: no key that is known signed it; perhaps the operator can tell"
    by = f"signed by {found.signed_by}"
    if found.is_own_key:
        return (
            f"proven: {by}, with the key that came with the receipt; compare that with the one "
            "that the site published, or give the published one with --key"
        )
    if found.is_public:
        return f"proven: {by}, with a key that was given"
    return f"proven to you alone: {by}, with a keyed hash; operator-verifiable only"
