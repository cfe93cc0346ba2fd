"""Owns the command ``consentgate``: one file a verb, registered in VERBS."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from consentgate.cli.standard_output import forget_standard_output
from consentgate.cli.verbs import Verb, parsed

VERBS = {
    "audit": Verb(
        "consentgate.cli.audit",
        "Visit a page with a real browser: before a choice, after reject, accept and withdraw, "
        "with Global Privacy Control, without JavaScript; say who was asked and what was stored. "
        "Exit status 1: something happened that nobody had granted.",
    ),
    "check": Verb(
        "consentgate.cli.check",
        "Check a policy file and report every mistake at once; exit status 2 if there is one.",
    ),
    "doctor": Verb(
        "consentgate.cli.doctor",
        "Look at the secret, the clock, the ledger, folders, disks and proxies, and with --app at "
        "the app's middleware and loggers. Exit status 1: something is not well.",
    ),
    "init": Verb(
        "consentgate.cli.init",
        "Write a commented policy file to start from.",
    ),
    "ledger": Verb(
        "consentgate.cli.ledger",
        "Prove, show and keep the ledger: verify, sign, export, prune.",
    ),
    "log": Verb(
        "consentgate.cli.log",
        "Keep the site log: see what it may hold, compact, prune, verify and erase it.",
    ),
    "policy": Verb(
        "consentgate.cli.policy",
        "Compare two policies, whom a change asks again, and keep what earlier ones meant.",
    ),
    "receipt": Verb(
        "consentgate.cli.receipt",
        "Check the receipt of a privacy choice, offline.",
    ),
    "regimes": Verb(
        "consentgate.cli.regimes",
        "Print the rules of each place, where they come from and when they take effect.",
    ),
    "report": Verb(
        "consentgate.cli.report",
        "Answer an analyst's questions from the site log: pages, sources, consent and more. Exit "
        "status 1: some of the log could not be read, and the rest is reported on.",
    ),
    "rights": Verb(
        "consentgate.cli.rights",
        "Answer visitors' requests and legal demands: show, export, erase, hold; all of it noted.",
    ),
    "schema": Verb(
        "consentgate.cli.schema",
        "Print the JSON Schema of the policy file.",
    ),
    "services": Verb(
        "consentgate.cli.services",
        "List the services that `use` knows, or explain one.",
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; 0: all is well, 1: something was found, 2: wrong input."""
    options = parsed(VERBS, arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # head has seen enough
        forget_standard_output()
        return 1
    return code
