"""``consentgate audit``: visits any site with a real browser; says who was asked and what stayed.

Exit status 0: nothing happened that nobody granted; 1: something did; 2: the site or the browser
could not be used.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from consentgate.asgi.startup.policy_file import load_catalogue, load_policy
from consentgate.cli.audit.entries import entries_of
from consentgate.cli.audit.findings import Finding, Known, findings_of
from consentgate.cli.audit.report import html_report, lines_of
from consentgate.cli.audit.visits import Visit
from consentgate.errors import PolicyError, SettingError


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("url", help="the page to visit, such as https://shop.example")
    parser.add_argument("--policy", help="what this policy calls necessary is granted to everybody")
    parser.add_argument("--html", type=Path, help="write a report with screenshots to this file")
    parser.add_argument("--write-policy", type=Path, help="write what was found as policy entries")
    parser.add_argument("--chromium", help="path of the browser; none: the one that is installed")
    parser.add_argument(
        "--settle", type=float, default=2.0, help="seconds to watch a page after it has loaded"
    )
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(options: argparse.Namespace) -> int:
    """Visit, judge and report."""
    try:
        policy = load_policy(options.policy) if options.policy else None
        visits = _visits(options)
    except PolicyError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return 2
    except SettingError as error:
        print(error, file=sys.stderr)
        return 2
    known = Known(policy, load_catalogue())
    found = [one for visit in visits for one in findings_of(visit, known)]
    _write(options, visits, known, found)
    if options.json:
        print(json.dumps(_document(visits, found), indent=2, ensure_ascii=False))
    else:
        print("\n".join(lines_of(visits, known, found)))
    return 1 if found else 0


def _visits(options: argparse.Namespace) -> list[Visit]:
    from consentgate.cli.audit.browsing import browse

    return browse(options.url, chromium=options.chromium, settle_seconds=options.settle)


def _write(
    options: argparse.Namespace, visits: list[Visit], known: Known, found: list[Finding]
) -> None:
    if options.html:
        options.html.write_text(html_report(options.url, visits, known, found), encoding="utf-8")
    if options.write_policy:
        options.write_policy.write_text(entries_of(visits, known), encoding="utf-8")


def _document(visits: list[Visit], found: list[Finding]) -> dict[str, object]:
    shown = [{**asdict(visit), "screenshot": len(visit.screenshot)} for visit in visits]
    return {"visits": shown, "findings": [asdict(one) for one in found]}
