"""``consentgate policy archive``: keeps what policies mean in a file that is shipped with them."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from consentgate.asgi.startup.archive_file import archive_beside, read_archive
from consentgate.asgi.startup.policy_file import load_policy
from consentgate.domain.policy.fingerprints import Meaning, meaning_of
from consentgate.errors import LedgerUnavailable, PolicyError, SettingError
from consentgate.formats.policy.archive import render_archive
from consentgate.ledger.opening import open_ledger

HELP = (
    "Add what POLICY means, and what EARLIER ones meant, to the archive beside POLICY "
    "(consentgate.meanings.json). Ship it with the policy: a machine with a fresh disk then asks "
    "nobody again who chose under an earlier one. Run it for every version that goes into service."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the act's arguments."""
    parser.add_argument("policy", nargs="?", default="consentgate.toml", help="path of the file")
    parser.add_argument("earlier", nargs="*", help="paths of earlier versions of it")
    parser.add_argument(
        "--ledger",
        nargs="?",
        const="",
        metavar="URL",
        help="add what this ledger has seen too; without URL, the policy's own",
    )
    parser.set_defaults(act=run)


def run(options: argparse.Namespace) -> int:
    """Write the archive; 0: done, 2: a file or the ledger cannot be read or written."""
    path = archive_beside(options.policy)
    try:
        before = read_archive(path)
        found = {**_earlier(options), **before}
        newest = load_policy(options.policy)
        meaning = meaning_of(newest)
        found.setdefault(meaning.hash, (newest.version, meaning))
        _write(path, render_archive(found))
    except PolicyError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return 2
    except (SettingError, LedgerUnavailable, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{path}: {len(found)} meanings, {len(found) - len(before)} of them new")
    return 0


def _earlier(options: argparse.Namespace) -> dict[bytes, tuple[str, Meaning]]:
    """What the ledger and the earlier policies add, the oldest policy first."""
    found: dict[bytes, tuple[str, Meaning]] = {}
    for path in options.earlier:
        policy = load_policy(path)
        meaning = meaning_of(policy)
        found.setdefault(meaning.hash, (policy.version, meaning))
    if options.ledger is not None:
        ledger = open_ledger(options.ledger or load_policy(options.policy).ledger.url)
        for name, table in ledger.meanings().items():
            found.setdefault(name, ("", Meaning.from_json(table)))
        ledger.close()
    return found


def _write(path: Path, text: str) -> None:
    """All of it or nothing: what is there was true and stays needed."""
    written = path.with_name(f".{path.name}.new")
    written.write_text(text, encoding="utf-8")
    os.replace(written, path)
