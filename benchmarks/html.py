"""What gating a page's HTML costs, beside other libraries: ``python -m benchmarks.html``.

Every row does the same job on the same pages, taking turns in one run: find what third parties a
page's tags name and rename the attribute. Real pages come from npm; "tags denied" denies every
service that ships with consentgate, "nothing denied" only hosts that no page has. Of made pages
each round has one of its own, so that nothing kept from the last one helps. Medians over the rounds
of processor time; only ratios in one run count: on a loaded machine all are worse.

"Search" is our own first look, which ends the work on a page in one piece if nothing is denied, as
it is compiled and as it is in Python; "scan" is the way over the tags that it leads to otherwise.
Other libraries are in the dependency group ``benchmarks``; one that is absent is said to be.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlsplit

from benchmarks.html_pages import make
from benchmarks.real_pages import between, fetched
from consentgate.asgi.startup.policy_file import load_catalogue, load_regimes
from consentgate.domain.choices import Choice
from consentgate.domain.policy.policy import HostPattern, Policy, Service
from consentgate.domain.regimes import UNKNOWN
from consentgate.domain.signals import NONE
from consentgate.formats.html.host_search import places
from consentgate.formats.html.rewriter import Rewriter
from consentgate.formats.html.suspects import suspects
from consentgate.formats.policy.reader import parse_policy
from consentgate.gates.outcomes import Outcomes
from consentgate.gates.pages.beacons import Beacons, verdicts_of
from consentgate.gates.plan import Plan
from consentgate.gates.visitors.visitor import Visitor
from examples.fastapi_app import pages as shop

SIZES = {
    "5 KB": (5_000, 2_500, 10_000),
    "50 KB": (50_000, 40_000, 70_000),
    "500 KB": (500_000, 180_000, 1_000_000),
}
"""What a made page has, and the bounds of real ones. None of the real ones has 500 KB."""
MOST_PAGES = 24
"""Real pages of one size."""
CHUNK = 16_384
NOW = 1_790_000_000
LOADS = ("src", "srcset", "href", "data", "poster")
TAGS = "script,img,iframe,link,source,video,audio,embed,object,input"
Rewrite = Callable[[bytes], object]
IsDenied = Callable[[str | None], bool]


def policy_of(count: int, known: bool) -> Policy:
    """A policy whose denied services have so many hosts together.

    Args:
        count: of hosts that are made up, of 100 services.
        known: whether the services that ship with consentgate are denied too.
    """
    text = "version = '1'\neffective = 2026-01-01\n"
    text += "[controller]\nname = 'B'\ncontact = 'p@shop.example'\n"
    catalogue = load_catalogue()
    keys = catalogue if known else ()
    text += "".join(f"[service.{key}]\nuse = '{key}'\n" for key in keys)
    shipped = parse_policy(text, catalogue=catalogue, regimes=load_regimes()["regime"])
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
    return replace(shipped, services=(*shipped.services, *services))


def ours(plan: Plan) -> Rewrite:
    """The rewriter for a visitor who has not chosen."""
    verdicts = verdicts_of(Outcomes(plan).of(Visitor(UNKNOWN), NOW))
    return lambda page: Rewriter(verdicts).close(page)


def searched(plan: Plan) -> Rewrite:
    """The search for what could be denied alone."""
    verdicts = verdicts_of(Outcomes(plan).of(Visitor(UNKNOWN), NOW))
    return lambda page: suspects(page, verdicts)


def searched_in_python(plan: Plan) -> Rewrite:
    """The same search where nothing could be compiled, but for the scripts that it leads to."""
    verdicts = verdicts_of(Outcomes(plan).of(Visitor(UNKNOWN), NOW))
    return lambda page: places(page, verdicts.hosts, verdicts.signatures)


class Scan(Rewriter):
    """The way over the tags alone: it looks for one thing, which stands where every page begins."""

    def _find_suspects(self, data: bytes) -> list[int]:
        return [0]


def scanned(plan: Plan) -> Rewrite:
    """The scan without the search."""
    verdicts = verdicts_of(Outcomes(plan).of(Visitor(UNKNOWN), NOW))
    return lambda page: Scan(verdicts).close(page)


def streamed(plan: Plan) -> Rewrite:
    """The same in pieces of 16 KB, as servers send them."""
    verdicts = verdicts_of(Outcomes(plan).of(Visitor(UNKNOWN), NOW))

    def rewrite(page: bytes) -> object:
        rewriter = Rewriter(verdicts)
        pieces = [rewriter.feed(page[at : at + CHUNK]) for at in range(0, len(page), CHUNK)]
        return [*pieces, rewriter.close()]

    return rewrite


def granted(plan: Plan) -> Rewrite:
    """A visitor who permits everything: only the head gets its markup."""
    purposes = dict.fromkeys(("functional", "statistics", "marketing"), True)
    choice = Choice(made_at=NOW, purposes=purposes)
    outcome = Outcomes(plan).of(Visitor(UNKNOWN, NONE, choice), NOW)
    return lambda page: Beacons(outcome, b"<script src=/x></script>", b"").close(page)


def denies(policy: Policy) -> IsDenied:
    """For the others: whether a host, or one that it is below of, is in the policy."""
    exact = {host.host for service in policy.services for host in service.hosts}
    below = {
        host.host
        for service in policy.services
        for host in service.hosts
        if host.includes_subdomains
    }

    def is_denied(host: str | None) -> bool:
        if not host or host in exact:
            return bool(host)
        labels = host.split(".")
        return any(".".join(labels[at:]) in below for at in range(1, len(labels) - 1))

    return is_denied


def host_of(value: str) -> str | None:
    """The host of an address, as the others are given it to look up."""
    try:
        return urlsplit(value).hostname
    except ValueError:
        return None


def by_lolhtml(is_denied: IsDenied) -> Rewrite:
    """python-lolhtml: a streaming rewriter in Rust. It takes ``<noscript>`` for text."""
    import lolhtml

    class Handler:
        def element(self, element: Any) -> None:
            for name in LOADS:
                value = element.get_attribute(name)
                if value and is_denied(host_of(value)):
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


def by_selectolax(is_denied: IsDenied) -> Rewrite:
    """selectolax (lexbor): a tree, written out again. Not byte for byte."""
    from selectolax.lexbor import LexborHTMLParser

    def rewrite(page: bytes) -> object:
        tree = LexborHTMLParser(page)
        for node in tree.css(TAGS):
            for name, value in node.attributes.items():
                if name in LOADS and value and is_denied(host_of(value)):
                    node.attrs["data-" + name] = value
                    del node.attrs[name]
        return tree.html

    return rewrite


def by_lxml(is_denied: IsDenied) -> Rewrite:
    """lxml (libxml2): an HTML 4 tree, written out again. Not byte for byte."""
    import lxml.html

    def rewrite(page: bytes) -> object:
        tree = lxml.html.document_fromstring(page)
        for node in tree.iter(*TAGS.split(",")):
            for name in LOADS:
                value = node.get(name)
                if value and is_denied(host_of(value)):
                    node.set("data-" + name, value)
                    del node.attrib[name]
        return lxml.html.tostring(tree)

    return rewrite


def by_html_parser(is_denied: IsDenied) -> Rewrite:
    """The standard library's parser, which only finds where the tags are."""
    tags = frozenset(TAGS.split(","))

    class Parser(HTMLParser):
        def __init__(self) -> None:
            super().__init__(convert_charrefs=False)
            self.found: list[tuple[int, int]] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag in tags and any(
                name in LOADS and value and is_denied(host_of(value)) for name, value in attrs
            ):
                self.found.append(self.getpos())

    def rewrite(page: bytes) -> object:
        parser = Parser()
        parser.feed(page.decode())
        parser.close()
        return parser.found

    return rewrite


OTHERS: dict[str, tuple[str, Callable[[IsDenied], Rewrite]]] = {
    "python-lolhtml": ("python-lolhtml", by_lolhtml),
    "selectolax": ("selectolax", by_selectolax),
    "lxml": ("lxml", by_lxml),
    "html.parser": ("", by_html_parser),
}


def rewriters(known: bool) -> dict[str, Rewrite]:
    """Every row's function, by name, for services that ship with consentgate or without them."""
    plans = {f"{count:,} hosts": Plan(policy_of(count, known)) for count in (1_000, 10_000)}
    plan = plans["1,000 hosts"]
    found: dict[str, Rewrite] = {"pass-through": lambda page: page + b""}
    found["granted"] = granted(plan)
    for name, one in plans.items():
        found[f"consentgate, {name}"] = ours(one)
    found["consentgate, search alone"] = searched(plan)
    found["consentgate, search in Python"] = searched_in_python(plan)
    found["consentgate, scan alone"] = scanned(plan)
    found["consentgate, in 16 KB pieces"] = streamed(plan)
    for name, (package, make_rewrite) in OTHERS.items():
        try:
            shown = f"{name} {version(package)}" if package else name
            found[shown] = make_rewrite(denies(plan.policy))
        except (PackageNotFoundError, ImportError):
            print(f"{name} is not installed: left out (pip install --group benchmarks)")
    return found


def measure(rewrite: dict[str, Rewrite], rounds: list[list[bytes]]) -> dict[str, float]:
    """Median seconds of processor time a byte takes each.

    Within a round one takes all its pages before the next takes them, as a server does one thing
    after another; each round begins with another.
    """
    samples: dict[str, list[float]] = {name: [] for name in rewrite}
    names = list(rewrite)
    for number, pages in enumerate(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            run = rewrite[name]
            started = time.thread_time()
            for page in pages:
                run(page)
            samples[name].append((time.thread_time() - started) / sum(map(len, pages)))
    return {name: statistics.median(times) for name, times in samples.items()}


def show(case: str, rewrite: dict[str, Rewrite], rounds: list[list[bytes]]) -> None:
    """One table."""
    pages = rounds[0]
    length = sum(map(len, pages)) / len(pages)
    print(f"\n{case} ({len(pages)} a round, {length:,.0f} bytes): µs a page, MB/s")
    for row, seconds in measure(rewrite, rounds).items():
        print(f"  {row:<32}{seconds * length * 1e6:10.1f}{1 / seconds / 1e6:10.0f}")


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
            size * measure({name: rewrite}, [[unit * (size // len(unit))]] * rounds)[name]
            for size in (100_000, 200_000)
        )
        print(f"  {name:<22}{one * 1e3:8.2f}{two * 1e3:8.2f}{two / one:6.1f}x")


def show_first_byte() -> None:
    """How much of the first 16 KB goes out before the second piece comes."""
    verdicts = verdicts_of(Outcomes(Plan(policy_of(1_000, False))).of(Visitor(UNKNOWN), NOW))
    page = make(500_000, ["h0.third0.example"])
    first = Rewriter(verdicts).feed(page[:CHUNK])
    print(f"\nFirst piece: {CHUNK} bytes in, {len(first)} bytes out at once")


def show_real(rewrite: dict[str, dict[str, Rewrite]], rounds: int) -> None:
    """The tables of real pages."""
    try:
        pages = fetched()
    except RuntimeError as error:
        print(f"no real pages: {error}", file=sys.stderr)
        return
    for size, (_, least, most) in SIZES.items():
        fitting = between(pages, least, most, MOST_PAGES)
        for kind, rows in rewrite.items():
            show(f"Real pages, {size}, {kind}", rows, [fitting] * rounds)


def show_made(rewrite: dict[str, dict[str, Rewrite]], rounds: int) -> None:
    """The tables of pages that are made, and of the demo shop's."""
    hosts = [f"h{number}.third{number}.example" for number in range(4)]
    for size, (length, _, _) in SIZES.items():
        for kind, rows in rewrite.items():
            named = hosts if kind == "tags denied" else []
            made = [[make(length, named, seed)] for seed in range(1, rounds + 1)]
            show(f"Made pages, {size}, {kind}", rows, made)
    stands = {"Google Analytics": hosts[0], "Meta Pixel": hosts[1], "YouTube": hosts[2]}
    page = shop.home("EUR", {**stands, "Google Fonts": hosts[3]}).encode()
    show("The demo shop's page", rewrite["tags denied"], [[page]] * rounds)


def main(arguments: list[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    chosen = parser.parse_args(arguments)
    rewrite = {"tags denied": rewriters(True), "nothing denied": rewriters(False)}
    print(f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} at the start")
    show_real(rewrite, chosen.rounds)
    show_made(rewrite, chosen.rounds)
    print(f"\nLoad {os.getloadavg()[0]:.1f} after the pages")
    show_first_byte()
    show_hostile(rewrite["nothing denied"]["consentgate, 1,000 hosts"], max(3, chosen.rounds // 5))


if __name__ == "__main__":
    main()
