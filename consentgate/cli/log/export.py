"""``consentgate log export``: writes the site log as other programs read it."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from consentgate.cli.access.giving import add_recipient, note_export
from consentgate.cli.opening import add_policy, layout_of, policy_of
from consentgate.cli.standard_output import forget_standard_output
from consentgate.domain.record import Tier
from consentgate.errors import LogError, SettingError
from consentgate.formats.access_logs.exports import WRITERS
from consentgate.log.keeping.reading import (
    FIRST_DAY,
    LAST_DAY,
    rows_of_file,
    rows_of_log,
    rows_of_stream,
)
from consentgate.log.keeping.segment_lines import Found, Row
from consentgate.log.writing.whole_file import FinishedFile

STDIN = "-"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add = parser.add_argument
    add("files", nargs="*", metavar="FILE", help="records to read instead of the site log; - pipes")
    add("--to", choices=tuple(WRITERS), required=True, help="what to write")
    add("--output", metavar="FILE", help="where to write; appears when it is whole")
    add("--from", dest="since", type=_day, default=FIRST_DAY, metavar="DAY", help="2026-11-01")
    add("--until", type=_day, default=LAST_DAY, metavar="DAY", help="last day, 2026-11-30")
    add("--tier", action="append", choices=[tier.value for tier in Tier], help="only these")
    add_policy(parser)
    add_recipient(parser)


def _day(text: str) -> str:
    return str(dt.date.fromisoformat(text))


def run(options: argparse.Namespace) -> int:
    """Export; 0: every row, 1: some lines were left out, 2: wrong input."""
    if options.until < options.since:
        raise SettingError(
            f"--from {options.since} --until {options.until}: the period ends before it begins"
        )
    found = Found()
    writer, kept = WRITERS[options.to], frozenset(options.tier or [tier.value for tier in Tier])
    try:
        with ExitStack() as stack:
            output: BinaryIO = sys.stdout.buffer
            if options.output:
                output = stack.enter_context(FinishedFile(Path(options.output)))
            if writer.header:
                output.write(f"{writer.header}\n".encode())
            for row in _rows(options, found):
                line = writer.line(row) if row["tier"] in kept else ""
                if line:
                    output.write(f"{line}\n".encode("utf-8", "replace"))
                    if STDIN in options.files:
                        output.flush()
            output.flush()
    except BrokenPipeError:
        forget_standard_output()
        return 1
    except OSError as error:
        raise LogError(f"{options.output or 'standard output'}: {error.strerror}") from error
    for place in found.places:
        print(f"{place}: left out: no record", file=sys.stderr)
    return 1 if found.torn or found.foreign else 0


def _rows(options: argparse.Namespace, found: Found) -> Iterator[Row]:
    if not options.files:
        note_export(options, policy_of(options), "log.export", "visits")
        yield from rows_of_log(layout_of(options), found, since=options.since, until=options.until)
        return
    if options.files.count(STDIN) > 1:
        raise SettingError("-: standard input can be read once")
    for name in options.files:
        rows = (
            rows_of_stream(sys.stdin.buffer, found)
            if name == STDIN
            else rows_of_file(Path(name), found)
        )
        yield from (row for row in rows if options.since <= row["ts"][:10] <= options.until)
