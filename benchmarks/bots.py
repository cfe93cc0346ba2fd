"""Measures how machines are told from people, beside crawlerdetect, on public lists.

``python -m benchmarks.bots [--machines FILE ...] [--people FILE ...]`` prints, per list, which
share each detector takes for machines (recall on machines, false positives on people) and what an
agent costs that was not seen before. Without files: every instance of the installed
crawler-user-agents, and ``tests/corpora``. A file has one agent a line, or is JSON (also .gz): a
list of texts, or of objects with ``userAgent``. What was never listed is measured too: with every
fifth entry of our list left out, the share of those entries' agents that our words still find.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from crawlerdetect import CrawlerDetect

from benchmarks.traffic import CORPORA
from consentgate.lookup.bots import BotList, is_tool

ROUNDS = 5
SAMPLE = 400
SLOWER = 10
"""crawlerdetect may take so many times what ours takes."""
Detector = Callable[[str], bool]


def instances() -> list[str]:
    """Every agent that crawler-user-agents gives as an example of one of its machines."""
    text = (files("crawleruseragents") / "crawler-user-agents.json").read_text(encoding="utf-8")
    return sorted({agent for entry in json.loads(text) for agent in entry["instances"]})


def agents_in(path: Path) -> list[str]:
    """The agents of a file."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    text = raw.decode("utf-8", "replace")
    if ".json" in path.name:
        found = (one if isinstance(one, str) else one["userAgent"] for one in json.loads(text))
    else:
        found = (line for line in text.splitlines() if line and not line.startswith("#"))
    return sorted(set(found))


def ours(bots: BotList) -> Detector:
    """What the site log leaves out of people's figures: declared machines and nameless tools."""
    return lambda agent: bots.find(agent) is not None or is_tool(agent)


def unlisted() -> Iterator[tuple[str, float]]:
    """Recall on machines of whose entries our list knows nothing, a fifth of them at a time."""
    document = json.loads((files("consentgate") / "data" / "bots.json").read_text(encoding="utf-8"))
    whole = [*map(tuple, document["texts"]), *map(tuple, document["patterns"])]
    for fold in range(5):
        left_out = {entry for number, entry in enumerate(whole) if number % 5 == fold}
        texts = [tuple(entry) for entry in document["texts"] if tuple(entry) not in left_out]
        patterns = [tuple(entry) for entry in document["patterns"] if tuple(entry) not in left_out]
        bots = BotList(texts, patterns)
        listed = BotList([e for e in left_out if len(e) == 2], [e for e in left_out if len(e) == 3])
        theirs = [agent for agent in instances() if _names(listed, agent)]
        found = sum(map(ours(bots), theirs))
        yield f"fold {fold + 1}, {len(theirs)} agents", found / len(theirs)


def _names(bots: BotList, agent: str) -> bool:
    """Whether an entry of that list, and not our general words, finds the agent."""
    bot = bots.find(agent)
    return bot is not None and bot.name != "unlisted"


def microseconds(detector: Detector, agents: Sequence[str]) -> float:
    """Time for one agent that was not seen before: the mean of each agent's best round.

    On a machine that others use, a slow round tells of them.
    """
    best = [float("inf")] * len(agents)
    for number in range(ROUNDS):
        for place, agent in enumerate(agents):
            fresh = f"{agent} {number}.{place}"
            started = time.perf_counter()
            detector(fresh)
            best[place] = min(best[place], time.perf_counter() - started)
    return statistics.mean(best) * 1e6


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machines", type=Path, nargs="*", default=[])
    parser.add_argument("--people", type=Path, nargs="*", default=[])
    chosen = parser.parse_args(arguments)
    lists = {"machines: crawler-user-agents": instances()}
    lists |= {f"machines: {path.name}": agents_in(path) for path in chosen.machines}
    lists |= {"people: tests/corpora": agents_in(CORPORA / "browsers.txt")}
    lists |= {f"people: {path.name}": agents_in(path) for path in chosen.people}
    detectors = {"ours": ours(BotList.shipped()), "crawlerdetect": CrawlerDetect().isCrawler}
    print(f"{'list':<42}{'agents':>8}" + "".join(f"{name:>16}" for name in detectors))
    for name, agents in lists.items():
        shares = (sum(map(bool, map(one, agents))) / len(agents) for one in detectors.values())
        print(f"{name:<42}{len(agents):>8}" + "".join(f"{share:>16.2%}" for share in shares))
    sample = [agents[i % len(agents)] for agents in lists.values() for i in range(0, SAMPLE * 7, 7)]
    costs = {name: microseconds(one, sample) for name, one in detectors.items()}
    print(f"{'µs an agent, not seen before':<50}" + "".join(f"{x:>16.1f}" for x in costs.values()))
    ratio = costs["crawlerdetect"] / costs["ours"]
    print(f"crawlerdetect takes {ratio:.0f}x; {'met' if ratio >= SLOWER else 'MISSED'} ({SLOWER}x)")
    print("recall on machines that are not in our list:")
    for fold, recall in unlisted():
        print(f"  {fold}: {recall:.1%}")


if __name__ == "__main__":
    main()
