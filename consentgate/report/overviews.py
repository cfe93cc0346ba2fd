"""Owns the reports of the whole: overview, days, hours, visits as a whole, what came before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from consentgate.report.asking import Asking, Blocks, joined
from consentgate.report.coverage import all_visits, granted_coverage, share, sum_coverage
from consentgate.report.tables import Cell, Column, Table

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
Number = float | int | None


def visits_of(asking: Asking) -> int:
    """How many visits there were."""
    return asking.total("visits|", all_visits(asking))


def views_of(asking: Asking) -> int:
    """How many pages were seen."""
    return asking.total("views|", joined(asking.rows("views"), asking.aged("view")))


def _rows(measure: str) -> Callable[[Asking], Number]:
    return lambda asking: asking.total(f"{measure}|", asking.rows(measure))


def _visitors(asking: Asking) -> Number:
    return asking.total("visitors|", asking.sums("visitors", "visitors")) or None


def _each(asking: Asking, dim: str) -> Number:
    """A number for each whole visit; None where none is known."""
    visits = asking.total("sessions|", asking.sums("sessions", "sessions"))
    number = asking.total(f"{dim}|", asking.sums("sessions", dim))
    return round(number / visits, 1) if visits else None


def _bounces(asking: Asking) -> Number:
    visits = asking.total("sessions|", asking.sums("sessions", "sessions"))
    blocks: Blocks = {
        block: Counter({"1": counts["1"]})
        for block, counts in asking.sums("sessions", "pages").items()
    }
    return share(asking.total("bounces|", blocks), visits)


def _share_of_requests(measure: str) -> Callable[[Asking], Number]:
    def found(asking: Asking) -> Number:
        part = asking.total(f"{measure}|", asking.rows(measure))
        return share(part, asking.total("requests|", asking.rows("requests")))

    return found


def _sent(asking: Asking) -> Number:
    blocks = asking.rows("requests", number="coalesce(sum(bytes), 0)::bigint")
    total = sum(sum(counts.values()) for counts in blocks.values())
    return float(f"{total:.2g}")


FIGURES: tuple[tuple[str, str, str, Callable[[Asking], Number], str], ...] = (
    ("visits", "Visits", "", visits_of, "all visits"),
    ("views", "Page views", "", views_of, "all page views"),
    ("visitors", "Visitors, day by day", "", _visitors, "who granted statistics"),
    ("pages", "Pages a visit", "", lambda asking: _each(asking, "viewed"), "who granted"),
    ("minutes", "Minutes a visit", "min", lambda asking: _each(asking, "stayed"), "who granted"),
    ("bounces", "Visits of one page", "%", _bounces, "who granted statistics"),
    ("requests", "Requests", "", _rows("requests"), "all, machines included"),
    ("machines", "Requests of bots", "%", _share_of_requests("machines"), "declared machines"),
    ("suspects", "Requests that no browser sends", "%", _share_of_requests("suspects"), "all"),
    ("missing", "Not found", "%", _share_of_requests("missing"), "all requests"),
    ("errors", "Server errors", "%", _share_of_requests("errors"), "all requests"),
    ("sent", "Sent", "bytes", _sent, "all requests"),
)
"""Name, title, unit, number, and what it rests on."""


def overview(asking: Asking, before: Asking | None) -> Table:
    """The most asked numbers, beside those of the period before."""
    rows: list[list[Cell]] = []
    for _, title, unit, figure, basis in FIGURES:
        now, then = figure(asking), figure(before) if before is not None else None
        rows.append([title, now, then, change(now, then), unit, basis])
    return Table(
        name="overview",
        title="Overview",
        question="How many came, what did they read, and is it more than before?",
        columns=[
            Column("value", "Figure"),
            Column("number", "This period"),
            Column("before", "Period before"),
            Column("change", "Change", "%"),
            Column("note", "Unit"),
            Column("why", "Rests on"),
        ],
        rows=rows,
        coverage=f"All visits, where nothing else is said; {granted_coverage(asking)} have more",
        chart="",
    )


def change(now: Number, then: Number) -> float | None:
    """The change in percent; None where there is nothing to compare with."""
    if not now or not then:
        return None
    return round(100 * (now - then) / then, 1)


def days(asking: Asking, before: Asking | None) -> Table:
    """Visits and page views by day: days have numbers of their own, whatever the period."""
    dates = [str(day) for day in asking.period]
    visits = joined(asking.rows("visits", "day"), _by_day(asking, "visit"))
    views = joined(asking.rows("views", "day"), _by_day(asking, "view"))
    rows: list[list[Cell]] = []
    for day in dates:
        numbers = [
            asking.disclosure.total(f"{name}||{day}", sum(c[day] for c in blocks.values()))
            for name, blocks in (("visits|", visits), ("views|", views))
        ]
        rows.append([day, *numbers])
    return Table(
        name="days",
        title="Day by day",
        question="How did visits go day by day?",
        columns=[
            Column("value", "Day"),
            Column("visits", "Visits"),
            Column("views", "Page views"),
        ],
        rows=rows,
        coverage=sum_coverage(asking, ("visits",), value="''"),
        notes=[f"Days as in {asking.source.zone}; sums of deleted rows are by days of UTC"],
        chart="line",
    )


def _by_day(asking: Asking, word: str) -> Blocks:
    """Sums of deleted rows by day."""
    if asking.is_filtered:
        return {}
    found = asking.source.ask(
        "select cast(day as varchar), sum(n)::bigint from sums where source = 'aged' "
        "and dim in (?, ?, ?) group by all",
        *(f"{tier}|{word}" for tier in ("T0", "T1", "T2")),
    )
    return {"": Counter(dict(found))}


def hours(asking: Asking, before: Asking | None) -> Table:
    """Page views by weekday and hour: where two facts meet, ten are needed."""
    found = asking.publish(
        "views|weekday,hour", asking.rows("views", "weekday || ' ' || hour"), is_crossed=True
    )
    rows: list[list[Cell]] = [
        [name, *(found.by_value.get(f"{number} {hour}", 0) for hour in range(24))]
        for number, name in enumerate(WEEKDAYS, 1)
    ]
    return Table(
        name="hours",
        title="Weekdays and hours",
        question="When is the site read?",
        columns=[
            Column("value", "Weekday"),
            *(Column(f"h{hour:02}", f"{hour:02}") for hour in range(24)),
        ],
        rows=rows,
        coverage=sum_coverage(asking, ("views",), value="''"),
        notes=[f"Hours as in {asking.source.zone}; without consent no more than the hour is known"],
        chart="heat",
    )


def visit_sizes(asking: Asking, before: Asking | None) -> Table:
    """How many pages visits have, and how long they last."""
    rows: list[list[Cell]] = []
    for dim in ("pages", "minutes"):
        found = asking.publish(f"sessions|{dim}", asking.sums("sessions", dim))
        order = sorted(found.by_value, key=_step_order)
        rows += [[_sized(step, dim), found.by_value[step], share(found.by_value[step], found.total)]
                 for step in order]  # fmt: skip
    return Table(
        name="sessions",
        title="Visits as a whole",
        question="How many pages has a visit, and how long does it last?",
        columns=[
            Column("value", "Size"),
            Column("visits", "Visits"),
            Column("share", "Share", "%"),
        ],
        rows=rows,
        coverage=granted_coverage(asking),
        notes=["A visit ends after half an hour without a page, or where the next one begins"],
    )


def _sized(step: str, dim: str) -> str:
    return f"{step} {dim[:-1] if step in ('1', 'under 1') else dim}"


def _step_order(step: str) -> tuple[int, int]:
    digits = "".join(char if char.isdigit() else " " for char in step).split()
    number = int(digits[0]) if digits else 0
    return number + (1 if step.startswith("over") else 0), -step.startswith("under")
