"""What visitors from eleven places meet, with each signal: read off the real gate's answers.

The places come out of a real database file; every cell is what a browser with a cookie jar sees.
``python -m tests.journeys`` writes the table into docs/places.md.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from consentgate import ConsentGate
from consentgate.asgi.consent import SCOPE_KEY
from consentgate.domain.policy.policy import RegimeSettings
from tests.asgi.raw import Exchange, Script, body, form, gated, http, run, start
from tests.databases import write_database
from tests.policies import SHOP

PAGE = Path(__file__).parents[1] / "docs" / "places.md"
BEGIN, END = "<!-- journeys: python -m tests.journeys -->\n", "<!-- /journeys -->\n"

PLACES = {
    "Germany": "5.83.1.1",
    "France": "2.16.0.1",
    "United Kingdom": "81.2.69.1",
    "Switzerland": "5.145.0.1",
    "California": "214.78.120.1",
    "Colorado": "8.44.0.1",
    "United States, no state": "149.101.100.1",
    "Quebec": "24.200.0.1",
    "Brazil": "177.0.0.1",
    "Japan": "126.0.0.1",
    "unknown": "2a02:d500::1",
}
SIGNALS = {"none": [], "GPC": [(b"sec-gpc", b"1")], "DNT": [(b"dnt", b"1")]}
COOKIES = {b"theme": "functional", b"_an_1": "statistics", b"_fbp": "marketing"}
"""A cookie of each purpose, which the app sets on every page."""
TAGGED = b"<!doctype html><body><script src=https://ads.example/x.js></script>Teapots</body>"


@dataclass
class Visitor:
    """A browser: where it is, what it states, what it keeps."""

    gate: ConsentGate
    address: str
    headers: list[tuple[bytes, bytes]]
    jar: dict[str, str] = field(default_factory=dict)

    def _kept(self, answer: Exchange) -> Exchange:
        assert answer.raised is None
        self.jar.update(answer.cookies)
        return answer

    @property
    def _cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.jar.items())

    def get(self, path: str = "/") -> Exchange:
        """Open a page."""
        scope = http(path, client=(self.address, 4711), headers=self.headers, cookie=self._cookie)
        return self._kept(run(self.gate, scope))

    def press(self, choice: str) -> None:
        """Press a button of the choices page, as its form sends it."""
        fields = dict(
            re.findall(r'name="(notice|told|source)" value="([^"]*)"', self.get(ROOT).text)
        )
        scope, sent = form(
            ROOT,
            {"choice": choice, **fields},
            client=(self.address, 4711),
            headers=[*self.headers, (b"cookie", self._cookie.encode())],
        )
        assert self._kept(run(self.gate, scope, sent)).status == 303

    def may(self) -> str:
        """What this browser's next page lets happen, by all that can be seen of it."""
        answer = self.get()
        passed = {
            line.partition(b"=")[0] for line in answer.set_cookies if b"Max-Age=0" not in line
        }
        granted = [purpose for name, purpose in COOKIES.items() if name in passed]
        consent = self.gate.app.scope[SCOPE_KEY]  # type: ignore[attr-defined]  # a Script
        assert granted == [key for key in COOKIES.values() if consent.allows(key)]
        assert ("<script src=https://ads" in answer.text) is ("marketing" in granted)
        return WORDS[tuple(granted)]


ROOT = "/privacy-choices"
WORDS = {
    (): "nothing",
    ("functional",): "functional",
    ("functional", "statistics"): "functional, statistics",
    ("functional", "statistics", "marketing"): "all",
}


def asked(answer: Exchange) -> str:
    """What the page opens with, and what it says of a signal."""
    text = answer.text
    if "data-privacy-note" in text:
        shape = "asked" if 'value="accept"' in text else "told"
    else:
        shape = "opt-out link" if "Your Privacy Choices" in text else "link"
    return shape + (", signal honoured" if 'data-privacy-signal="honored"' in text else "")


Row = tuple[str, str, str, str, str, str, str]


def journeys(database: Path) -> Iterator[Row]:
    """Place, signal, asked, on the first answer, after accepting, after refusing, header gone."""
    regimes = RegimeSettings(place_database=str(database))
    lines = [(b"set-cookie", name + b"=1; Path=/; Max-Age=99") for name in COOKIES]
    app = Script(start(b"text/html; charset=utf-8", *lines), body(TAGGED))
    gate = gated(app, replace(SHOP, regimes=regimes))
    for place, address in PLACES.items():
        for signal, headers in SIGNALS.items():
            first, accepting, refusing = (Visitor(gate, address, headers) for _ in range(3))
            shape, at_first = asked(first.get()), Visitor(gate, address, headers).may()
            accepting.press("accept")
            refusing.press("reject")
            first.headers = []
            gone = first.may() if headers else "–"
            yield (place, signal, shape, at_first, accepting.may(), refusing.may(), gone)


def table(database: Path) -> str:
    """The rows in Markdown."""
    head = (
        "| from | signal | the page | first answer | accepted | refused | header gone |\n"
        "|---|---|---|---|---|---|---|\n"
    )
    return head + "".join(f"| {' | '.join(row)} |\n" for row in journeys(database))


def written(text: str) -> str:
    """The table as it stands in a page."""
    return text.partition(BEGIN)[2].partition(END)[0]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        fresh = table(write_database(Path(folder) / "city.mmdb"))
    whole = PAGE.read_text(encoding="utf-8")
    before, _, rest = whole.partition(BEGIN)
    PAGE.write_text(before + BEGIN + fresh + END + rest.partition(END)[2], encoding="utf-8")
