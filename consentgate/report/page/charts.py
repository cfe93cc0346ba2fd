"""Owns the charts: static SVG without a script or a style of its own, readable in any colours."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

WIDTH, HEIGHT = 960, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 12, 26


def bar(part: float) -> Markup:
    """A bar of a table's row; ``part``: of the longest one, 0 to 1."""
    length = max(0.0, min(100.0, 100 * part))
    return Markup(
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="b0" width="100" height="10"/><rect class="b1" width="{:.1f}" height="10"/>'
        "</svg>"
    ).format(length)


def lines(days: Sequence[str], series: Sequence[tuple[str, Sequence[float]]], title: str) -> Markup:
    """One or two lines over days, with a legend and a title for each day.

    Args:
        days: dates, oldest first.
        series: name and a number for each day; the first one is filled.
        title: what the chart shows, for who does not see it.
    """
    top = _nice(max((max(values, default=0) for _, values in series), default=0))
    parts = [_frame(days, top)]
    for number, (_, values) in enumerate(series[:2], 1):
        points = [(_x(at, len(days)), _y(value, top)) for at, value in enumerate(values)]
        parts.append(_line(points, number))
    parts += _titles(days, series)
    svg = Markup(
        '<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(WIDTH, HEIGHT, _said(title, days, series), Markup("").join(parts))  # fmt: skip
    return _legend([name for name, _ in series[:2]]) + svg


def _said(title: str, days: Sequence[str], series: Sequence[tuple[str, Sequence[float]]]) -> str:
    """The chart in a sentence: the table beside it has every number."""
    facts = [
        f"{name}: {min(values):,.0f} to {max(values):,.0f}" for name, values in series if values
    ]
    return f"{title}, {days[0]} to {days[-1]}; {'; '.join(facts)}" if days else title


def _x(at: int, count: int) -> float:
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * (at / (count - 1) if count > 1 else 0.5)


def _y(value: float, top: float) -> float:
    return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (value / top if top else 0)


def _nice(most: float) -> float:
    """The end of an axis: 1, 2, 2.5 or 5 times a power of ten."""
    if most <= 0:
        return 10
    power = 10 ** math.floor(math.log10(most))
    return next(float(step * power) for step in (1, 2, 2.5, 5, 10) if most <= step * power)


def _frame(days: Sequence[str], top: float) -> Markup:
    parts = []
    for number in range(5):
        value = top * number / 4
        y = _y(value, top)
        parts.append(
            Markup(
                '<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>'
                '<text class="tick" x="{}" y="{:.1f}" text-anchor="end">{:,.0f}</text>'
            ).format(_LEFT, WIDTH - _RIGHT, y, y, _LEFT - 8, y + 4, value)
        )
    every = max(1, math.ceil(len(days) / 8))
    for at in range(0, len(days), every):
        anchor = "start" if at == 0 else "middle"
        parts.append(
            Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="{}">{}</text>').format(
                _x(at, len(days)), HEIGHT - 8, anchor, days[at][5:]
            )
        )
    return Markup("").join(parts)


def _line(points: Sequence[tuple[float, float]], number: int) -> Markup:
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    area = ""
    if number == 1 and points:
        floor = HEIGHT - _BOTTOM
        corners = f"{points[0][0]:.1f},{floor} {text} {points[-1][0]:.1f},{floor}"
        area = Markup('<polygon class="a1" points="{}"/>').format(corners)
    return Markup('{}<polyline class="l{}" points="{}"/>').format(area, number, text)


def _titles(days: Sequence[str], series: Sequence[tuple[str, Sequence[float]]]) -> list[Markup]:
    """What a pointer that rests on a day is told."""
    width = (WIDTH - _LEFT - _RIGHT) / max(1, len(days))
    return [
        Markup(
            '<rect class="hit" x="{:.1f}" y="{}" width="{:.1f}" height="{}">'
            "<title>{}</title></rect>"
        ).format(
            _x(at, len(days)) - width / 2,
            _TOP,
            width,
            HEIGHT - _TOP - _BOTTOM,
            f"{day}: " + ", ".join(f"{values[at]:,.0f} {name.lower()}" for name, values in series),
        )
        for at, day in enumerate(days)
    ]


def _legend(names: Sequence[str]) -> Markup:
    items = Markup("").join(
        Markup(
            '<li><svg viewBox="0 0 26 10" aria-hidden="true">'
            '<line class="l{}" x1="1" x2="25" y1="5" y2="5"/></svg>{}</li>'
        ).format(number, name)
        for number, name in enumerate(names, 1)
    )
    return Markup('<ul class="legend">{}</ul>').format(items)


def heat(rows: Sequence[tuple[str, Sequence[int]]], title: str) -> Markup:
    """Weekdays by hours: the darker, the more.

    Args:
        rows: name and 24 numbers each.
        title: what the chart shows, for who does not see it.
    """
    most = max((max(values, default=0) for _, values in rows), default=0)
    parts = []
    for hour in range(0, 24, 3):
        parts.append(
            Markup('<text class="tick" x="{}" y="14">{:02}:00</text>').format(84 + hour * 36, hour)
        )
    for number, (name, values) in enumerate(rows):
        y = 22 + number * 30
        parts.append(Markup('<text class="tick" x="0" y="{}">{}</text>').format(y + 18, name))
        parts += [_cell(84 + hour * 36, y, n, most, f"{name} {hour:02}:00") for hour, n in
                  enumerate(values)]  # fmt: skip
    peak = max(((n, name, hour) for name, values in rows for hour, n in enumerate(values)),
               default=(0, "", 0))  # fmt: skip
    said = f"{title}; most on {peak[1]} at {peak[2]:02}:00" if peak[0] else title
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        84 + 24 * 36, 24 + len(rows) * 30, said, Markup("").join(parts)
    )


def _cell(x: int, y: int, n: int, most: int, when: str) -> Markup:
    shown = "fewer than may be shown" if not n else f"{n:,}"
    strength = 0.12 + 0.88 * n / most if n and most else 0
    paint = (
        Markup('class="heat" fill-opacity="{:.2f}"').format(strength)
        if n
        else Markup('class="heat0"')
    )
    return Markup(
        '<rect x="{}" y="{}" width="34" height="27" rx="3" {}><title>{}: {}</title></rect>'
    ).format(x, y, paint, when, escape(shown))
