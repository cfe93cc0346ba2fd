"""Owns the command ``consentgate``: one file a verb, registered in VERBS."""

from __future__ import annotations

from collections.abc import Sequence

from consentgate.cli.verbs import Verb, parsed

VERBS = {
    "check": Verb(
        "consentgate.cli.check",
        "Check a policy file and report every mistake at once; exit status 2 if there is one.",
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
        "consentgate report                    the last four weeks, everything, as text\n"
        "consentgate report --list             every report and the question it answers\n"
        "consentgate report overview pages --from 2026-11\n"
        "consentgate report --from 2026-11 --to html --output november.html\n"
        "consentgate report pages --source search --device mobile\n"
        "consentgate report consent --to csv > consent.csv",
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
    code: int = options.run(options)
    return code
