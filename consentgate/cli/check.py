"""``consentgate check``: says everything that is wrong with a policy file, and what is odd."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from consentgate.asgi.startup.archive_file import archive_beside, read_archive
from consentgate.asgi.startup.places_on_disk import file_problems
from consentgate.asgi.startup.policy_file import load_catalogue, load_policy
from consentgate.domain.policy.fingerprints import meaning_of
from consentgate.domain.policy.policy import Policy
from consentgate.errors import Fault, PolicyError, SettingError
from consentgate.formats.policy.advice import advise
from consentgate.formats.policy.line_numbers import Places
from consentgate.ledger.opening import open_ledger


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("policy", nargs="?", default="consentgate.toml", help="path of the file")
    parser.add_argument("--json", action="store_true", help="report as JSON")
    parser.add_argument(
        "--strict", action="store_true", help="exit with 1 where something is odd, too"
    )


def run(options: argparse.Namespace) -> int:
    """Check and report."""
    try:
        policy = load_policy(options.policy)
    except PolicyError as error:
        if options.json:
            print(json.dumps([asdict(fault) for fault in error.faults], indent=2))
        else:
            for fault in error.faults:
                print(fault, file=sys.stderr)
        return 2
    problem = _problem(options.policy, policy)
    if problem:
        print(problem, file=sys.stderr)
        return 2
    advice = advice_on(policy, options.policy)
    summary = {
        "policy": options.policy,
        "version": policy.version,
        "purposes": [purpose.key for purpose in policy.purposes],
        "services": [service.key for service in policy.services],
        "hash": policy.hash,
        "advice": [asdict(one) for one in advice],
    }
    if options.json:
        print(json.dumps(summary, indent=2))
    else:
        for one in advice:
            print(f"advice: {one}", file=sys.stderr)
        print(
            f"{options.policy}: version {policy.version}, {len(policy.purposes)} purposes, "
            f"{len(policy.services)} services, sha256 {policy.hash[:16]}: no fault found"
        )
    return 1 if advice and options.strict else 0


def advice_on(policy: Policy, path: str) -> tuple[Fault, ...]:
    """What is odd in a valid policy, and what of it cannot be used on this machine."""
    text = Path(path).read_text(encoding="utf-8")
    places = Places(text)
    here = (
        Fault(fault_id, f"{path}:{places.line_with(key, word)}: [{key[0]}]", message)
        for fault_id, key, message, word in file_problems(policy)
    )
    return (*advise(policy, text, name=path, catalogue=load_catalogue()), *here)


def _problem(path: str, policy: Policy) -> str:
    """What a gate would not start with beside a sound policy; empty: nothing.

    The ledger is not opened: only whether its kind is known, and its driver installed.
    """
    try:
        open_ledger(policy.ledger.url).close()
        archive = read_archive(archive_beside(path))
    except SettingError as error:
        return str(error)
    if archive and meaning_of(policy).hash not in archive:
        print(
            f"{archive_beside(path)}: does not know this policy; before it goes into service run: "
            f"consentgate policy archive {path}",
            file=sys.stderr,
        )
    return ""
