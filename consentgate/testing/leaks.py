"""Owns what a site would leak to visitors' third parties, or keep with them: judged from outside.

Never knows how the gate works: it looks at answers alone, and at what the policy declares.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

from consentgate.asgi.gate import ConsentGate
from consentgate.formats.urls.addresses import address_of
from consentgate.testing.gates import gate_of
from consentgate.testing.visitors import client

_VISITORS: dict[str, dict[str, Any]] = {
    "undecided": {},
    "refused": {"granted": False},
    "Global Privacy Control": {"gpc": True},
}
"""Who visits: name to the options of ``client``."""
_FETCHED = {
    "audio": ("src",),
    "embed": ("src",),
    "frame": ("src",),
    "iframe": ("src",),
    "image": ("href", "xlink:href"),
    "img": ("src", "srcset"),
    "input": ("src",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "track": ("src",),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
"""Element to the attributes whose address a browser asks without a click."""
_RELATIONS = frozenset(
    [
        "stylesheet",
        "icon",
        "preload",
        "modulepreload",
        "prefetch",
        "preconnect",
        "dns-prefetch",
        "prerender",
        "manifest",
    ]
)
_SCRIPTS = frozenset(("", "module", "text/javascript", "application/javascript"))
_IN_STYLE = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Leak:
    """One thing that a visitor did not grant."""

    path: str
    visitor: str
    """``undecided``, ``refused`` or ``Global Privacy Control``."""
    kind: str
    """``cookie`` or ``host``."""
    name: str
    why: str
    """What is wrong, and what to do."""

    def __str__(self) -> str:
        return f'{self.path} ({self.visitor}): {self.kind} "{self.name}" {self.why}'


def assert_no_leaks(app: Any, paths: Iterable[str] = ()) -> None:
    """Fail a test where a site sets or asks what its visitors did not grant, with all of it.

    Args:
        app: the app with its gate.
        paths: what to visit; nothing: every path without parameters that the app's router names.

    Raises:
        AssertionError: every leak, each with what to do.
    """
    found = leaks(app, paths)
    if found:
        raise AssertionError(
            f"{len(found)} that no visitor granted:\n" + "\n".join(map(str, found))
        )


def leaks(app: Any, paths: Iterable[str] = ()) -> list[Leak]:
    """The same as a list; empty: there are none.

    Args:
        app: the app with its gate.
        paths: as ``assert_no_leaks``.
    """
    gate = gate_of(app)
    visited = tuple(paths) or tuple(_paths_of(app)) or ("/",)
    found: dict[tuple[str, str, str], Leak] = {}
    for visitor, options in _VISITORS.items():
        with client(app, raise_server_exceptions=False, **options) as browser:
            state = browser.get(f"{gate.assembly.prefix}/state").json()
            judge = _Judge(gate, visitor, state["services"])
            for path in visited:
                answer = browser.get(path, headers={"accept": "text/html,*/*;q=0.8"})
                for leak in judge.leaks(path, answer):
                    found.setdefault((leak.path, leak.kind, leak.name), leak)
    return list(found.values())


class _Judge:
    """What one visitor permits."""

    def __init__(self, gate: ConsentGate, visitor: str, services: dict[str, bool]) -> None:
        self._plan = gate.assembly.plan
        self._gate = gate
        self._visitor = visitor
        self._granted = {key for key, is_granted in services.items() if is_granted}
        site = gate.assembly.policy.site
        self._own = tuple(name.removeprefix("*.") for name in site.same_party)

    def leaks(self, path: str, answer: Any) -> Iterator[Leak]:
        before = self._gate.undeclared
        for line in answer.headers.get_list("set-cookie"):
            yield from self._cookie(path, line)
        for name in sorted(before):
            why = "is set by the app and declared nowhere: it is kept from everybody; add it to "
            yield Leak(path, self._visitor, "cookie", name, why + "the service that keeps it")
        if answer.headers.get("content-type", "").startswith("text/html"):
            page = _Page(str(answer.url))
            page.feed(answer.text)
            page.close()
            for address in dict.fromkeys(page.asked):
                yield from self._address(path, address, str(answer.url))

    def _cookie(self, path: str, line: str) -> Iterator[Leak]:
        name, _, rest = line.partition("=")
        name = name.strip()
        if name.encode() in self._plan.own_names or re.search(r"(?i);\s*max-age=0", rest):
            return
        declared = self._plan.declared[name.encode()]
        if declared is None:
            why = "is set past the gate, and declared nowhere; what sets it stands outside it"
        elif declared.service not in self._granted:
            why = f"of [service.{declared.service}] is set; what sets it stands outside the gate"
        else:
            return
        yield Leak(path, self._visitor, "cookie", name, why)

    def _address(self, path: str, url: str, page: str) -> Iterator[Leak]:
        address = address_of(url)
        if address is None or self._is_own(address.host, page):
            return
        keys = self._plan.hosts.find(address)
        if not keys:
            why = "is asked and declared nowhere; add it to the hosts of a service"
        elif not self._granted.issuperset(keys):
            why = f"of [service.{keys[0]}] is asked though it was not granted"
        else:
            return
        yield Leak(path, self._visitor, "host", address.host, why)

    def _is_own(self, host: str, page: str) -> bool:
        own = (urlsplit(page).hostname or "", *self._own)
        return any(host == name or host.endswith(f".{name}") for name in own if name)


class _Page(HTMLParser):
    """Collects the addresses that a browser asks when it shows a page."""

    def __init__(self, address: str) -> None:
        super().__init__(convert_charrefs=True)
        self.asked: list[str] = []
        self._base = address
        self._is_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what one element asks."""
        named = {name: value or "" for name, value in attrs}
        if tag == "base" and "href" in named:
            self._base = urljoin(self._base, named["href"])
        self._is_style = tag == "style"
        self._ask(match for found in _IN_STYLE.findall(named.get("style", "")) for match in found)
        if tag == "link" and not _RELATIONS.isdisjoint(named.get("rel", "").lower().split()):
            self._ask([named.get("href", "")])
        if tag == "script" and named.get("type", "").strip().lower() not in _SCRIPTS:
            return
        for name in _FETCHED.get(tag, ()):
            value = named.get(name, "")
            listed = [part.split()[0] for part in value.split(",") if part.split()]
            self._ask(listed if name == "srcset" else [value])

    def handle_data(self, data: str) -> None:
        """Note what a style sheet in the page asks."""
        if self._is_style:
            self._ask(match for found in _IN_STYLE.findall(data) for match in found)

    def handle_endtag(self, tag: str) -> None:
        """A style sheet ends."""
        self._is_style = False

    def _ask(self, urls: Iterable[str]) -> None:
        self.asked += [urljoin(self._base, url.strip()) for url in urls if url.strip()]


def _paths_of(app: Any) -> Iterator[str]:
    """Paths without parameters that a router answers with GET, of Starlette-like apps."""
    for route in getattr(app, "routes", None) or ():
        path = getattr(route, "path", "")
        if path and "{" not in path and "GET" in (getattr(route, "methods", None) or ()):
            yield path
