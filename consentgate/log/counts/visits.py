"""Owns what may be counted of visits without consent: one dimension at a time, never joined.

How many came with Firefox and how many from Norway, and never how many from Norway with Firefox:
the sums cannot be put together again. All that is done off the request's path, where a visit only
gets into a queue: sums are added up within a second, agents are parsed when they are flushed.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection
from pathlib import Path

from consentgate.domain.agents import Browser
from consentgate.domain.days import DAY_SECONDS
from consentgate.formats.urls.campaigns import campaign_classes
from consentgate.gates.records.header_classes import country_code, hinted, language_of
from consentgate.log.counts.counter_file import OTHER, DeltaFile
from consentgate.log.writing import after_fork as forks
from consentgate.log.writing.background import TICKER

FILE_NAME = "site.counts"
FLUSH_SECONDS = 60
LEAST_VISITS = 10
"""A flush waits for that many visits of a day: the lines of fewer, side by side, would describe
one visitor. What is left of a day that ends, or of a process, is counted as ``(other)``."""
MOST_QUEUED = 4_096
"""Visits that wait to be counted; one more, and the first of them are counted at once."""
AT_ONCE = 64
"""Visits that are counted without a pause: a fifth of a millisecond's work."""
AGENTS_AT_ONCE = 4
"""Agents that are parsed without a pause."""
MOST_AGENTS = 4_096
"""Distinct agents that wait for the parser; the rest are counted as ``(other)``."""
MOST_HOSTS = 1_024
"""Distinct hosts that visits came from in the sums of one minute; the rest are ``(other)``: a
Referer can be made up."""
_MOST_CHARS = 128

DECLARED = ("event", "choice", "broken")
"""Counted where it happens: the site's own names, and the routes whose pages link to nothing."""
BrowserOf = Callable[[str], Browser]
"""Tells family and system of an agent."""


Arrival = tuple[int, str, bytes | None, bytes | None, str, bytes | None, str, bytes]
"""What is counted of one visit, each by itself, as it came: which day, User-Agent (in memory until
the next flush at most, never written), ``Sec-CH-UA``, its platform, place, ``Accept-Language``,
host of the referrer, and query (in memory for a second, of which only classes are written); empty
or None: not known. Each visit makes one."""


class VisitCounts:
    """Counts in memory; once a minute the sums go to a file as lines ``{day, dim, val, n}``."""

    def __init__(
        self, directory: str | Path, browser_of: BrowserOf, campaigns: Collection[str] = ()
    ) -> None:
        """Remember the folder; empty: counts end with the process.

        Args:
            directory: of the site log.
            browser_of: tells family and system of an agent.
            campaigns: names that the policy declares, lower case; others are ``(other)``.
        """
        path = Path(directory) / FILE_NAME if directory else None
        self._sums = DeltaFile(path, ("dim", "val"), "n")
        self._browser_of = browser_of
        self._campaigns = frozenset(campaigns)
        self._flushed_at = time.monotonic()
        self._begin()
        forks.watch(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._days: dict[int, _Day] = {}
        self._queue: deque[Arrival] = deque()

    def forget_parent(self) -> None:
        """A forked child counts for itself."""
        self._begin()

    def add(self, dim: str, val: str, now: int, n: int = 1) -> None:
        """Count one declared value, such as ``("event", "export_clicked")``.

        Args:
            dim: one of DECLARED; any other name is a mistake in the code.
            val: from a closed set, never a visitor's own words.
            now: seconds since the epoch, for the day.
            n: how often.
        """
        if dim not in DECLARED:
            raise ValueError(f"dim = {dim!r}: expected one of {', '.join(DECLARED)}")
        self._sums.add(now // DAY_SECONDS, dim, val[:_MOST_CHARS], n=n)

    def add_visit(self, arrival: Arrival) -> None:
        """Count a visit whose visitor neither granted statistics nor sent a signal."""
        self._queue.append(arrival)
        if len(self._queue) >= MOST_QUEUED:
            self._add_up(AT_ONCE)

    def _add_all(self) -> None:
        """Count what is queued by now, a few at a time: requests are served in between."""
        for _ in range(0, len(self._queue), AT_ONCE):
            self._add_up(AT_ONCE)
            TICKER.pause()

    def _add_up(self, most: int) -> None:
        """Count the first so many of what is queued."""
        queue = self._queue
        with self._lock:
            arrivals = [queue.popleft() for _ in range(min(most, len(queue)))]
            for arrival, n in Counter(arrivals).items():
                number = arrival[0]
                day = self._days.get(number)
                if day is None:
                    day = self._days[number] = _Day(self._campaigns)
                day.add(arrival, n)

    def tick(self, now: int) -> None:
        """Once a minute: forget agents, and write what is many enough or of a day that is over."""
        self._add_all()
        if time.monotonic() - self._flushed_at < FLUSH_SECONDS:
            return
        self._flushed_at = time.monotonic()
        today = now // DAY_SECONDS
        for number, day in list(self._days.items()):
            if day.visits >= LEAST_VISITS or number != today:
                self._release(number)
            else:
                self._sort_agents(day)
        self._sums.flush()

    def flush(self) -> None:
        """Write everything: the process ends."""
        self._add_all()
        for number in list(self._days):
            self._release(number)
        self._sums.flush()

    def _release(self, number: int) -> None:
        """Give a day's sums to the file; those of few visits without what would tell them."""
        with self._lock:
            day = self._days.pop(number)
        self._sort_agents(day)
        self._sums.add(number, "visits", "", n=day.visits)
        for (dim, val), n in day.sums.items():
            self._sums.add(number, dim, val if day.visits >= LEAST_VISITS else OTHER, n=n)

    def _sort_agents(self, day: _Day) -> None:
        """Turn agents that wait into families; the parser runs without the lock."""
        with self._lock:
            agents, day.agents = day.agents, Counter()
        browsers = []
        for number, (agent, n) in enumerate(agents.items()):
            browsers.append((self._browser_of(agent), n))
            if number % AGENTS_AT_ONCE == 0:
                TICKER.pause()
        with self._lock:
            for browser, n in browsers:
                day.add_browser(browser, n)


class _Day:
    """What was counted of one day and not given to the file yet."""

    __slots__ = ("agents", "campaigns", "hosts", "sums", "visits")

    def __init__(self, campaigns: frozenset[str]) -> None:
        self.campaigns = campaigns
        self.visits = 0
        self.hosts: set[str] = set()
        self.sums: Counter[tuple[str, str]] = Counter()
        self.agents: Counter[str] = Counter()

    def add(self, arrival: Arrival, n: int) -> None:
        """Count so many visits that came alike, each dimension by itself."""
        _, agent, brands, platform, place, languages, host, query = arrival
        self.visits += n
        if query:
            for found in campaign_classes(query, self.campaigns):
                self.sums[found] += n
        if country := country_code(place):
            self.sums["country", country] += n
        if language := language_of(languages):
            self.sums["lang", language] += n
        if host:
            self.add_host(host[:_MOST_CHARS], n)
        browser = hinted(brands, platform)
        if browser is not None:
            self.add_browser(browser, n)
        elif agent:
            self.add_agent(agent, n)

    def add_agent(self, agent: str, n: int) -> None:
        if agent in self.agents or len(self.agents) < MOST_AGENTS:
            self.agents[agent] += n
        else:
            self.add_browser(Browser(OTHER, "", OTHER), n)

    def add_host(self, host: str, n: int) -> None:
        if len(self.hosts) < MOST_HOSTS:
            self.hosts.add(host)
        self.sums["ref_host", host if host in self.hosts else OTHER] += n

    def add_browser(self, browser: Browser, n: int) -> None:
        self.sums["browser", browser.family or OTHER] += n
        self.sums["os", browser.os or OTHER] += n
