"""``consentgate log``: keeps the site log; one file a verb, registered in VERBS."""

from __future__ import annotations

import argparse
import sys

from consentgate.cli.verbs import Verb, add_verbs
from consentgate.errors import LogError, PolicyError, RightsError, SettingError

VERBS = {
    "compact": Verb(
        "consentgate.cli.log.compact",
        "Make sorted parts by day of what is not written any more; exit status 1 where a file was "
        "left as it is. Safe to run at any time, several at once, and after a crash.",
    ),
    "erase": Verb(
        "consentgate.cli.log.erase",
        "Erase every row of one subject, shred its key, and keep restored backups from bringing "
        "the rows back.",
    ),
    "export": Verb(
        "consentgate.cli.log.export",
        "Write the site log for GoAccess, Matomo, a spreadsheet or a collector. Exit status 1: "
        "some lines were left out because they are no records.",
    ),
    "export-subject": Verb(
        "consentgate.cli.log.export_subject",
        "Print every row of one subject as JSON lines; how many there were goes to standard error.",
    ),
    "fields": Verb(
        "consentgate.cli.log.fields",
        "Print every field the site log may hold: in which tier, why, and how it is minimised; "
        "with --policy also where everything is kept, for how long, and who may read it.",
    ),
    "keygen": Verb(
        "consentgate.cli.log.security.keygen",
        "Make the security officer's key pair, on the officer's own machine: the private key stays "
        "there, the public one goes into [log] security_public_key.",
    ),
    "migrate": Verb(
        "consentgate.cli.log.migrate",
        "Make parts of an older schema anew, as Parquet where pyarrow is installed. Reports and "
        "exports read old parts without it; other programs then find one schema.",
    ),
    "minimise": Verb(
        "consentgate.cli.log.minimise",
        "Minimise another server's access log: every column, not only the address. Exit status 1: "
        "some lines were dropped because they could not be read.",
    ),
    "prune": Verb(
        "consentgate.cli.log.prune",
        "Compact, then sum up and delete what is older than the policy allows; says what and why. "
        "Run it every day, soon after midnight UTC.",
    ),
    "reveal": Verb(
        "consentgate.cli.log.security.reveal",
        "Say whom a pseudonym of the security log stands for. Who asked, when and why is written "
        "to the audit trail before anything is opened.",
    ),
    "reveals": Verb(
        "consentgate.cli.log.security.reveals",
        "Print who had which pseudonym lifted, when and why; exit status 2 where a line was "
        "changed.",
    ),
    "verify": Verb(
        "consentgate.cli.log.verify",
        "Prove that nothing is older than the policy allows, open to others, torn or unfinished; "
        "exit status 1 and a line for each thing that is. Changes nothing.",
    ),
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs of the log."""
    add_verbs(parser, VERBS, "run_log")


def run(options: argparse.Namespace) -> int:
    """Run one verb; 2 where the policy, an option or the log itself cannot be read."""
    try:
        code: int = options.run_log(options)
    except PolicyError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return 2
    except (LogError, RightsError, SettingError) as error:
        print(error, file=sys.stderr)
        return 2
    return code
