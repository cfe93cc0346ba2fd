"""``consentgate log minimise``: makes of another program's access log what may be kept of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from consentgate.cli.log.minimising import Done, Plan, Worker, minimised
from consentgate.cli.progress import Progress
from consentgate.cli.standard_output import forget_standard_output
from consentgate.domain.record import QUERY_FIELDS, SCHEMA, Tier
from consentgate.errors import LogError, SettingError
from consentgate.formats.access_logs.combined import UNITS
from consentgate.formats.access_logs.exports import WRITERS
from consentgate.imported_logs.columns import Site
from consentgate.imported_logs.files import Block, file_blocks, stream_blocks
from consentgate.imported_logs.lines import FORMATS, Reading
from consentgate.log.writing.whole_file import FinishedFile

if TYPE_CHECKING:
    from consentgate.domain.policy.policy import Policy

_MOST_NAMED = 20
STDIN = "-"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add = parser.add_argument
    add("files", nargs="*", default=[STDIN], metavar="FILE", help="logs, also .gz .zst .bz2 .xz; -")
    add(
        "--format", choices=FORMATS, default="auto", help="what the lines are; auto: each by itself"
    )
    add("--output", metavar="FILE", help="where to write; appears when it is whole")
    add("--as", dest="form", choices=(SCHEMA, *WRITERS), default=SCHEMA, help="what to write")
    add("--policy", metavar="FILE", help="read routes, query fields and kept fields from here")
    add("--route", action="append", default=[], metavar="TEMPLATE", help="such as /products/{id}")
    add("--host", action="append", default=[], metavar="NAME", help="own host, to know entries")
    add("--duration", choices=UNITS, default="", help="unit of a number after the agent, if any")
    add("--tier", choices=("T0", "T1"), default="T0", help="T1: you answer for visitors' consent")
    add("--jobs", type=int, default=1, metavar="N", help="processes that work side by side")
    add("--quiet", action="store_true", help="no progress and no summary")


def run(options: argparse.Namespace) -> int:
    """Minimise; 0: every line, 1: some lines were dropped, 2: wrong input."""
    _check(options)
    plan = _plan(options)
    tally, worker = Tally(), Worker(plan)
    progress = Progress(is_quiet=options.quiet)
    try:
        with ExitStack() as stack:
            output: BinaryIO = sys.stdout.buffer
            if options.output:
                output = stack.enter_context(FinishedFile(Path(options.output)))
            if plan.header:
                output.write(f"{plan.header}\n".encode())
            for name in options.files:
                progress.begin(name)
                tally.begin(name)
                for done in minimised(_blocks(name), worker, plan, options.jobs):
                    output.writelines(done.lines)
                    output.flush()
                    tally.add(done)
                    progress.tell(done.read_bytes, tally.lines)
    except BrokenPipeError:
        forget_standard_output()
        return 1
    except OSError as error:
        raise LogError(f"{options.output or 'standard output'}: {error.strerror}") from error
    finally:
        progress.end()
    if not options.quiet:
        print(tally.summary(), file=sys.stderr)
    return 1 if tally.dropped else 0


@dataclass
class Tally:
    """What became of the lines so far."""

    lines: int = 0
    written: int = 0
    dropped: int = 0
    _name: str = ""
    _lines_before: int = 0

    def begin(self, name: str) -> None:
        """Number the lines of a source from 1."""
        self._name, self._lines_before = name, self.lines

    def add(self, done: Done) -> None:
        """Count a block, and name the first lines that were dropped: where and why, never what."""
        first = self.lines - self._lines_before + 1
        for at, reason in done.dropped[: max(0, _MOST_NAMED - self.dropped)]:
            print(f"{self._name}:{first + at}: dropped: {reason}", file=sys.stderr)
        self.lines += done.read
        self.dropped += len(done.dropped)
        self.written += done.written

    def summary(self) -> str:
        """One sentence."""
        dropped = f"{self.dropped} dropped" if self.dropped else "none dropped"
        return f"{self.lines} lines read, {self.written} minimised, {dropped}"


def _blocks(name: str) -> Iterator[Block]:
    if name == STDIN:
        return stream_blocks(sys.stdin.fileno())
    return file_blocks(Path(name))


def _check(options: argparse.Namespace) -> None:
    """Refuse what cannot be meant."""
    if options.jobs < 1:
        raise SettingError(f"--jobs {options.jobs}: expected 1 or more")
    if options.files.count(STDIN) > 1:
        raise SettingError("-: standard input can be read once")
    for name in options.files:
        if name == STDIN:
            continue
        if not Path(name).exists() or Path(name).is_dir():
            raise SettingError(f"{name}: no such file; name log files, or - for standard input")
        if options.output and Path(options.output).exists() and Path(name).samefile(options.output):
            raise SettingError(f"{name}: is read and cannot be --output as well; name another file")


def _plan(options: argparse.Namespace) -> Plan:
    policy = _policy(options.policy) if options.policy else None
    settings = policy.log if policy else None
    for route in options.route:
        if not route.startswith("/"):
            raise SettingError(f'--route "{route}": expected a template such as /products/{{id}}')
    site = Site(
        hosts=frozenset(host.lower() for host in options.host),
        routes=(*options.route, *(settings.routes if settings else ())),
        query_fields=frozenset(settings.query_fields if settings else QUERY_FIELDS),
        version=policy.version if policy else "",
    )
    reading = Reading(
        format=options.format,
        unit=options.duration,
        tier=Tier(options.tier),
        fields=frozenset(settings.fields if settings else ()),
    )
    return Plan(site, reading, "" if options.form == SCHEMA else options.form)


def _policy(name: str) -> Policy:
    from consentgate.asgi.startup.policy_file import load_policy

    return load_policy(name)
