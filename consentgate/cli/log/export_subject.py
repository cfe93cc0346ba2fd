"""``consentgate log export-subject``: prints what the site log keeps of one subject."""

from __future__ import annotations

import argparse
import datetime as dt
import sys

from consentgate.cli.log.subject import add_subject, names_kept, note_subject_export
from consentgate.log.keeping.day_files import plain
from consentgate.log.keeping.erasure import rows_with


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_subject(parser)


def run(options: argparse.Namespace) -> int:
    """Print the rows."""
    layout, names = names_kept(options, dt.datetime.now(dt.UTC).date(), "log.export-subject")
    note_subject_export(options)
    count = 0
    for row in rows_with(layout, names):
        print(plain(row))
        count += 1
    print(f"{count} rows", file=sys.stderr)
    return 0
