"""Owns the sentence that says what a number rests on."""

from __future__ import annotations

from collections.abc import Sequence

from consentgate.report.asking import Asking, Blocks, joined

ALL_TIERS = ("route", "ref_class", "device", "status", "''")
"""Values that rows of every tier have."""
WITHOUT_SIGNALS = "visitors who send GPC or DNT are in none of it"


def share(part: int, whole: int) -> float | None:
    """A share in percent, one decimal; None of nothing."""
    return round(100 * part / whole, 1) if whole else None


def count_of(blocks: Blocks) -> int:
    """How many there are in truth; for shares of the whole alone."""
    return sum(sum(counts.values()) for counts in blocks.values())


def all_visits(asking: Asking) -> Blocks:
    """Every visit, those of deleted rows too."""
    return joined(asking.rows("visits"), asking.aged("visit"))


def sum_coverage(
    asking: Asking, measures: Sequence[str], counted: str = "", where: str = "true", value: str = ""
) -> str:
    """Say what a report of one dimension rests on.

    Args:
        asking: about which days and rows.
        measures: what it counts.
        counted: dimension of the sums of visits without consent; empty: none.
        where: more that its rows must be.
        value: SQL of its dimension.
    """
    sentence = _coverage(asking, measures, counted, where, value)
    if asking.is_filtered:
        narrowed = ", ".join(f"{name} {value}" for name, value in asking.filters.items())
        sentence += f". Only {narrowed}: numbers under 10 are left out, sums are not narrowed"
    return sentence


def _coverage(asking: Asking, measures: Sequence[str], counted: str, where: str, value: str) -> str:
    first = measures[0]
    if first == "machines":
        return "All requests of declared machines"
    if first == "requests":
        return "All requests, machines included"
    if first == "events":
        return f"All signs of interest; {WITHOUT_SIGNALS}"
    if first in ("exit", "way"):
        return granted_coverage(asking)
    if first == "views" and value not in ALL_TIERS:
        return _part(asking, "views", value, where, "page views")
    if value in ALL_TIERS:
        more = "; how visits end is known of those who granted" if "exit" in measures else ""
        return f"All {'page views' if first == 'views' else 'visits'}{more}"
    return _visits_coverage(asking, counted)


def _visits_coverage(asking: Asking, counted: str) -> str:
    whole = count_of(all_visits(asking))
    granted = count_of(asking.rows("visits", "case when tier <> 'T0' then '' end"))
    alone = count_of(asking.sums("t0", "visits")) if counted else 0
    if not whole:
        return "No visits"
    total = min(100, round(100 * (granted + alone) / whole))
    if not counted:
        return f"{total} % of visits: those who granted statistics"
    return (
        f"{total} % of visits: {round(100 * granted / whole)} % granted statistics, "
        f"{round(100 * alone / whole)} % were counted without consent, each fact by itself; "
        f"{WITHOUT_SIGNALS}"
    )


def _part(asking: Asking, measure: str, value: str, where: str, word: str) -> str:
    whole = count_of(asking.rows(measure))
    known = count_of(asking.rows(measure, f"case when {where} then {value} end"))
    return f"{round(100 * known / whole) if whole else 0} % of {word}: those who granted statistics"


def granted_coverage(asking: Asking) -> str:
    """Say how many visits are known as a whole."""
    whole = count_of(all_visits(asking))
    known = count_of(asking.sums("sessions", "sessions"))
    part = min(100, round(100 * known / whole)) if whole else 0
    return f"{part} % of visits: those who granted statistics"
