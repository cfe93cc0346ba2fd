"""Owns the reports of one dimension, such as pages and countries; each a row of BREAKDOWNS."""

from __future__ import annotations

from dataclasses import dataclass

from consentgate.report.asking import Asking, Blocks, Published, joined
from consentgate.report.columns import MEASURES
from consentgate.report.coverage import share, sum_coverage
from consentgate.report.disclosure import OTHER
from consentgate.report.tables import Cell, Column, Table

MOST_ROWS = 100
_COUNTS = {
    "visits": "Visits",
    "views": "Page views",
    "requests": "Requests",
    "people": "Requests",
    "machines": "Requests",
    "events": "Times",
    "entry": "Begin here",
    "exit": "End here",
    "bounce": "Only page",
    "way": "Visits",
    "missing": "Requests",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown:
    """One report of one dimension."""

    name: str
    title: str
    question: str
    value_title: str
    measures: tuple[str, ...]
    """The first one orders the rows; ``entry``, ``exit``, ``bounce`` and ``way`` are of whole
    visits."""
    value: str = "''"
    """SQL of the value that a row has."""
    counted: str = ""
    """Dimension of the sums of visits without consent; empty: rows of all tiers have the value."""
    aged: str = ""
    """Dimension of the sums of rows that are deleted by now, without the measure."""
    where: str = "true"
    """More that a row must be."""
    is_crossed: bool = False
    """Whether two facts about visitors meet in a value."""


BREAKDOWNS = {
    one.name: one
    for one in (
        Breakdown(
            name="pages",
            title="Pages",
            question="Which pages are read, and where do visits begin?",
            value_title="Page",
            measures=("views", "visits", "exit", "bounce"),
            value="route",
            aged="route",
        ),
        Breakdown(
            name="entries",
            title="Entry pages",
            question="Where do visits begin?",
            value_title="Page",
            measures=("visits", "bounce"),
            value="route",
            aged="route",
        ),
        Breakdown(
            name="exits",
            title="Exit pages",
            question="Which page is the last of a visit?",
            value_title="Page",
            measures=("exit",),
        ),
        Breakdown(
            name="ways",
            title="From entry to exit",
            question="Which visits begin here and end there?",
            value_title="First and last page",
            measures=("way",),
            is_crossed=True,
        ),
        Breakdown(
            name="flows",
            title="Flows",
            question="Which page leads to which?",
            value_title="From and to",
            measures=("views",),
            value="prev || '\t' || route",
            where="prev is not null",
            is_crossed=True,
        ),
        Breakdown(
            name="sources",
            title="Sources",
            question="What kind of place do visits come from?",
            value_title="Kind of place",
            measures=("visits",),
            value="ref_class",
            aged="ref_class",
        ),
        Breakdown(
            name="referrers",
            title="Referring sites",
            question="Which sites do visits come from?",
            value_title="Site",
            measures=("visits",),
            value="ref_host",
            counted="ref_host",
            aged="ref_host",
            where="ref_class not in ('none', 'internal')",
        ),
        Breakdown(
            name="countries",
            title="Countries",
            question="Which countries do visits come from?",
            value_title="Country",
            measures=("visits",),
            value="country",
            counted="country",
            aged="country",
        ),
        Breakdown(
            name="languages",
            title="Languages",
            question="Which languages do visitors read?",
            value_title="Language",
            measures=("visits",),
            value="lang",
            counted="lang",
            aged="lang",
        ),
        Breakdown(
            name="browsers",
            title="Browsers",
            question="Which browsers are used?",
            value_title="Browser",
            measures=("visits",),
            value="browser",
            counted="browser",
            aged="browser",
        ),
        Breakdown(
            name="systems",
            title="Systems",
            question="Which operating systems are used?",
            value_title="System",
            measures=("visits",),
            value="os",
            counted="os",
            aged="os",
        ),
        Breakdown(
            name="devices",
            title="Devices",
            question="Which kinds of device are used?",
            value_title="Device",
            measures=("visits", "views"),
            value="device",
            aged="device",
        ),
        Breakdown(
            name="statuses",
            title="Status codes",
            question="How were requests answered?",
            value_title="Status",
            measures=("requests",),
            value="status",
            where="status > 0",
        ),
        Breakdown(
            name="bots",
            title="Bots",
            question="Which machines come, and why?",
            value_title="Bot and kind",
            measures=("machines",),
            value="bot || '\t' || bot_kind",
        ),
        Breakdown(
            name="ai",
            title="AI crawlers",
            question="Which machines read for AI?",
            value_title="Bot",
            measures=("machines",),
            value="bot",
            where="starts_with(bot_kind, 'ai')",
        ),
        Breakdown(
            name="features",
            title="Features",
            question="Which declared features are used?",
            value_title="Event",
            measures=("events",),
            value="event",
            counted="event",
        ),
    )
}
"""Every report of one dimension by its name."""
_SESSIONS = frozenset(("entry", "exit", "bounce", "way"))


def breakdown_table(asking: Asking, one: Breakdown) -> Table:
    """Make the report."""
    found = {measure: _published(asking, one, measure) for measure in one.measures}
    first = found[one.measures[0]]
    order = sorted(first.by_value, key=lambda value: (-first.by_value[value], value))
    shown = [value for value in order if value != OTHER][:MOST_ROWS]
    whole = first.total
    rows: list[list[Cell]] = [
        [
            *_texts(one, value),
            *(each.by_value.get(value) for each in found.values()),
            share(first.by_value[value], whole),
        ]
        for value in shown
    ]
    rest = whole - sum(first.by_value[value] for value in shown)
    if rest > 0:
        blanks: list[Cell] = [None] * (len(found) - 1)
        rows.append([OTHER, *[""] * (_width(one) - 1), rest, *blanks, share(rest, whole)])
    return Table(
        name=one.name,
        title=one.title,
        question=one.question,
        columns=[
            *_value_columns(one),
            *(Column(measure, _COUNTS[measure]) for measure in one.measures),
            Column("share", "Share", "%"),
        ],
        rows=rows,
        coverage=sum_coverage(asking, one.measures, one.counted, one.where, one.value),
    )


def _width(one: Breakdown) -> int:
    return 2 if " and " in one.value_title.lower() else 1


def _value_columns(one: Breakdown) -> list[Column]:
    titles = one.value_title.split(" and ", 1)
    return [
        Column("value" if number == 0 else "value2", title[:1].upper() + title[1:])
        for number, title in enumerate(titles)
    ]


def _texts(one: Breakdown, value: str) -> list[Cell]:
    return [*value.split("\t", 1)] if _width(one) == 2 else [value]


def _published(asking: Asking, one: Breakdown, measure: str) -> Published:
    name = f"{measure}|{one.value}|{one.where}"
    return asking.publish(name, _counts(asking, one, measure), is_crossed=one.is_crossed)


def _counts(asking: Asking, one: Breakdown, measure: str) -> Blocks:
    if measure in _SESSIONS:
        return asking.sums("sessions", measure)
    blocks = asking.rows(f"({MEASURES[measure]}) and ({one.where})", one.value)
    if one.aged and measure in ("visits", "views"):
        word = {"visits": "visit", "views": "view"}[measure]
        blocks = joined(blocks, asking.aged(f"{word}.{one.aged}"))
    return joined(blocks, asking.sums("t0", one.counted)) if one.counted else blocks
