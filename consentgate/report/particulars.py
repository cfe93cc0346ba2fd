"""Owns the reports of their own shape, such as campaigns and consent, and what none can answer."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping

from consentgate.formats.urls.campaigns import medium_class, source_class
from consentgate.log.counts.choices import ACTS
from consentgate.report.asking import Asking, Blocks, joined, renamed
from consentgate.report.columns import PEOPLE
from consentgate.report.coverage import all_visits, share, sum_coverage
from consentgate.report.disclosure import OTHER
from consentgate.report.tables import Cell, Column, Table

CAMPAIGN_KINDS = (
    ("Source", "utm_source", "q['utm_source']", source_class),
    ("Medium", "utm_medium", "q['utm_medium']", medium_class),
    ("Campaign", "campaign", "q['utm_campaign']", str.lower),
)
MOST_ROUTES = 50


def campaigns(asking: Asking, before: Asking | None) -> Table:
    """Tagged visits: with consent by their own words, without by class and declared name."""
    rows: list[list[Cell]] = []
    for title, dim, value, class_of in CAMPAIGN_KINDS:
        known = _as_classes(asking.rows("visits", value), class_of)
        found = asking.publish(f"visits|{dim}", joined(known, asking.sums("t0", dim)))
        rows += _ordered(title, found.by_value, found.other)
    clicks = joined(
        asking.rows(f"{PEOPLE} and entry and paid", "'any, with consent'"),
        asking.sums("t0", "click"),
    )
    found = asking.publish("visits|click", clicks)
    rows += _ordered("Click of an advertisement", found.by_value, found.other)
    return Table(
        name="campaigns",
        title="Campaigns",
        question="Which campaigns and advertisements bring visits?",
        columns=[
            Column("value", "Fact"),
            Column("value2", "Value"),
            Column("visits", "Visits"),
        ],
        rows=rows,
        coverage=sum_coverage(asking, ("visits",), "campaign", value="q"),
        notes=[
            "Without consent only classes and the names in [log] campaigns are counted; the rest "
            "is (other)"
        ],
    )


def _as_classes(blocks: Blocks, class_of: Callable[[str], str]) -> Blocks:
    values = {value for counts in blocks.values() for value in counts}
    return renamed(blocks, {value: class_of(value) for value in values})


def _ordered(title: str, by_value: Mapping[str, int], other: int) -> list[list[Cell]]:
    order = sorted(by_value, key=lambda value: (-by_value[value], value))
    rows: list[list[Cell]] = [[title, value, by_value[value]] for value in order if value != OTHER]
    rest = other + by_value.get(OTHER, 0)
    return [*rows, [title, OTHER, rest]] if rest else rows


DIMS = (
    ("all", "All"),
    ("version", "Policy"),
    ("regime", "Rules"),
    ("country", "Country"),
    ("lang", "Language"),
    ("position", "Position"),
    ("signal", "Signal"),
)
ANSWERS = ("accepted", "refused", "partly", "dismissed")


def consent(asking: Asking, before: Asking | None) -> Table:
    """The funnel: visits that were asked, what they answered, and the rates, by each dimension."""
    rows: list[list[Cell]] = []
    for dim, title in DIMS:
        numbers: dict[str, Counter[str]] = defaultdict(Counter)
        for act in ACTS:
            blocks = asking.sums("consent", f"{act}|{dim}")
            found = asking.publish(f"{act}|{dim}", blocks)
            for value, n in {**found.by_value, OTHER: found.other}.items():
                numbers[value][act] += n
        for value in sorted(numbers, key=lambda value: -numbers[value]["shown"]):
            if any(numbers[value].values()):
                rows.append([title, value or "all", *_funnel(numbers[value])])
    return Table(
        name="consent",
        title="Consent",
        question="How many are asked, and what do they answer?",
        columns=[
            Column("value", "By"),
            Column("value2", "Value"),
            *(Column(act, act.capitalize()) for act in ACTS),
            Column("answered", "Answered", "%"),
            Column("rate", "Accepted of answers", "%"),
        ],
        rows=rows,
        coverage="All visitors, those with GPC or DNT too; each dimension is counted by itself",
        notes=[
            "Shown counts pages, asked counts visits that begin with the first layer; where caches "
            "share pages, only those that the server made"
        ],
    )


def _funnel(numbers: Counter[str]) -> list[Cell]:
    answers = sum(numbers[act] for act in ANSWERS)
    rate = share(numbers["accepted"], answers)
    answered = share(min(answers, numbers["asked"]), numbers["asked"])
    return [*(numbers[act] for act in ACTS), answered, rate]


def consent_days(asking: Asking, before: Asking | None) -> Table:
    """The answers day by day."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    if not asking.is_filtered:
        for day, act, n in asking.source.ask(
            "select cast(day as varchar), split_part(dim, '|', 1), sum(n)::bigint from sums "
            "where source = 'consent' and dim like '%|all' group by all"
        ):
            found[day][act] = asking.disclosure.total(f"{act}|all||{day}", n)
    rows: list[list[Cell]] = [
        [str(day), found[str(day)]["accepted"], found[str(day)]["refused"]]
        for day in asking.period
    ]  # fmt: skip
    return Table(
        name="consent-days",
        title="Consent day by day",
        question="How do answers go day by day?",
        columns=[
            Column("value", "Day"),
            Column("accepted", "Accepted"),
            Column("refused", "Refused"),
        ],
        rows=rows if any(row[1] or row[2] for row in rows) else [],
        coverage="All visitors, those with GPC or DNT too; days are UTC",
        chart="line",
    )


def signals(asking: Asking, before: Asking | None) -> Table:
    """Which share of visits says no by its browser."""
    whole = asking.total("visits|", all_visits(asking))
    rows: list[list[Cell]] = []
    for signal, title in (("gpc", "Global Privacy Control"), ("dnt", "Do Not Track")):
        blocks = asking.rows(f"{PEOPLE} and entry and list_contains(sig, '{signal}')")
        n = asking.total(f"visits|{signal}", blocks)
        rows.append([title, n, share(n, whole)])
    return Table(
        name="signals",
        title="Signals",
        question="How many browsers send GPC or DNT?",
        columns=[
            Column("value", "Signal"),
            Column("visits", "Visits"),
            Column("share", "Share of visits", "%"),
        ],
        rows=rows,
        coverage="All visits",
    )


def latency(asking: Asking, before: Asking | None) -> Table:
    """How long answers took, by route."""
    narrowed = f"{PEOPLE} and kind in ('page', 'api', 'form') and dur_us is not null"
    value = "dur_us || '\t' || coalesce(route, '')"
    steps: dict[str, Counter[int]] = defaultdict(Counter)
    for blocks in (asking.rows(narrowed, value), asking.aged("latency")):
        for counts in blocks.values():
            for text, n in counts.items():
                step, _, route = text.partition("\t")
                steps[route][int(step)] += n
                steps["all"][int(step)] += n
    least = asking.disclosure.least_crossed
    known = {route: sums for route, sums in steps.items() if sums.total() >= least}
    order = sorted(known, key=lambda route: (route != "all", -known[route].total(), route))
    rows: list[list[Cell]] = [
        [
            route,
            asking.disclosure.number(f"timed|{route}|{asking.period}", known[route].total()),
            *(percentile(known[route], part) for part in (50, 75, 95, 99)),
        ]
        for route in order[:MOST_ROUTES]
    ]
    return Table(
        name="latency",
        title="Speed",
        question="How long do answers take?",
        columns=[
            Column("value", "Route"),
            Column("requests", "Requests"),
            *(Column(f"p{part}", f"{part} % within, ms", "ms") for part in (50, 75, 95, 99)),
        ],
        rows=rows,
        coverage="All requests of people for pages, forms and APIs",
        chart="",
    )


def percentile(steps: Counter[int], part: int) -> float:
    """The milliseconds within which that part of answers came."""
    left = -(-steps.total() * part // 100)
    for step in sorted(steps):
        left -= steps[step]
        if left <= 0:
            return round(step / 1_000, 1)
    return 0.0


def broken(asking: Asking, before: Asking | None) -> Table:
    """What was asked for and not there, and which of our pages link to it."""
    rows: list[list[Cell]] = []
    found = asking.publish("missing|route", asking.rows("missing", "route"))
    rows += _ordered("Not found", found.by_value, found.other)
    linking = asking.sums("t0", "broken")
    if asking.is_filtered:
        linking = asking.rows(f"status in (404, 410) and {PEOPLE}", "prev")
    found = asking.publish("broken|prev", linking)
    rows += _ordered("Linked from", found.by_value, found.other)
    paths = asking.publish(
        "missing|path", asking.rows(f"status in (404, 410) and {PEOPLE}", "path")
    )
    rows += _ordered("Address", paths.by_value, 0)[:MOST_ROUTES]
    return Table(
        name="broken",
        title="Broken links",
        question="What was not found, and which page links there?",
        columns=[
            Column("value", "Fact"),
            Column("value2", "Value"),
            Column("requests", "Requests"),
        ],
        rows=rows,
        coverage="All requests; addresses are known of visitors who granted statistics",
    )


def returning(asking: Asking, before: Asking | None) -> Table:
    """Who came on more than one day of a month, of those who agreed to be recognised."""
    found = asking.source.ask(
        "select month, count(*), count(*) filter (days > 1) from (select strftime(day, '%Y-%m') as "
        "month, subject, count(distinct day) as days from rows where subject is not null "
        "group by all) group by all order by month"
    )
    rows: list[list[Cell]] = []
    for month, subjects, again in found if not asking.is_filtered else []:
        n = asking.disclosure.total(f"subjects|{month}|{asking.period}", subjects)
        back = asking.disclosure.total(f"again|{month}|{asking.period}", again)
        rows.append([month, max(0, n - back), back, share(back, n)])
    return Table(
        name="returning",
        title="New and returning",
        question="How many come back within a month?",
        columns=[
            Column("value", "Month"),
            Column("new", "On one day"),
            Column("returning", "On several days"),
            Column("share", "Returning", "%"),
        ],
        rows=rows,
        coverage="Visitors who granted [log] longitudinal_purpose, for as long as rows are kept",
        notes=[] if rows else ["Nobody is recognised across days: [log] longitudinal is off"],
    )


def versions(asking: Asking, before: Asking | None) -> Table:
    """When each policy was in force: rates change with what is asked."""
    found = asking.source.ask(
        "select v, min(day), max(day), count(*) from rows where v <> '' "
        f"and day between '{asking.period.since}' and '{asking.period.until}' "
        "group by v order by min(day)"
    )
    rows: list[list[Cell]] = [
        [f"Policy {version}", str(first), str(last)]
        for version, first, last, n in found
        if n >= asking.disclosure.least
    ]
    return Table(
        name="notes",
        title="Notes",
        question="What changed meanwhile?",
        columns=[Column("value", "What"), Column("note", "From"), Column("why", "Until")],
        rows=rows,
        coverage="All rows",
        chart="",
    )


UNANSWERED = (
    ("City", "A place is looked up for its rules and cut to the country before it is written."),
    ("Search terms", "Search engines do not tell them; what visitors type here is not kept."),
    ("Age, gender, interests", "Nothing about a person is kept or guessed."),
    ("One visitor's way", "Rows of different days link to nobody; small flows are left out."),
    ("Visitors across months", "Keys of recognition last a month at most."),
)
"""Questions without an answer, and why."""


def unanswered(asking: Asking, before: Asking | None) -> Table:
    """What this log cannot answer, by design."""
    return Table(
        name="unanswered",
        title="What is not known",
        question="What can this log not answer, and why?",
        columns=[Column("value", "Question"), Column("why", "Why")],
        rows=[list(pair) for pair in UNANSWERED],
        coverage="By design",
        chart="",
    )
