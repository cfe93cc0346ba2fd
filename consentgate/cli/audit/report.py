"""Owns how an audit is told: on the terminal, and as one HTML file."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator, Sequence

from consentgate.cli.audit.findings import Finding, Keeper, Known
from consentgate.cli.audit.visits import Visit

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}td,th{border:1px solid #767676;padding:.3rem .5rem;"
    "text-align:left;vertical-align:top}img{max-width:100%;border:1px solid #767676}"
    ".found{color:#a30000;font-weight:600}"
)


def rows_of(visit: Visit, known: Known) -> Iterator[tuple[str, str, str]]:
    """What a visit saw: kind, name, and whose it is."""
    hosts = {one.host: one for one in reversed(visit.asked)}
    for host in sorted(hosts):
        yield "host", host, _whose(known.of_host(hosts[host]))
    for stored in visit.stored:
        whose = "the choice itself" if known.keeps_choice(stored) else ""
        yield stored.kind, stored.name, whose or _whose(known.of_item(stored))


def _whose(keeper: Keeper | None) -> str:
    return f"{keeper.name} ({', '.join(keeper.purposes)})" if keeper else "?"


def summary_of(visit: Visit, found: Sequence[Finding]) -> str:
    """One visit in a few words."""
    mine = [one for one in found if one.visit == visit.name]
    parts = [
        f"{len({one.host for one in visit.asked})} third parties asked",
        f"{len(visit.stored)} items stored",
        "all of it granted" if visit.grants else f"{len(mine)} without a grant",
    ]
    return ", ".join([*parts, *([visit.note] if visit.note else [])])


def lines_of(visits: Sequence[Visit], known: Known, found: Sequence[Finding]) -> Iterator[str]:
    """The report for a terminal."""
    for visit in visits:
        yield f"{visit.name}: {summary_of(visit, found)}"
        bad = {(one.kind, one.name) for one in found if one.visit == visit.name}
        for kind, name, whose in rows_of(visit, known):
            yield f"  {'!' if (kind, name) in bad else ' '} {kind:7} {name}  {whose}"
    yield ""
    yield (
        f"{len(found)} things happened that nobody had granted"
        if found
        else "nothing happened that nobody had granted"
    )


def html_report(url: str, visits: Sequence[Visit], known: Known, found: Sequence[Finding]) -> str:
    """The report as one file that needs no other."""
    parts = "".join(_section(visit, known, found) for visit in visits)
    title = f"Audit of {html.escape(url)}"
    count = f"{len(found)} without a grant" if found else "Nothing without a grant"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1><p>{count}</p>{parts}</body></html>"
    )


def _section(visit: Visit, known: Known, found: Sequence[Finding]) -> str:
    bad = {(one.kind, one.name) for one in found if one.visit == visit.name}
    rows = "".join(
        f"<tr{' class=found' if row[:2] in bad else ''}>"
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in row)
        + "</tr>"
        for row in rows_of(visit, known)
    )
    table = f"<table><tr><th>What<th>Name<th>Whose</tr>{rows}</table>" if rows else ""
    picture = base64.b64encode(visit.screenshot).decode()
    image = f'<p><img alt="" src="data:image/jpeg;base64,{picture}">' if picture else ""
    return (
        f"<h2>{html.escape(visit.name)}</h2><p>{html.escape(summary_of(visit, found))}</p>"
        f"{table}{image}"
    )
