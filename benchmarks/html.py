"""What gating a page's HTML costs, beside other libraries: ``python -m benchmarks.html``.

Every row does the same job on the same pages, interleaved in one run: find what third parties a
page's tags name and rename the attribute. Each round has a page of its own, so that nothing kept
from the last one helps. Medians of processor time; ratios in one run count, absolute times do not:
on a loaded machine all are worse. "Search" is our own first look, which ends the work on a page in
one piece if nothing is denied; "scan" is the way over the tags that it leads to otherwise.
Other libraries are in the dependency group ``benchmarks``; one that is absent is said to be.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import statistics
import time
from collections.abc import Callable
from html.parser import HTMLParser
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlsplit

from benchmarks.html_pages import make
from consentgate.domain.choices import Choice
from consentgate.domain.policy import Controller, HostPattern, Policy, Service
from consentgate.domain.regimes import UNKNOWN
from consentgate.domain.signals import NONE
from consentgate.formats.html import Rewriter
from consentgate.formats.html_suspects import suspects
from consentgate.gates.beacons import Beacons, verdicts_of
from consentgate.gates.plan import Plan
from examples.fastapi_app import pages as shop

SIZES = {"5 KB": 5_000, "50 KB": 50_000, "500 KB": 500_000}
CHUNK = 16_384
NOW = 1_790_000_000
LOADS = ("src", "srcset", "href", "data", "poster")
TAGS = "script,img,iframe,link,source,video,audio,embed,object,input"
Rewrite = Callable[[bytes], object]


def policy_of(count: int) -> Policy:
    """A policy whose 100 denied services have so many hosts together."""
    names = [f"h{number}.third{number % 97}.example" for number in range(count)]
    services = tuple(
        Service(
            key=f"s{number}",
            purposes=("marketing",),
            hosts=tuple(HostPattern(host=name) for name in names[number::100]),
            snippets=("tagq(",) if number == 0 else (),
        )
        for number in range(100)
    )
    controller = Controller(name="Benchmark Ltd", contact="privacy@shop.example")
    return Policy(
        controller=controller, version="1", effective=dt.date(2026, 1, 1), services=services
    )


def ours(plan: Plan) -> Rewrite:
    """The rewriter for a visitor who has not chosen."""
    verdicts = verdicts_of(plan.outcome(UNKNOWN, NONE, None, NOW))
    return lambda page: Rewriter(verdicts).close(page)


def searched(plan: Plan) -> Rewrite:
    """The search for what could be denied alone."""
    verdicts = verdicts_of(plan.outcome(UNKNOWN, NONE, None, NOW))
    return lambda page: suspects(page, verdicts)


class Scan(Rewriter):
    """The way over the tags alone: it looks for one thing, which stands where every page begins."""

    def _find_suspects(self, data: bytes) -> list[int]:
        return [0]


def scanned(plan: Plan) -> Rewrite:
    """The scan without the search."""
    verdicts = verdicts_of(plan.outcome(UNKNOWN, NONE, None, NOW))
    return lambda page: Scan(verdicts).close(page)


def streamed(plan: Plan) -> Rewrite:
    """The same in pieces of 16 KB, as servers send them."""
    verdicts = verdicts_of(plan.outcome(UNKNOWN, NONE, None, NOW))

    def rewrite(page: bytes) -> object:
        rewriter = Rewriter(verdicts)
        pieces = [rewriter.feed(page[at : at + CHUNK]) for at in range(0, len(page), CHUNK)]
        return [*pieces, rewriter.close()]

    return rewrite


def granted(plan: Plan) -> Rewrite:
    """A visitor who permits everything: only the head gets its markup."""
    purposes = dict.fromkeys(("functional", "statistics", "marketing"), True)
    choice = Choice(made_at=NOW, purposes=purposes)
    outcome = plan.outcome(UNKNOWN, NONE, choice, NOW)
    return lambda page: Beacons(outcome, b"<script src=/x></script>", b"").close(page)


def by_lolhtml(hosts: frozenset[str]) -> Rewrite:
    """python-lolhtml: a streaming rewriter in Rust. It takes ``<noscript>`` for text."""
    import lolhtml

    class Handler:
        def element(self, element: Any) -> None:
            for name in LOADS:
                value = element.get_attribute(name)
                if value and urlsplit(value).hostname in hosts:
                    element.set_attribute("data-" + name, value)
                    element.remove_attribute(name)

    def rewrite(page: bytes) -> object:
        found: list[bytes] = []
        rewriter = lolhtml.HTMLRewriter(lambda piece: found.append(bytes(piece)))
        rewriter.on(TAGS, Handler())
        rewriter.write(page)
        rewriter.end()
        return found

    return rewrite


def by_selectolax(hosts: frozenset[str]) -> Rewrite:
    """selectolax (lexbor): a tree, written out again. Not byte for byte."""
    from selectolax.lexbor import LexborHTMLParser

    def rewrite(page: bytes) -> object:
        tree = LexborHTMLParser(page)
        for node in tree.css(TAGS):
            for name, value in node.attributes.items():
                if name in LOADS and value and urlsplit(value).hostname in hosts:
                    node.attrs["data-" + name] = value
                    del node.attrs[name]
        return tree.html

    return rewrite


def by_lxml(hosts: frozenset[str]) -> Rewrite:
    """lxml (libxml2): an HTML 4 tree, written out again. Not byte for byte."""
    import lxml.html

    def rewrite(page: bytes) -> object:
        tree = lxml.html.document_fromstring(page)
        for node in tree.iter(*TAGS.split(",")):
            for name in LOADS:
                value = node.get(name)
                if value and urlsplit(value).hostname in hosts:
                    node.set("data-" + name, value)
                    del node.attrib[name]
        return lxml.html.tostring(tree)

    return rewrite


def by_html_parser(hosts: frozenset[str]) -> Rewrite:
    """The standard library's parser, which only finds where the tags are."""
    tags = frozenset(TAGS.split(","))

    class Parser(HTMLParser):
        def __init__(self) -> None:
            super().__init__(convert_charrefs=False)
            self.found: list[tuple[int, int]] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag in tags and any(
                name in LOADS and value and urlsplit(value).hostname in hosts
                for name, value in attrs
            ):
                self.found.append(self.getpos())

    def rewrite(page: bytes) -> object:
        parser = Parser()
        parser.feed(page.decode())
        parser.close()
        return parser.found

    return rewrite


OTHERS: dict[str, tuple[str, Callable[[frozenset[str]], Rewrite]]] = {
    "python-lolhtml": ("python-lolhtml", by_lolhtml),
    "selectolax": ("selectolax", by_selectolax),
    "lxml": ("lxml", by_lxml),
    "html.parser": ("", by_html_parser),
}


def rewriters(plans: dict[str, Plan]) -> dict[str, Rewrite]:
    """Every row's function, by name; says which libraries are absent."""
    hosts = frozenset(
        pattern.host
        for service in plans["1,000 hosts"].policy.services
        for pattern in service.hosts
    )
    found: dict[str, Rewrite] = {"pass-through": lambda page: page + b""}
    found["granted"] = granted(plans["1,000 hosts"])
    for name, plan in plans.items():
        found[f"consentgate, {name}"] = ours(plan)
    found["consentgate, search alone"] = searched(plans["1,000 hosts"])
    found["consentgate, scan alone"] = scanned(plans["1,000 hosts"])
    found["consentgate, in 16 KB pieces"] = streamed(plans["1,000 hosts"])
    for name, (package, make_rewrite) in OTHERS.items():
        try:
            shown = f"{name} {version(package)}" if package else name
            found[shown] = make_rewrite(hosts)
        except (PackageNotFoundError, ImportError):
            print(f"{name} is not installed: left out (pip install --group benchmarks)")
    return found


def measure(rewrite: dict[str, Rewrite], pages: list[bytes]) -> dict[str, float]:
    """Median seconds of processor time of each for one page, interleaved; a round for each page."""
    samples: dict[str, list[float]] = {name: [] for name in rewrite}
    for page in pages:
        for name, run in rewrite.items():
            started = time.thread_time()
            run(page)
            samples[name].append(time.thread_time() - started)
    return {name: statistics.median(times) for name, times in samples.items()}


def hostile() -> dict[str, bytes]:
    """What quadratic scanners choke on, repeated."""
    return {
        "open tags": b"<img ",
        "open quotes": b'<a x="',
        "open comments": b"<!--",
        "scripts in scripts": b"<script><!--<script>",
        "nested svg": b"<svg><title>",
        "CDATA": b"<svg><![CDATA[",
        "slashes": b"//a",
        "references": b"&#47;",
        "select": b"<select><style>",
    }


def show_hostile(rewrite: Rewrite, rounds: int) -> None:
    """How time grows from 100 KB to 200 KB; 2 is linear."""
    print("\nHostile input, 100 and 200 KB: ms, and how many times as long for twice the size")
    for name, unit in hostile().items():
        one, two = (
            measure({name: rewrite}, [unit * (size // len(unit))] * rounds)[name]
            for size in (100_000, 200_000)
        )
        print(f"  {name:<22}{one * 1e3:8.2f}{two * 1e3:8.2f}{two / one:6.1f}x")


def show_first_byte(plan: Plan) -> None:
    """How much of the first 16 KB goes out before the second piece comes."""
    verdicts = verdicts_of(plan.outcome(UNKNOWN, NONE, None, NOW))
    page = make(500_000, ["h0.third0.example"])
    first = Rewriter(verdicts).feed(page[:CHUNK])
    print(f"\nFirst piece: {CHUNK} bytes in, {len(first)} bytes out at once")


def main(arguments: list[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    chosen = parser.parse_args(arguments)
    plans = {f"{count:,} hosts": Plan(policy_of(count)) for count in (1_000, 10_000)}
    rewrite = rewriters(plans)
    hosts = [f"h{number}.third{number}.example" for number in range(4)]
    stands = {"Google Analytics": hosts[0], "Meta Pixel": hosts[1], "YouTube": hosts[2]}
    rounds = range(1, chosen.rounds + 1)
    cases = {
        f"{name}, {kind}": [
            make(size, hosts if kind == "tags denied" else [], seed) for seed in rounds
        ]
        for name, size in SIZES.items()
        for kind in ("tags denied", "nothing denied")
    }
    page = shop.home("EUR", {**stands, "Google Fonts": hosts[3]}).encode()
    cases["the demo shop's page"] = [page] * chosen.rounds
    print(f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} at the start")
    for name, pages in cases.items():
        length = statistics.median(map(len, pages))
        print(f"\n{name} ({length:,.0f} bytes): µs, MB/s")
        for row, seconds in measure(rewrite, pages).items():
            print(f"  {row:<32}{seconds * 1e6:10.1f}{length / seconds / 1e6:10.0f}")
    print(f"\nLoad {os.getloadavg()[0]:.1f} after the pages")
    show_first_byte(plans["1,000 hosts"])
    show_hostile(rewrite["consentgate, 1,000 hosts"], max(3, chosen.rounds // 5))


if __name__ == "__main__":
    main()
