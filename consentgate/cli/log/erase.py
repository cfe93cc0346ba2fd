"""``consentgate log erase``: erases what the site log keeps of one subject, for good."""

from __future__ import annotations

import argparse
import datetime as dt

from consentgate.cli.log.subject import add_subject, names_kept
from consentgate.log.keeping.erasure import erase


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_subject(parser)


def run(options: argparse.Namespace) -> int:
    """Erase and say what was done."""
    today = dt.datetime.now(dt.UTC).date()
    layout, names = names_kept(options, today, "log.erase")
    done = erase(layout, names, today, reference=options.subject)
    key = "key shredded" if done.had_key else "key shredded before"
    print(f"{done.rows} rows erased, {key}; rows in backups stay out when they are restored")
    return 0
