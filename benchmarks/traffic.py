"""Makes the traffic that the log's benchmarks and its test of a whole day share: seeded, planted.

Visitors come by Zipf's law, and so do their pages; agents are real ones (tests/corpora). E-mail
addresses, tokens, telephone numbers and identifiers are planted in paths, queries, referrers and
cookies, and every one is remembered, so that it can be looked for on disk afterwards.
"""

from __future__ import annotations

import ipaddress
import random
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

CORPORA = Path(__file__).resolve().parent.parent / "tests" / "corpora"
VISITORS = 4_000
PAGES = 1_500
BOT_SHARE = 0.22
IPV6_SHARE = 0.38
LANGUAGES = ("en-GB,en;q=0.9", "de-DE,de;q=0.8,en;q=0.5", "fr", "pt-BR,pt;q=0.9", "ja,en;q=0.3")
FIRST = ("anna", "bela", "carl", "dora", "emil", "fred", "gina", "hans", "ines", "jana", "olga")
LAST = ("adler", "baker", "costa", "diaz", "evans", "fuchs", "greco", "haas", "ivanov", "kovac")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks."""

    address: str
    agent: str
    language: str
    cookie: str
    """A session of the site's own."""
    is_bot: bool


@dataclass(frozen=True, slots=True)
class Hit:
    """One request with its answer."""

    visitor: Visitor
    method: str
    route: str
    path: str
    """Percent-encoded."""
    query: str
    referrer: str
    status: int
    size: int
    duration_us: int

    @property
    def line(self) -> str:
        """The line of the combined format that a server writes."""
        return (
            f'{self.visitor.address} - - [24/Nov/2026:21:05:33 +0000] "{self.method} {self.target} '
            f'HTTP/1.1" {self.status} {self.size} "{self.referrer or "-"}" "{self.visitor.agent}"'
        )

    @property
    def target(self) -> str:
        """Path and query, as a request line has them."""
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass
class Traffic:
    """A site's visitors and pages, drawn from a seed."""

    seed: int = 6
    visitors: int = VISITORS
    planted: set[str] = field(default_factory=set)
    """Every e-mail address, token, number and name that stands in a hit so far."""
    used: set[Visitor] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        people, bots = (_agents(name) for name in ("browsers.txt", "bots.txt"))
        self._people = [self._visitor(bots, people) for _ in range(self.visitors)]
        self._weights = [1 / (rank + 1) ** 0.55 for rank in range(self.visitors)]
        self._pages = [1 / (rank + 1) for rank in range(PAGES)]

    def _visitor(self, bots: list[str], people: list[str]) -> Visitor:
        draw = self._random
        is_bot = draw.random() < BOT_SHARE
        return Visitor(
            self._address(),
            draw.choice(bots if is_bot else people),
            "" if is_bot else draw.choice(LANGUAGES),
            f"{draw.getrandbits(128):032x}",
            is_bot,
        )

    def _address(self) -> str:
        draw = self._random
        if draw.random() < IPV6_SHARE:
            return str(ipaddress.IPv6Address((0x2A00 << 112) + draw.getrandbits(112)))
        return str(ipaddress.IPv4Address(draw.randrange(0x0B000000, 0xDF000000)))

    def hits(self, count: int) -> Iterator[Hit]:
        """So many requests."""
        draw = self._random
        for visitor in draw.choices(self._people, self._weights, k=count):
            self.used.add(visitor)
            page = draw.choices(range(PAGES), self._pages)[0]
            route, path, status = self._page(page)
            yield Hit(
                visitor,
                "POST" if page % 40 == 7 else "GET",
                route,
                path,
                self._query(),
                self._referrer(path),
                status,
                draw.randrange(300, 90_000),
                draw.randrange(200, 400_000),
            )

    def _page(self, page: int) -> tuple[str, str, int]:
        """The template, a path of it, and the status of the answer."""
        draw = self._random
        kind = page % 12
        if kind == 3:
            return "/products/{id}", f"/products/{self._number()}", 200
        if kind == 5:
            return (
                "/users/{name}/orders/{id}",
                f"/users/{self._email()}/orders/{self._token()}",
                200,
            )
        if kind == 7:
            return "/reset/{token}", f"/reset/{self._token()}", draw.choice((200, 303, 403))
        if kind == 9:
            return "/call/{phone}", f"/call/{self._phone()}", 200
        if kind == 11:
            return "", f"/{draw.choice(('wp-login.php', '.env', 'admin'))}/{self._token()}", 404
        if kind == 10:
            return "/failing", "/failing", 500
        return "/articles/{slug}", f"/articles/topic-{page}", 200 if kind else 304

    def _query(self) -> str:
        draw = self._random
        kind = draw.random()
        if kind < 0.02:
            return f"email={self._email()}&token={self._token()}"
        if kind < 0.05:
            return f"utm_source=news&utm_campaign={self._email()}&fbclid={self._token()}"
        if kind < 0.09:
            return f"q={quote(self._name())}&phone={self._phone()}"
        return "utm_source=news&page=2" if kind < 0.2 else ""

    def _referrer(self, path: str) -> str:
        draw = self._random
        kind = draw.random()
        if kind < 0.18:  # of three page views one begins a visit
            return ""
        if kind < 0.85:
            return f"https://shop.example{path}?session={self._token()}"
        if kind < 0.93:
            return f"https://www.google.com/search?q={quote(self._name())}"
        return f"https://mail.example/inbox/{self._email()}?key={self._token()}"

    def _plant(self, text: str) -> str:
        self.planted.add(text)
        return text

    def _name(self) -> str:
        name = f"{self._random.choice(FIRST)} {self._random.choice(LAST)}"
        return self._plant(name.title())

    def _email(self) -> str:
        draw = self._random
        address = f"{draw.choice(FIRST)}.{draw.choice(LAST)}{draw.randrange(10_000)}"
        return quote(self._plant(f"{address}@mail{draw.randrange(50)}.example"), safe="@")

    def _token(self) -> str:
        return self._plant(f"{self._random.getrandbits(128):032x}")

    def _phone(self) -> str:
        return self._plant(f"+4930{self._random.randrange(10**6, 10**8)}")

    def _number(self) -> str:
        return self._plant(f"{self._random.randrange(10**8, 10**9)}")

    def needles(self) -> set[bytes]:
        """Whatever would give a visitor of the hits so far away, in each form it may have."""
        found = {text.encode() for text in self.planted}
        found |= {quote(text).encode() for text in self.planted}
        for visitor in self.used:
            address = ipaddress.ip_address(visitor.address)
            found |= {visitor.address.encode(), address.exploded.encode(), visitor.cookie.encode()}
            if len(visitor.agent) > MOST_COMMON_CHARS:
                found.add(visitor.agent.encode())
            if address.version == 6:  # four bytes stand anywhere by chance, sixteen do not
                packed = address.packed
                found |= {packed, packed.hex().encode(), packed.hex().upper().encode()}
        return found


MOST_COMMON_CHARS = 24
"""A shorter agent, such as ``curl/8.5.0``, is a program's name and not anybody's."""


def _agents(name: str) -> list[str]:
    text = (CORPORA / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def found_in(folder: Path, needles: set[bytes]) -> dict[str, set[bytes]]:
    """Which needles stand in which file below a folder: grep over every byte of it."""
    lines = {needle for needle in needles if b"\n" not in needle}
    with tempfile.NamedTemporaryFile() as patterns:
        patterns.write(b"\n".join(sorted(lines)))
        patterns.flush()
        command = ["grep", "-raoFZf", patterns.name, "--", str(folder)]
        out = subprocess.run(command, capture_output=True, env={"LC_ALL": "C"}).stdout
    found: dict[str, set[bytes]] = {}
    for line in out.splitlines():
        name, _, needle = line.partition(b"\0")
        found.setdefault(name.decode(), set()).add(needle)
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() and needles - lines else b""
        if hits := {needle for needle in needles - lines if needle in content}:
            found.setdefault(str(path), set()).update(hits)
    return found
