"""Owns what each column of a foreign line becomes in each tier, remembered text by text.

The operational tables hold no path, referrer's host or agent: a line that is counted with them
cannot say one (LOG-04).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar, cast

from consentgate.domain.agents import AgentClasses, Browser
from consentgate.domain.days import hour_text, minute_text
from consentgate.domain.kinds import API, ASSET, PAGE
from consentgate.domain.record import Tier
from consentgate.formats.access_logs.request_line import RequestLines
from consentgate.formats.urls.scrubbing import has_click_id, kept_query, scrub_path, scrubbed_path
from consentgate.formats.urls.templates import Templates
from consentgate.gates.records.referrers import is_entry, referrer_class, referrer_host
from consentgate.gates.records.site_information import method_name
from consentgate.memo import Memo, up_to

MOST_REMEMBERED = 32_768
LONGEST_REMEMBERED = 512
V = TypeVar("V")


class Texts(Memo[str, V]):
    """A bounded table of one line's texts; long ones are made anew each time.

    A text with a line break is none of one line, and no key: cells of many lines that are read at
    once raise ValueError. ``of`` takes any text.
    """

    def __init__(self, make: Callable[[str], V], most: int = MOST_REMEMBERED) -> None:
        super().__init__(make, most, is_small=up_to(LONGEST_REMEMBERED))
        self._make = make

    def __missing__(self, key: str) -> V:
        if "\n" in key:
            raise ValueError("more than one line")
        return super().__missing__(key)

    def of(self, text: str) -> V:
        """The value of a text that may hold a line break, as JSON can say one."""
        return self._make(text) if "\n" in text else self[text]


class Requests(Texts[V]):
    """Requests by what stands before the query, which is cut off and never remembered."""

    def __missing__(self, key: str) -> V:
        if "?" in key and "\n" not in key:
            return self[key[: key.index("?")]]
        return super().__missing__(key)

    def of(self, text: str) -> V:
        """The value of a text that may hold a line break."""
        return super().of(text.partition("?")[0])


class Referrers(Texts[V]):
    """Referrers by what stands before their path, which is cut off and never remembered."""

    def __missing__(self, key: str) -> V:
        path = key.find("/", _SHORTEST_ORIGIN) + 1
        if 0 < path < len(key) and "\n" not in key:
            return self[key[:path]]
        return super().__missing__(key)

    def column(self, texts: list[str]) -> list[V]:
        """The values of many lines' referrers, most of which may be new.

        Raises:
            ValueError: one holds a line break.
        """
        found = list(map(self.get, texts))
        if None not in found:
            return cast(list[V], found)
        if "\n" in "".join(texts):
            raise ValueError("more than one line")
        return [
            self[text[: text.find("/", _SHORTEST_ORIGIN) + 1] or text] if known is None else known
            for known, text in zip(found, texts, strict=True)
        ]

    def of(self, text: str) -> V:
        """The value of a text that may hold a line break."""
        path = text.find("/", _SHORTEST_ORIGIN) + 1
        return super().of(text[:path] if path else text)


_SHORTEST_ORIGIN = len("https://")


class Fragment:
    """A piece of the line, the same object for the same text, and one fact that a line needs."""

    __slots__ = ("is_so", "text")

    def __init__(self, text: str, is_so: bool) -> None:
        self.text = text
        self.is_so = is_so


class _Fragments:
    """Gives one object for each text and fact."""

    def __init__(self) -> None:
        self._known = Memo(_fragment_of, MOST_REMEMBERED)

    def __call__(self, fields: dict[str, Any], is_so: bool = True, *, lead: str = "") -> Fragment:
        text = _encode(fields)[1:-1]
        return self.of(lead + text if text else "", is_so)

    def of(self, text: str, is_so: bool) -> Fragment:
        """The one object for a text that is encoded already."""
        return self._known[text, is_so]


def _fragment_of(text_and_fact: tuple[str, bool]) -> Fragment:
    return Fragment(*text_and_fact)


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_quoted = json.encoder.encode_basestring


class Site(NamedTuple):
    """What the operator declares of the site whose log is read."""

    hosts: frozenset[str] = frozenset()
    """Own hosts, lower case: visits that come from them are internal."""
    routes: tuple[str, ...] = ()
    query_fields: frozenset[str] = frozenset()
    version: str = ""
    """Label of the policy; empty: the lines name none."""


class Tables(NamedTuple):
    """Each column's text to its fragment, in one tier."""

    moments: Memo[int, Fragment]
    """Minutes since 1970 to ``ts``, ``tier`` and ``v``."""
    requests: Texts[Fragment]
    """Request lines to ``method``, ``route`` and more; whether it asks for a page."""
    referrers: Referrers[Fragment]
    """Referrers to ``ref_class`` and ``ref_host``; whether a visit may begin with it."""
    by_host: Texts[Referrers[Fragment]]
    """The same, by the host that was asked, of lines that say so."""
    looks: Callable[[str], Fragment]
    """Agents to what they are; whether it is a person's. Not remembered here."""
    has_hosts: bool

    def referrer(self, referrer: str, host: str) -> Fragment:
        """The fragment of a referrer on that host of the site."""
        if self.has_hosts or not host:
            return self.referrers.of(referrer)
        return self.by_host.of(host).of(referrer)


class AgentReader(Protocol):
    """Says what an agent is."""

    @property
    def classes(self) -> Mapping[str, AgentClasses]:
        """What every tier may know of an agent."""
        ...

    @property
    def browsers(self) -> Mapping[str, Browser]:
        """What only the statistics tier may know of an agent."""
        ...


def operational_tables(site: Site, agents: AgentReader) -> Tables:
    """The tables of T0: hour, route, class of referrer, class of device."""
    fragment = _Fragments()
    read = RequestLines(Templates(site.routes)).read
    places: Memo[tuple[str, str, str], Fragment] = Memo(
        lambda key: fragment(_request(*key), key[2] == PAGE), MOST_REMEMBERED
    )

    def request(text: str) -> Fragment:
        method, path, route, _ = read(text)
        return places[method, route, _kind(method, path)]

    def looks(agent: str) -> Fragment:
        classes = agents.classes[_agent(agent)]
        return fragment(_device(classes), classes.bot is None, lead=",")

    def referrer(kind: str, _: str) -> dict[str, str]:
        return _class(kind)

    return _tables(site, Tier.OPERATIONAL, fragment, Requests(request), looks, referrer)


def statistics_tables(site: Site, agents: AgentReader) -> Tables:
    """The tables of T1: minute, scrubbed path, declared query, host of the referrer, browser."""
    fragment = _Fragments()
    read = RequestLines(Templates(site.routes)).read

    def request(text: str) -> Fragment:
        method, path, route, query = read(text)
        kind = _kind(method, path)
        fields: dict[str, Any] = {**_request(method, route, kind)}
        asked = kept_query(query, site.query_fields)
        more = {"path": scrubbed_path(path), "q": asked, "paid": has_click_id(query)}
        fields.update((name, value) for name, value in more.items() if value)
        return fragment(fields, kind == PAGE)

    def looks(agent: str) -> Fragment:
        classes, browser = agents.classes[_agent(agent)], agents.browsers[_agent(agent)]
        named = {"browser": browser.family, "bmaj": browser.major, "os": browser.os}
        fields = {name: value for name, value in named.items() if value}
        return fragment({**fields, **_device(classes)}, classes.bot is None, lead=",")

    return _tables(site, Tier.STATISTICS, fragment, Texts(request), looks, _with_host)


def machine_tables(site: Site, agents: AgentReader) -> Tables:
    """The tables of TB: minute, scrubbed path, the machine's name and kind."""
    fragment = _Fragments()
    read = RequestLines(Templates(site.routes)).read
    heads: Memo[tuple[str, str, str], str] = Memo(
        lambda key: fragment(_request(*key)).text, MOST_REMEMBERED
    )

    def request(text: str) -> Fragment:
        method, path, route, _ = read(text)
        head, scrubbed = heads[method, route, _kind(method, path)], scrub_path(path)
        return fragment.of(f'{head},"path":{_quoted(scrubbed)}' if scrubbed else head, False)

    def looks(agent: str) -> Fragment:
        bot = agents.classes[_agent(agent)].bot
        fields = {"bot": bot.name, "bot_kind": bot.kind} if bot is not None else {}
        return fragment(fields, False, lead=",")

    return _tables(site, Tier.BOT, fragment, Requests(request), looks, _with_host)


def _with_host(kind: str, host: str) -> dict[str, str]:
    return {"ref_class": kind, "ref_host": host} if host and kind != "internal" else _class(kind)


def _class(kind: str) -> dict[str, str]:
    return {"ref_class": kind}


def _tables(
    site: Site,
    tier: Tier,
    fragment: _Fragments,
    requests: Texts[Fragment],
    looks: Callable[[str], Fragment],
    shown: Callable[[str, str], dict[str, str]],
) -> Tables:
    version = {"v": site.version} if site.version else {}

    def moment(minute: int) -> Fragment:
        is_hour = tier is Tier.OPERATIONAL
        ts = hour_text(minute // 60) if is_hour else minute_text(minute)
        grain = "hour" if is_hour else "minute"
        return fragment({"ts": ts, "grain": grain, "tier": tier.value, **version})

    def referrer(text: str, hosts: frozenset[str]) -> Fragment:
        host = referrer_host(text)
        kind = "internal" if host in hosts else referrer_class(host, "")
        return fragment(shown(kind, host), bool(hosts) and is_entry("", "", kind))

    return Tables(
        Memo(moment, MOST_REMEMBERED),
        requests,
        Referrers(partial(referrer, hosts=site.hosts)),
        Texts(lambda host: Referrers(partial(referrer, hosts=frozenset((_bare(host),)))), 64),
        looks,
        bool(site.hosts),
    )


def _bare(host: str) -> str:
    return host.rpartition("]")[2].partition(":")[0]


def _agent(text: str) -> str:
    return "" if text == "-" else text[:512]


def _device(classes: AgentClasses) -> dict[str, Any]:
    fields: dict[str, Any] = {"device": classes.device}
    return {**fields, "suspect": True} if classes.is_tool else fields


_ASSET = re.compile(r"(?!(?:x?html?|php|aspx?|jsp)$)[a-z0-9]{1,8}$", re.IGNORECASE)
"""What follows the last dot of a style, a script, a picture."""


def _kind(method: str, path: str) -> str:
    """Tell pages, with which visits begin, from the rest, as far as a path can tell."""
    if method not in ("GET", "HEAD") or not path:
        return API
    if "." in path and _ASSET.match(path, path.rindex(".") + 1):
        return ASSET
    return PAGE if method == "GET" else API


def _request(method: str, route: str, kind: str) -> dict[str, str]:
    return {"method": method_name(method), "route": route, "kind": kind}
