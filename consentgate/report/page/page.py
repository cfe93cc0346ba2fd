"""Owns the page: one file without a script, which asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import partial
from importlib.resources import files
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from consentgate.memo import remember
from consentgate.report.making import Made
from consentgate.report.outputs.documents import cell_text
from consentgate.report.page.charts import bar, heat, lines
from consentgate.report.periods import Period
from consentgate.report.tables import Cell, Column, Table

MOST_ROWS = 10
WIDE = frozenset(("days", "hours", "consent", "consent-days", "latency", "pages", "unanswered"))
_TILES = 12


@remember(4)
def _shipped(name: str) -> str:
    return (files("consentgate") / "data" / "report" / name).read_text(encoding="utf-8")


def page_policy(*, has_form: bool = False) -> str:
    """The page's Content-Security-Policy: its own style by hash, and nothing else."""
    style = _shipped("style.css").encode()
    digest = base64.b64encode(hashlib.sha256(style).digest()).decode()
    target = "'self'" if has_form else "'none'"
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action {target}"


def as_page(made: Made, form: Markup | str = "") -> bytes:
    """Write the whole page.

    Args:
        made: the reports.
        form: what narrows the reports, where somebody answers.
    """
    style = _shipped("style.css")
    tables = {table.name: table for table in made.tables}
    page = Environment(autoescape=True).from_string(_shipped("page.html"))
    return page.render(
        site=made.site or "Site log",
        span=span_of(made.period),
        days=made.period.days,
        zone=made.zone,
        filters=sorted(made.filters.items()),
        problems=made.problems,
        form=form,
        csp=page_policy(has_form=bool(form)),
        style=Markup(style),
        tiles=_tiles(tables.get("overview")),
        cards=[_card(table) for table in made.tables if table.name != "overview"],
        rounding=made.rounding,
    ).encode()


def _tiles(table: Table | None) -> list[dict[str, Any]]:
    tiles = []
    for title, number, _, change, unit, basis in table.rows[:_TILES] if table is not None else ():
        tiles.append(
            {
                "title": title,
                "number": _with_unit(number, str(unit)),
                "change": _change(change),
                "basis": basis,
            }
        )
    return tiles


def _change(change: Cell) -> str:
    """The change on the period before, in words that need no colour."""
    if not isinstance(change, int | float):
        return ""
    if not change:
        return "as before"
    return f"{'▲' if change > 0 else '▼'} {abs(change):.1f} % on before"


def span_of(period: Period) -> str:
    """The days as people write them: ``1 to 30 November 2026``."""
    first, last = period.since, period.until
    end = f"{last.day} {last:%B %Y}"
    if first == last:
        return end
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {end}"
    year = "" if first.year == last.year else f" {first.year}"
    return f"{first.day} {first:%B}{year} to {end}"


def _with_unit(number: Cell, unit: str) -> str:
    if unit == "bytes" and isinstance(number, int | float):
        power = 0
        while number >= 1_000 and power < 4:
            number, power = number / 1_000, power + 1
        return f"{number:,.3g} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"
    text = cell_text(Column("number", "", unit), number)
    return f"{text} {unit}" if unit not in ("", "%") and number is not None else text


def _card(table: Table) -> dict[str, Any]:
    has_bars = table.chart == "bars" and any(one.is_number for one in table.columns)
    rows = table.rows if table.chart in ("line", "heat") else table.rows[:MOST_ROWS]
    if table.name in ("consent", "broken", "campaigns"):
        rows = table.rows[:36]
    longest = _longest(table, rows)
    return {
        "name": table.name,
        "title": table.title,
        "question": table.question,
        "coverage": table.coverage,
        "notes": table.notes,
        "is_wide": table.name in WIDE,
        "is_folded": table.chart in ("line", "heat") and bool(table.rows),
        "has_bars": has_bars and table.name != "consent",
        "heads": table.columns,
        "chart": _chart(table),
        "rows": [
            {
                "cells": [
                    {"text": cell_text(one, cell), "is_number": one.is_number}
                    for one, cell in zip(table.columns, row, strict=True)
                ],
                "bar": bar(_number(table, row) / longest) if has_bars and longest else "",
            }
            for row in rows
        ],
        "more": len(table.rows) - len(rows),
    }


def _number(table: Table, row: Sequence[Cell]) -> float:
    """The first number of a row, which its bar shows."""
    cells = (cell for one, cell in zip(table.columns, row, strict=True) if one.is_number)
    first = next(cells, 0)
    return float(first) if isinstance(first, int | float) else 0.0


def _longest(table: Table, rows: Sequence[Sequence[Cell]]) -> float:
    return max(map(partial(_number, table), rows), default=0.0)


def _chart(table: Table) -> Markup:
    if not table.rows:
        return Markup()
    if table.chart == "line":
        series = [
            (one.title, [_float(row[at]) for row in table.rows])
            for at, one in enumerate(table.columns)
            if one.is_number
        ]
        return lines([str(row[0]) for row in table.rows], series, table.title)
    if table.chart == "heat":
        numbers = [(str(row[0]), [int(_float(cell)) for cell in row[1:]]) for row in table.rows]
        return heat(numbers, table.title)
    return Markup()


def _float(cell: Cell) -> float:
    return float(cell) if isinstance(cell, int | float) else 0.0
