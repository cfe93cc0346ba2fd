"""Owns which reports there are, and how they are made together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from consentgate.errors import SettingError
from consentgate.log.writing.layout import Layout
from consentgate.report import overviews, particulars
from consentgate.report.asking import Asking
from consentgate.report.breakdowns import BREAKDOWNS, Breakdown, breakdown_table
from consentgate.report.disclosure import Disclosure
from consentgate.report.periods import Period
from consentgate.report.source import Source, rounding_key
from consentgate.report.tables import Table

Maker = Callable[[Asking, Asking | None], Table]


def _breakdown(one: Breakdown, asking: Asking, before: Asking | None) -> Table:
    return breakdown_table(asking, one)


_ONE = {name: partial(_breakdown, one) for name, one in BREAKDOWNS.items()}
REPORTS: Mapping[str, Maker] = {
    "overview": overviews.overview,
    "days": overviews.days,
    "pages": _ONE["pages"],
    "entries": _ONE["entries"],
    "exits": _ONE["exits"],
    "ways": _ONE["ways"],
    "flows": _ONE["flows"],
    "sessions": overviews.visit_sizes,
    "features": _ONE["features"],
    "sources": _ONE["sources"],
    "referrers": _ONE["referrers"],
    "campaigns": particulars.campaigns,
    "countries": _ONE["countries"],
    "languages": _ONE["languages"],
    "devices": _ONE["devices"],
    "browsers": _ONE["browsers"],
    "systems": _ONE["systems"],
    "hours": overviews.hours,
    "consent": particulars.consent,
    "consent-days": particulars.consent_days,
    "signals": particulars.signals,
    "returning": particulars.returning,
    "statuses": _ONE["statuses"],
    "broken": particulars.broken,
    "latency": particulars.latency,
    "bots": _ONE["bots"],
    "ai": _ONE["ai"],
    "notes": particulars.versions,
    "unanswered": particulars.unanswered,
}
"""Every report by its name, in the order of the page."""
QUESTIONS = {
    **dict.fromkeys(REPORTS, ""),
    **{name: one.question for name, one in BREAKDOWNS.items()},
    "overview": "How many came, what did they read, and is it more than before?",
    "days": "How did visits go day by day?",
    "sessions": "How many pages has a visit, and how long does it last?",
    "campaigns": "Which campaigns and advertisements bring visits?",
    "hours": "When is the site read?",
    "consent": "How many are asked, and what do they answer?",
    "consent-days": "How do answers go day by day?",
    "signals": "How many browsers send GPC or DNT?",
    "returning": "How many come back within a month?",
    "broken": "What was not found, and which page links there?",
    "latency": "How long do answers take?",
    "notes": "What changed meanwhile?",
    "unanswered": "What can this log not answer, and why?",
}
"""What each report answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Reports of one period, with what could not be read."""

    site: str
    period: Period
    zone: str
    filters: Mapping[str, str]
    tables: Sequence[Table]
    problems: Sequence[str]
    rounding: str
    """How the numbers were made safe to publish, in a sentence."""


def make_reports(
    layout: Layout,
    period: Period,
    names: Sequence[str] = (),
    *,
    site: str = "",
    zone: str = "UTC",
    filters: Mapping[str, str] | None = None,
    compares: bool = True,
    disclosure: Disclosure | None = None,
) -> Made:
    """Make reports of a site log.

    Args:
        layout: of the site log.
        period: days in the site's zone.
        names: of REPORTS; none: all.
        site: whose log it is.
        zone: of days and hours.
        filters: names of FILTERS to the value that rows must have.
        compares: whether the overview says what was before.
        disclosure: what may be published; None: by the key beside the log.

    Raises:
        LogError: there is no log, or the key cannot be made.
        SettingError: a report, a filter or a zone is not known.
    """
    unknown = [name for name in names if name not in REPORTS]
    if unknown:
        raise SettingError(f"{unknown[0]}: no such report; expected one of {', '.join(REPORTS)}")
    wanted = [name for name in REPORTS if name in names] if names else list(REPORTS)
    earlier = period.before()
    is_compared = compares and "overview" in wanted
    whole = Period(earlier.since, period.until) if is_compared else period
    source = Source(layout, whole, zone, period)
    rules = disclosure or Disclosure(rounding_key(layout))
    asking = Asking(source, period, rules, filters)
    before = Asking(source, earlier, rules, filters) if is_compared else None
    tables = [REPORTS[name](asking, before) for name in wanted]
    return Made(
        site=site,
        period=period,
        zone=zone,
        filters=asking.filters,
        tables=tables,
        problems=source.problems.said,
        rounding=rounding_of(rules),
    )


def rounding_of(rules: Disclosure) -> str:
    """Say how numbers are made safe."""
    if rules.step == 1:
        return "Numbers are exact"
    return (
        f"Numbers are rounded to multiples of {rules.step}; fewer than {rules.least} are left out, "
        f"fewer than {rules.least_crossed} where two facts about visitors meet or a filter is set"
    )
