"""``consentgate log compact``: makes day-partitioned parts of closed segments."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from consentgate.cli.opening import add_policy, layout_of
from consentgate.log.keeping.compaction import Compacted, compact


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_policy(parser)
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(options: argparse.Namespace) -> int:
    """Compact and say what was done."""
    layout = layout_of(options)
    layout.check()
    done = compact(layout)
    if options.json:
        print(json.dumps(asdict(done), indent=2))
    else:
        for line in lines_of(done):
            print(line)
    return 1 if done.refused else 0


def lines_of(done: Compacted) -> list[str]:
    """What a compaction did, in sentences."""
    found = done.found
    lines = [f"{done.segments} segments, {found.rows} rows, {len(done.parts)} parts"]
    if found.torn or found.foreign:
        lines.append(f"left out: {found.torn} torn lines, {found.foreign} foreign lines")
        lines += [f"  {place}" for place in found.places]
    if done.erased:
        lines.append(f"{done.erased} rows kept out by earlier erasures")
    return lines + done.refused
