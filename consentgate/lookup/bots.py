"""Owns how a machine is told from a browser by what it says of itself.

About 1,500 texts of data/bots.json are looked up by the words of an agent (``literals``): a few
microseconds, without a native library. A few words and forms of our own find machines that no list
has yet. What stands in the brackets of an Android phone is left out first, because models are named
``Spider 8`` or ``CUBOT``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from importlib.resources import files

from consentgate.domain.agents import Bot
from consentgate.lookup.literals import Literals

MAX_CHARS = 512

_WORDS = (
    "crawl|spider|slurp|scrape|scrapy|+http|; http|;http|(http:|(https:|monitor|scanner|preview|"
    "feed|checker|validator|headless|phantomjs|python|httpclient|http-client|lighthouse|nutch|"
    "archiver|fetch|sitemap|favicon|okhttp|go-http|axios|guzzle|dataprovider|transcoder|"
    "like gecko; google|like gecko; compatible|synthetic|diagnostic|observatory|lookup|detector|"
    "extractor|inspect|audit|filter/|${jndi|page speed|(via |research|finder|google-|-google|"
    "service/|thumbnail|[at]|measurement|msie or firefox mutant|reaver|exchange check"
)
_FORMS = (
    r"(?<!cu)bots?(?![a-z])|bot[-/]|\bwww\.|[a-z0-9]@[a-z]|\bscan\b|\brss|^ruby/|"
    r"^(?:java/|php[-/]|curl|wget/[\d.]+$)|\bnode\b|perl\b|\bprobe|\bverif|\bseo\b|recon\b|"
    r"\bcheck\b|[a-z]agent\b(?<!_agent)|"
    r"^mozilla/5\.0 \(compatible(?!.*(?:msie \d|konqueror|ibrowse|trident|abrowse|webpositive))"
)
_IN_FORMS = (
    "bot|www.|@|scan|rss|ruby/|java/|php|curl|wget/|node|perl|probe|verif|seo|recon|check|agent|"
    "mozilla/5.0 (compatible"
)
"""One of them stands in whatever the forms find: a cheap look that spares most agents theirs."""
_ANDROID = re.compile(r"\([^()]{0,300}\bAndr[o0]id\b(?:[^()]|\([^()]{0,60}\)){0,300}\)")
_GIVEN_AWAY = re.compile(r"compatible|://|Google|PTST")
_PEOPLE = re.compile(
    r"xbmc|bsalsa|^otg/|googlepodcasts|seamonkey|googlechirp/|netbox|^speedy/|^com\.apple\.|maui"
)
_ENGINES = re.compile(
    r"applewebkit|gecko|opera|msie|android|iphone|windows|linux|mac|up\.|midp|profile/|dalvik|"
    r"cfnetwork|darwin|netfront|obigo|teleca|browser|nokia|sams|blackberry|docomo|kddi|softbank|"
    r"vodafone|sonyericsson|ipad|ipod|nintendo|playstation|hbbtv|maui|wap|lynx|links|w3m|mosaic|"
    r"mot-|lg[-e]|sec-|zte|tv|amiga|sunos|osf1|irix|beos|palm|win|bsd|gog|amazon|dlnadoc|wtos|"
    r"audacious|inferno|polaris|roku|firefox|fiber|^a/8|vlc|watch|vizio|\[fban|webkit|"
    r"mpv|foobar2000|music player|^sie-|^spice |tianyu|xiino|nsplayer|redlineclient"
)


def literals_of(pattern: str) -> list[str]:
    """Texts of which one stands in everything the pattern finds; an empty one: none is plain."""
    plain = _SIGNS.sub("\0", pattern)
    while _GROUP.search(plain):
        plain = _GROUP.sub("\0", plain)
    runs = (_RUN.findall(_MAYBE.sub("\0", one)) for one in plain.split("|"))
    return [max(found, key=len, default="").lower() for found in runs]


_SIGNS = re.compile(r"\\.|\[[^]]*\]|[\^$]")
_GROUP = re.compile(r"\([^()]*\)")
_MAYBE = re.compile(r".[?*{]")
_RUN = re.compile(r"[A-Za-z0-9 /_-]{2,}")


UNLISTED = Bot("unlisted", "other")
"""Says that it is a machine, and is on no list: what it calls itself is not repeated."""


class BotList:
    """Says which agents are machines; built from the list's texts and patterns."""

    def __init__(
        self, texts: Iterable[tuple[str, str]], patterns: Iterable[tuple[str, str, str]]
    ) -> None:
        """Make one pattern of many.

        Args:
            texts: a text that gives a machine away, and its class.
            patterns: a regular expression, its class, and the machine's name.
        """
        self._kinds = {text.lower(): (text, kind) for text, kind in texts}
        self._patterns = [
            (re.compile(pattern), Bot(name, kind)) for pattern, kind, name in patterns
        ]
        self._any_pattern = re.compile(
            "|".join(f"(?:{pattern.pattern})" for pattern, _ in self._patterns)
        )
        needed = [text for one, _ in self._patterns for text in literals_of(one.pattern)]
        self._needed = frozenset(needed) if all(needed) else frozenset()
        """One of them stands in whatever a pattern finds; none: any pattern may find anything."""
        self._words = frozenset(_WORDS.split("|"))
        self._in_forms = frozenset(_IN_FORMS.split("|"))
        self._forms = re.compile(_FORMS)
        self._literals = Literals(
            {*self._kinds, *self._needed, *self._words, *self._in_forms},
        )

    @classmethod
    def shipped(cls) -> BotList:
        """The list that comes with the package."""
        text = (files("consentgate") / "data" / "bots.json").read_text(encoding="utf-8")
        document = json.loads(text)
        return cls(document["texts"], document["patterns"])

    def find(self, agent: str) -> Bot | None:
        """The machine that an agent declares itself to be; None: a browser, as far as it says.

        The name is one of the list's, never a piece of what the agent wrote.
        """
        text = _without_model(agent[:MAX_CHARS])
        low = text.lower()
        found = self._found(text, low)
        return None if found is None or _PEOPLE.search(low) else found

    def _found(self, text: str, low: str) -> Bot | None:
        standing = self._literals.standing_in(low)
        named = standing & self._kinds.keys()
        if named:
            return self._first(low, named)
        is_possible = not self._needed or standing & self._needed
        if is_possible and self._any_pattern.search(text):
            return next(bot for pattern, bot in self._patterns if pattern.search(text))
        if standing & self._words or (standing & self._in_forms and self._forms.search(low)):
            return UNLISTED
        return None

    def _first(self, low: str, named: Iterable[str]) -> Bot:
        """The machine whose text stands first; of several there, the longest."""
        text = min(named, key=lambda text: (low.find(text), -len(text)))
        name, kind = self._kinds[text]
        return Bot(name.strip(" /;(+")[:64] or name, kind)


def _without_model(agent: str) -> str:
    found = _ANDROID.search(agent) if "Andr" in agent else None
    if found is None or _GIVEN_AWAY.search(found[0]):
        return agent
    return agent[: found.start()] + agent[found.end() :]


def is_tool(agent: str) -> bool:
    """Whether no engine, system or device of any browser is named."""
    low = agent[:MAX_CHARS].lower()
    return "gecko" not in low and not _ENGINES.search(low)
