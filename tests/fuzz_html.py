"""Throws mutated markup at the rewriter: ``python -m tests.fuzz_html --inputs 1000000``.

Each input is gated whole and cut at random; what went in must come out again, nothing denied may be
live by another parser's tree, and gating twice must be gating once. The same holds where nobody
declared what was denied. Inputs come in slices of one seed
each, so that a slice runs alone: ``--seed 7 --inputs 10000``.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from consentgate.formats.html.element import Judge
from consentgate.formats.html.rewriter import Rewriter
from tests.formats.judges import lonely, silent
from tests.formats.live import by_html5lib, by_html5lib_scripting, by_lexbor, denied, strangers
from tests.formats.pages import Maker

SLICE = 10_000
HTML5LIB_EVERY = 20
"""It takes a hundred times as long as the others."""
_PUT_IN = re.compile(
    rb' type="text/plain"(?= data-privacy-(?:service|purpose)="[a-z _-]+"[\s/>a-z])|'
    rb' data-privacy-(?:service|purpose)="[a-z _-]+"|data-privacy-(?=[A-Za-z])|data-privacy:[a-z]+:'
)
_OUTDATED = re.compile(rb"</(?:p|br)\b|<template|<select", re.IGNORECASE)
"""What html5lib reads by the rules of 2020."""
JUDGE = silent()
LONELY = lonely()


def faults(page: bytes, chance: random.Random, *, is_slow: bool) -> list[str]:
    """What is wrong with how one page is gated; empty: nothing."""
    found = [f"{kind}, undeclared" for kind in _lost(page, chance, LONELY)]
    lonely_text = Rewriter(LONELY).close(page).decode("utf-8", "replace")
    if strangers(lonely_text, by_lexbor):
        found.append("escape, undeclared")
    if is_slow and not _OUTDATED.search(page) and strangers(lonely_text, by_html5lib):
        found.append("escape by html5lib, undeclared")
    found += _lost(page, chance, JUDGE)
    text = Rewriter(JUDGE).close(page).decode("utf-8", "replace")
    if denied(text, by_lexbor):
        found.append("escape")
    if is_slow and not _OUTDATED.search(page) and denied(text, by_html5lib):
        found.append("escape by html5lib")
    if is_slow and not _OUTDATED.search(page) and denied(text, by_html5lib_scripting):
        found.append("escape with scripting")
    return found


def _lost(page: bytes, chance: random.Random, judge: Judge) -> list[str]:
    """What differs when a page is gated in pieces, or twice, or what cannot be taken out again."""
    gated = Rewriter(judge).close(page)
    found = []
    pieces = cut(page, chance, judge)
    if pieces != gated and not (gated == page and told(pieces) == told(page)):
        found.append("cut")
    if Rewriter(judge).close(gated) != gated:
        found.append("twice")
    if told(taken_out(gated)) != told(page):
        found.append("bytes")
    return found


def cut(page: bytes, chance: random.Random, judge: Judge = JUDGE) -> bytes:
    """The page gated in pieces."""
    rewriter, pieces, at = Rewriter(judge), [], 0
    while at < len(page):
        end = at + chance.choice((1, 1, 2, 3, 7, 20, 80))
        pieces.append(rewriter.feed(page[at:end]))
        at = end
    return b"".join(pieces) + rewriter.close()


def taken_out(gated: bytes) -> bytes:
    """What is left when everything that was put in is taken out."""
    return _PUT_IN.sub(b"", gated)


_COMMENTED = re.compile(rb"<!(?=/?[A-Za-z])|<! (?=\[CDATA\[)")
_ENDED = re.compile(
    rb"(?:-->|>|\]\]>|</(?:script|style|title|textarea|xmp|iframe|noembed|noframes)>)+"
    rb"(?=</noscript[\t\n\f\r />])",
    re.IGNORECASE,
)


def told(page: bytes) -> bytes:
    """The page with tags back that became comments, as they do where browsers disagree on them.

    Also without what ends them, or other things, before the end of a ``noscript``. A whole page
    with nothing denied is not even looked at, so it keeps them.
    """
    page = _ENDED.sub(b"", page)
    return _COMMENTED.sub(lambda found: found[0][: 1 + found[0].endswith(b" ")], page)


def slice_of(seed: int, count: int) -> tuple[int, Counter[str], list[tuple[str, bytes]]]:
    """Run one slice: how many inputs, how often which fault, and the shortest inputs of each."""
    chance = random.Random(seed)
    counts: Counter[str] = Counter()
    shown: dict[str, bytes] = {}
    for number, page in enumerate(Maker(seed).pages(count)):
        try:
            wrong = faults(page, chance, is_slow=number % HTML5LIB_EVERY == 0)
        except Exception as error:
            wrong = [f"raised {type(error).__name__}"]
        for kind in wrong:
            counts[kind] += 1
            if kind not in shown or len(page) < len(shown[kind]):
                shown[kind] = page
        counts["changed"] += Rewriter(JUDGE).close(page) != page
    return count, counts, list(shown.items())


def main(arguments: list[str] | None = None) -> int:
    """Run every slice on all processors; 1 where anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0, help="seed of the first slice")
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args(arguments)
    started = time.monotonic()
    total, counts, shown = 0, Counter[str](), list[tuple[str, bytes]]()
    sizes = [min(SLICE, chosen.inputs - at) for at in range(0, chosen.inputs, SLICE)]
    with ProcessPoolExecutor(chosen.processes) as pool:
        seeds = range(chosen.seed, chosen.seed + len(sizes))
        for number, some, examples in pool.map(slice_of, seeds, sizes):
            total += number
            counts += some
            shown += examples
    changed = counts.pop("changed", 0)
    print(f"{total} inputs, {changed} of them changed, in {time.monotonic() - started:.0f} s")
    print("faults:", dict(counts) or "none")
    for kind, page in sorted(shown, key=lambda item: len(item[1]))[:20]:
        print(f"  {kind}: {page!r}")
    return 1 if counts else 0


if __name__ == "__main__":
    sys.exit(main())
