"""Owns running the standing test: pages, modes and visitors, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, BrowserType

from benchmarks.standing.judging import Bench, Case, Fault
from benchmarks.standing.parties import Parties, parties
from benchmarks.standing.site import HOST, MODES, Mode, app_of, policy_of, serving
from benchmarks.standing.visits import ALL, Seen, states, visitor

ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--ignore-certificate-errors",
    # the browser's own questions to its vendor are nobody's leak
    "--disable-features=AutofillServerCommunication",
    "--disable-extensions",
]


@dataclass(frozen=True)
class Judged:
    """One cell with what differs in it."""

    case: Case
    keys: tuple[str, ...]
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class World:
    """What a run needs: the stand-ins, a browser that takes them for everybody, a certificate."""

    parties: Parties
    browser: Browser
    certificate: tuple[Path, Path]


@contextmanager
def world(folder: Path, kind: BrowserType, executable: str) -> Iterator[World]:
    """Start the stand-ins and a Chromium that resolves every host but the site's own to them.

    Args:
        folder: gets the certificate.
        kind: Playwright's Chromium.
        executable: path of the browser.
    """
    with parties(folder) as running:
        rules = f"MAP {HOST} 127.0.0.1, MAP * 127.0.0.1:{running.port}, EXCLUDE 127.0.0.1"
        arguments = [*ARGUMENTS, f"--host-resolver-rules={rules}"]
        browser = kind.launch(executable_path=executable, args=arguments)
        try:
            yield World(running, browser, (folder / "third.pem", folder / "third.key"))
        finally:
            browser.close()


def baseline_of(here: World, keys: list[str]) -> dict[bool, Seen]:
    """What the page asks for without the gate, with script and without."""
    bench = Bench(policy_of(keys, MODES[0]), {})
    here.parties.owners_of = bench.owners_of
    found = {}
    with serving(app_of(keys, None), here.certificate) as base:
        for has_script in (True, False):
            with visitor(here.browser, here.parties, base, has_script=has_script) as visiting:
                found[has_script] = visiting.look()
    return found


def judged(
    here: World,
    keys: list[str],
    *,
    modes: Iterable[Mode] = MODES,
    scripts: Iterable[bool] = (True, False),
    wanted: tuple[str, ...] = ALL,
) -> Iterator[Judged]:
    """Judge one page with the lines of these services, in every mode and state."""
    baseline = baseline_of(here, keys)
    for mode in modes:
        policy = policy_of(keys, mode)
        bench = Bench(policy, baseline)
        here.parties.owners_of = bench.owners_of
        with serving(app_of(keys, policy), here.certificate) as base:
            for has_script in scripts:
                with visitor(here.browser, here.parties, base, has_script=has_script) as one:
                    for state, seen in states(one, wanted):
                        case = Case(mode, has_script, state)
                        faults = list(bench.faults(case, seen))
                        if any(fault.kind == "missing" for fault in faults):
                            # slow is not away: what is missing twice is
                            again = set(bench.faults(case, one.look()))
                            faults = [
                                fault
                                for fault in faults
                                if fault.kind != "missing" or fault in again
                            ]
                        yield Judged(case, tuple(keys), tuple(faults))
