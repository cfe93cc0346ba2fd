"""``consentgate doctor``: looks at the machine, the secret and the app that a policy will meet."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

from consentgate.asgi.startup.policy_file import load_policy
from consentgate.cli.check import advice_on
from consentgate.cli.doctor.app import app_symptoms
from consentgate.cli.doctor.machine import machine_symptoms
from consentgate.cli.doctor.secret import secret_symptoms
from consentgate.cli.doctor.symptom import Symptom
from consentgate.errors import PolicyError


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("policy", nargs="?", default="consentgate.toml", help="path of the file")
    parser.add_argument("--app", help="the app with its gate, as servers name it: module:app")
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(options: argparse.Namespace) -> int:
    """Look and report; 0: all is well, 1: something is not, 2: the policy cannot be used."""
    found = list(_symptoms(options))
    if options.json:
        print(json.dumps([one._asdict() for one in found], indent=2, ensure_ascii=False))
    else:
        for one in found:
            print(f"{'ok' if one.is_well else '!!'}  {one.part}: {one.what}")
    if any(one.part == "policy" and one.is_fatal for one in found):
        return 2
    return 0 if all(one.is_well for one in found) else 1


def _symptoms(options: argparse.Namespace) -> Iterator[Symptom]:
    yield from secret_symptoms()
    try:
        policy = load_policy(options.policy)
    except PolicyError as error:
        for fault in error.faults:
            yield Symptom("policy", str(fault), is_well=False, is_fatal=True)
        return
    yield Symptom("policy", f"{options.policy}: no fault found")
    for fault in advice_on(policy, options.policy):
        yield Symptom("policy", str(fault), is_well=False)
    yield from machine_symptoms(policy)
    if options.app:
        yield from app_symptoms(options.app)
