"""Owns the reports' definitions as views of DuckDB, for programs that draw what they are told.

``.read views.sql`` in DuckDB, or as the initial SQL of Grafana, Metabase or Superset. They read the
compacted parts of today's schema alone, and leave out what fewer than five have. They do not round:
who may read the folder may read its rows.
"""

from __future__ import annotations

from collections.abc import Iterator

from consentgate.log.writing.layout import Layout
from consentgate.report.breakdowns import BREAKDOWNS
from consentgate.report.columns import DERIVED, MEASURES

LEAST, LEAST_CROSSED = 5, 10


def as_sql(layout: Layout, zone: str) -> bytes:
    """Write the views.

    Args:
        layout: of the site log.
        zone: of days and hours.
    """
    return ("\n".join(_views(layout, zone)) + "\n").encode()


def _views(layout: Layout, zone: str) -> Iterator[str]:
    files = f"{layout.events.resolve()}/*/*.parquet".replace("'", "''")
    derived = ",\n  ".join(f"{sql} as {name}" for name, sql in DERIVED.items())
    local = f"(ts at time zone '{zone}')"
    yield "-- Made by consentgate report --to sql; make it anew after an update."
    yield (
        f"create or replace view site_rows as select\n  {derived},\n  {local}::date as day, "
        f"hour({local}) as hour\nfrom read_parquet('{files}', union_by_name = true);"
    )
    for name, where in MEASURES.items():
        yield f"create or replace view site_{name} as select * from site_rows where {where};"
    for measure in ("visits", "views", "requests"):
        yield (
            f"create or replace view site_{measure}_by_day as select day, count(*) as n "
            f"from site_{measure} group by day having count(*) >= {LEAST};"
        )
    for one in BREAKDOWNS.values():
        measure = one.measures[0]
        if measure in MEASURES:
            least = LEAST_CROSSED if one.is_crossed else LEAST
            name = one.name.replace("-", "_")
            yield (
                f"-- {one.question}\ncreate or replace view report_{name} as select day, "
                f"({one.value})::varchar as value, count(*) as n from site_{measure} "
                f"where ({one.where}) and ({one.value}) is not null\n"
                f"group by all having count(*) >= {least};"
            )
