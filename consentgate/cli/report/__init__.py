"""``consentgate report``: answers an analyst's questions from the site log."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

from consentgate.cli.access.asking import add_purpose, allowed
from consentgate.cli.opening import add_policy, layout_in, policy_of
from consentgate.cli.standard_output import forget_standard_output
from consentgate.domain.policy.policy import Policy
from consentgate.errors import LogError, PolicyError, RightsError, SettingError

FORMATS = ("text", "json", "csv", "parquet", "html", "sql")
FILTERS = ("tier", "route", "source", "device", "country", "browser", "lang")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add = parser.add_argument
    add("names", nargs="*", metavar="REPORT", help="which reports; none: all")
    add("--from", dest="since", default="", metavar="DAY", help="first day or month, 2026-11-01")
    add("--until", default="", metavar="DAY", help="last day or month, 2026-11-30")
    add("--to", choices=FORMATS, default="text", help="what to write; text by default")
    add("--output", metavar="FILE", help="where to write; appears when it is whole")
    add("--list", action="store_true", help="list the reports and the questions they answer")
    add("--serve", metavar="HOST:PORT", default="", help="show the page live; needs a token")
    add("--no-comparison", action="store_true", help="leave the period before out")
    for name in FILTERS:
        add(f"--{name}", default="", metavar="VALUE", help=f"only rows of that {name}")
    add_policy(parser)
    add_purpose(parser, "operation")


def run(options: argparse.Namespace) -> int:
    """Report; 0: all was read, 1: some of it could not be, 2: wrong input."""
    try:
        return _run(options)
    except PolicyError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
    except ImportError as error:
        print(f'reports need consentgate[report]: pip install "consentgate[report]" ({error})',
              file=sys.stderr)  # fmt: skip
    except (LogError, RightsError, SettingError) as error:
        print(error, file=sys.stderr)
    except BrokenPipeError:
        forget_standard_output()
        return 0
    except OSError as error:
        print(f"{options.output or 'standard output'}: {error.strerror}", file=sys.stderr)
    return 2


def _run(options: argparse.Namespace) -> int:
    from consentgate.report.making import make_reports
    from consentgate.report.periods import period_of
    from consentgate.report.source import today_in

    if options.list:
        print("\n".join(_questions()))
        return 0
    policy = policy_of(options)
    allowed(policy, "report.read", options.purpose)
    if options.serve:
        return _serve(policy, options.serve)
    period = period_of(options.since, options.until, today_in(policy.log.time_zone))
    filters = {name: value for name in FILTERS if (value := getattr(options, name))}
    if options.to == "sql":
        from consentgate.report.outputs.views import as_sql

        _write(options, as_sql(layout_in(policy, options.policy), policy.log.time_zone))
        return 0
    made = make_reports(
        layout_in(policy, options.policy),
        period,
        options.names,
        site=policy.controller.name,
        zone=policy.log.time_zone,
        filters=filters,
        compares=not options.no_comparison,
    )
    _write(options, _content(options.to, made))
    for problem in made.problems if options.to != "text" else ():
        print(problem, file=sys.stderr)
    return 1 if any("cannot be read" in problem for problem in made.problems) else 0


def _serve(policy: Policy, address: str) -> int:
    """Show the page live until it is stopped."""
    import uvicorn

    from consentgate.insights import TOKEN_VARIABLE, insights

    host, _, port = address.rpartition(":")
    if not port.isdigit() or not host:
        raise SettingError(f"--serve {address}: expected a host and a port, 127.0.0.1:8001")
    token = os.environ.get(TOKEN_VARIABLE, "") or secrets.token_urlsafe(24)
    if TOKEN_VARIABLE not in os.environ:
        print(f"password, for this time: {token}", flush=True)
    uvicorn.run(insights(policy, token=token), host=host, port=int(port), log_level="warning")
    return 0


def _content(form: str, made: object) -> bytes:
    from consentgate.report.making import Made
    from consentgate.report.outputs.documents import FORMATS, as_text
    from consentgate.report.page.page import as_page

    if not isinstance(made, Made):
        raise TypeError("expected reports")
    if form == "html":
        return as_page(made)
    return as_text(made) if form == "text" else FORMATS[form](made)


def _write(options: argparse.Namespace, content: bytes) -> None:
    from consentgate.report.outputs.documents import write_whole

    if options.output:
        write_whole(Path(options.output), content)
        return
    if options.to == "parquet" and os.isatty(sys.stdout.fileno()):
        raise SettingError("--to parquet: name a file with --output, or send it through a pipe")
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _questions() -> Iterator[str]:
    from consentgate.report.making import QUESTIONS

    width = max(map(len, QUESTIONS))
    for name, question in QUESTIONS.items():
        yield f"{name:{width}}  {question}"
