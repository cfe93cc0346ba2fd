"""A site's traffic with known true counts: the same seed, the same rows."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from consentgate.domain.record import two_digits
from consentgate.log.keeping.day_files import best_format, write_part
from consentgate.log.keeping.segment_lines import in_order
from consentgate.log.writing.layout import Layout
from consentgate.log.writing.segment import encoder

ROUTES = {
    "/": 30, "/products/{id}": 25, "/pricing": 12, "/blog/{slug}": 12, "/docs/{page}": 9,
    "/about": 4, "/contact": 3, "/cart": 3, "/checkout": 1, "/jobs": 1,
}  # fmt: skip
NEXT = {
    "/": ["/products/{id}", "/pricing", "/blog/{slug}", "/about"],
    "/products/{id}": ["/products/{id}", "/pricing", "/cart"],
    "/pricing": ["/contact", "/checkout", "/docs/{page}", "/"],
    "/blog/{slug}": ["/blog/{slug}", "/", "/pricing"],
    "/docs/{page}": ["/docs/{page}", "/pricing"],
    "/cart": ["/checkout", "/products/{id}"],
}
SOURCES = {
    ("search", "www.google.com"): 36, ("search", "duckduckgo.com"): 6, ("none", ""): 30,
    ("social", "www.linkedin.com"): 7, ("ai", "chatgpt.com"): 6, ("external", "news.example"): 9,
    ("external", "blog.example"): 4, ("search", "www.bing.com"): 2,
}  # fmt: skip
COUNTRIES = {"NO": 38, "DE": 17, "SE": 12, "DK": 8, "US": 9, "GB": 6, "FR": 5, "NL": 3, "VA": 0.02}
BROWSERS = {
    ("Chrome", "desktop", "Windows"): 34, ("Chrome Mobile", "mobile", "Android"): 22,
    ("Mobile Safari", "mobile", "iOS"): 21, ("Firefox", "desktop", "Linux"): 7,
    ("Safari", "desktop", "Mac OS X"): 9, ("Edge", "desktop", "Windows"): 6,
    ("Samsung Internet", "tablet", "Android"): 1,
}  # fmt: skip
LANGUAGES = {"nb": 40, "de": 17, "en": 28, "sv": 10, "da": 5}
BOTS = {
    ("Googlebot", "search-engine"): 30, ("GPTBot", "ai-crawler"): 22, ("bingbot", "search-engine"): 14,
    ("ClaudeBot", "ai-crawler"): 12, ("AhrefsBot", "seo"): 15, ("UptimeRobot", "monitor"): 7,
}  # fmt: skip
CAMPAIGNS = {"": 88, "spring-sale": 7, "newsletter-47": 5}
HOURS = [1, 1, 1, 1, 1, 2, 4, 8, 14, 18, 18, 16, 15, 16, 15, 13, 11, 9, 9, 10, 11, 9, 5, 2]


@dataclass
class Truth:
    """What is so, counted while the rows are made."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Measure and value to how many."""
    sums: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    consent: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)

    def add(self, measure: str, value: str = "") -> None:
        self.counts[measure, value] += 1

    def of(self, measure: str) -> dict[str, int]:
        return {value: n for (name, value), n in self.counts.items() if name == measure}


class Traffic:
    """Makes rows of one day after the other."""

    def __init__(self, seed: int = 1, *, granted: float = 0.24, signal: float = 0.09) -> None:
        self.random = random.Random(seed)
        self.truth = Truth()
        self._granted, self._signal = granted, signal

    def pick(self, weights: dict[Any, float]) -> Any:
        return self.random.choices(list(weights), list(weights.values()))[0]

    def day(self, day: dt.date, visits: int) -> list[dict[str, Any]]:
        """The rows of one day: visits of people, and what machines do."""
        rows = [row for _ in range(visits) for row in self._visit(day)]
        rows += [self._machine(day) for _ in range(visits // 3)]
        return rows

    def _visit(self, day: dt.date) -> Iterator[dict[str, Any]]:
        chance = self.random.random()
        tier = "T1" if chance < self._granted else "T0"
        signal = tier == "T0" and self.random.random() < self._signal
        kind, host = self.pick(SOURCES)
        browser, device, system = self.pick(BROWSERS)
        country, language = self.pick(COUNTRIES), self.pick(LANGUAGES)
        campaign = self.pick(CAMPAIGNS) if host else ""
        hour = self.random.choices(range(24), HOURS)[0]
        minute = self.random.randrange(60)
        visitor = f"100::{self.random.getrandbits(60):x}"
        more: dict[str, Any] = {"device": device}
        if tier == "T1":
            more |= {"country": country, "lang": language, "browser": browser, "bmaj": "127"}
            more |= {"os": system, "visitor": visitor}
        elif signal:
            more["sig"] = ["gpc"]
        else:
            self._sum(day, country, language, browser, system, host, campaign)
        self._ask(day, country, language, tier, signal)
        self._count_visit(
            tier, kind, host, country, language, browser, system, device, campaign, signal
        )
        head = {"v": "2026-10-01" if day.day < 12 else "2026-11-12", "method": "GET", **more}
        head |= {"grain": "hour" if tier == "T0" else "minute", "tier": tier}
        moment = dt.datetime(day.year, day.month, day.day, hour, minute)
        yield from self._pages(head, moment, kind, host if tier == "T1" else "", campaign)

    def _pages(
        self, head: dict[str, Any], moment: dt.datetime, kind: str, host: str, campaign: str
    ) -> Iterator[dict[str, Any]]:
        """The pages of one visit, each with a style sheet."""
        route, before = self.pick(ROUTES), ""
        is_granted = head["tier"] == "T1"
        self.truth.add("sessions" if is_granted else "unknown")
        self.truth.add("entry", route)
        for number in range(1 + int(self.random.expovariate(0.55))):
            head["ts"] = (
                f"{moment:%Y-%m-%dT%H:%M:00Z}" if is_granted else f"{moment:%Y-%m-%dT%H:00:00Z}"
            )
            page = {**head, "route": route, "kind": "page", "status": 200}
            page |= {"bytes": two_digits(self.random.randrange(9_000, 60_000))}
            page |= {"dur_us": two_digits(int(self.random.lognormvariate(10.2, 0.7)))}
            page["ref_class"] = "internal" if number else kind
            if number == 0:
                page["entry"] = True
                page |= {"ref_host": host} if host else {}
                if is_granted and campaign:
                    page["q"] = {"utm_campaign": campaign, "utm_source": "newsletter"}
            elif is_granted:
                page["prev"] = before
            if self.random.random() < 0.012:
                self.truth.add("missing", "(not found)")
                if number:
                    self.truth.sums[head["ts"][:10], "broken", before] += 1
                yield page | {"route": "(not found)", "status": 404}
                break
            if number and is_granted:
                self.truth.add("flow", f"{before}\t{route}")
            self.truth.add("views", route)
            yield page
            yield {**head, "route": "/static/{path}", "kind": "asset", "status": 200, "bytes": 4_100,
                   "dur_us": 900, "ref_class": "internal"}  # fmt: skip
            moment = min(
                moment + dt.timedelta(minutes=self.random.randrange(4)), moment.replace(minute=59)
            )
            before, route = route, self.random.choice(NEXT.get(route, ["/"]))
        if is_granted and self.random.random() < 0.1:
            self.truth.add("events", "export_clicked")
            yield {**{k: v for k, v in head.items() if k != "method"}, "kind": "event",
                   "event": "export_clicked", "route": before}  # fmt: skip

    def _count_visit(self, tier: str, kind: str, host: str, country: str, language: str, browser: str,
                     system: str, device: str, campaign: str, signal: bool) -> None:  # fmt: skip
        add = self.truth.add
        add("visits")
        add("visits.source", kind)
        add("visits.device", device)
        if signal:
            add("gpc")
            return
        for name, value in (("country", country), ("lang", language), ("browser", browser),
                            ("os", system), ("host", host), ("campaign", campaign)):  # fmt: skip
            if value:
                add(f"visits.{name}", value)

    def _sum(self, day: dt.date, country: str, language: str, browser: str, system: str, host: str,
             campaign: str) -> None:  # fmt: skip
        sums = self.truth.sums
        sums[str(day), "visits", ""] += 1
        for dim, value in (("country", country), ("lang", language), ("browser", browser),
                           ("os", system), ("ref_host", host)):  # fmt: skip
            if value:
                sums[str(day), dim, value] += 1
        if campaign:
            declared = campaign if campaign == "spring-sale" else "(other)"
            sums[str(day), "campaign", declared] += 1
            sums[str(day), "utm_source", "newsletter"] += 1

    def _ask(self, day: dt.date, country: str, language: str, tier: str, signal: bool) -> None:
        if signal:
            return
        is_asked = self.random.random() < 0.5 or tier == "T1"
        if not is_asked:
            return
        acts = ["shown", "asked"]
        chance = self.random.random()
        acts += ["accepted"] if chance < 0.28 else ["refused"] if chance < 0.55 else []
        acts += ["partly"] if 0.55 <= chance < 0.6 else []
        facts = {"all": "", "version": "2026-10-01" if day.day < 12 else "2026-11-12",
                 "regime": "opt-in", "country": country, "lang": language, "position": "flow",
                 "signal": "none"}  # fmt: skip
        for act in acts:
            self.truth.add(f"act.{act}")
            for dim, value in facts.items():
                self.truth.consent[str(day), act, dim, value] += 1

    def _machine(self, day: dt.date) -> dict[str, Any]:
        bot, kind = self.pick(BOTS)
        self.truth.add("bots", bot)
        moment = dt.datetime(day.year, day.month, day.day, self.random.randrange(24), 7)
        return {"ts": f"{moment:%Y-%m-%dT%H:%M:00Z}", "grain": "minute", "tier": "TB",
                "v": "2026-10-01", "method": "GET", "route": self.pick(ROUTES), "kind": "page",
                "path": "/", "status": 200, "bytes": 21_000, "dur_us": 12_000, "ref_class": "none",
                "bot": bot, "bot_kind": kind}  # fmt: skip


def write_log(root: Path, traffic: Traffic, first: dt.date, days: int, visits: int) -> Layout:
    """A compacted log of so many days: parts by day, and the sums beside them."""
    layout = Layout.of(root)
    layout.prepare()
    encode, form = encoder(), best_format()
    for number in range(days):
        day = first + dt.timedelta(days=number)
        weekday = 1.0 if day.weekday() < 5 else 0.6
        rows = traffic.day(day, int(visits * weekday * (1 + number / (4 * days))))
        folder = layout.events / f"day={day}"
        folder.mkdir(exist_ok=True)
        lines = sorted(encode(in_order(row)) for row in rows)
        write_part(folder, "part-0000000000000001", lines, form).replace(
            folder / f"part-0000000000000001{form.suffix}"
        )
        write_sums(layout, traffic.truth, str(day))
    return layout


def write_sums(layout: Layout, truth: Truth, day: str) -> None:
    """The sums of one day, as compaction writes them."""
    folder = layout.counts / f"day={day}"
    folder.mkdir(exist_ok=True)
    lines = [
        json.dumps({"day": d, "dim": dim, "val": val, "n": n})
        for (d, dim, val), n in truth.sums.items()
        if d == day
    ]
    (folder / "visits-1.jsonl").write_text("\n".join(lines) + "\n")
    lines = [json.dumps({"day": d, "act": act, "dim": dim, "val": val, "n": n})
             for (d, act, dim, val), n in truth.consent.items() if d == day]  # fmt: skip
    (folder / "consent-1.jsonl").write_text("\n".join(lines) + "\n")
