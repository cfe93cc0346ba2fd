"""What is made of a User-Agent: machines are found, people are not taken for them."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path

import pytest
import user_agents
from hypothesis import given
from hypothesis import strategies as st

from consentgate.domain.agents import Bot, Browser, Device
from consentgate.lookup import bots
from consentgate.lookup.agents import Agents
from consentgate.lookup.bots import UNLISTED, BotList, is_tool, literals_of
from consentgate.lookup.literals import Literals

CORPORA = Path(__file__).parent.parent / "corpora"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)
TABLET = (
    "Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36"
)


@pytest.fixture(scope="module")
def agents() -> Agents:
    return Agents()


def lines(name: str) -> list[str]:
    text = (CORPORA / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize(
    ("agent", "bot"),
    [
        ("Googlebot/2.1 (+http://www.google.com/bot.html)", Bot("Googlebot", "search-engine")),
        ("Mozilla/5.0 (compatible; bingbot/2.0)", Bot("bingbot", "search-engine")),
        ("Mozilla/5.0 AppleWebKit/537.36 (compatible; GPTBot/1.2)", Bot("GPTBot", "ai-crawler")),
        ("curl/8.5.0", Bot("curl", "http-library")),
        ("Mozilla/5.0 (compatible; NewThing/1.0; +https://new.example)", UNLISTED),
        ("jane.doe@example.com crawler", UNLISTED),
    ],
)
def test_a_declared_machine_is_named_by_the_list(agents: Agents, agent: str, bot: Bot) -> None:
    """The name comes from the list; what a machine calls itself is never repeated."""
    found = agents.classes[agent].bot
    assert found is not None
    assert (found.name.lower(), found.kind) == (bot.name.lower(), bot.kind)


@pytest.mark.parametrize(
    "agent",
    [
        CHROME,
        IPHONE,
        "Mozilla/5.0 (Linux; Android 6.0; CUBOT_NOTE_S) AppleWebKit/537.36 Chrome/71.0 Mobile",
        "Mozilla/5.0 (Linux; Android 13; Spider 8) AppleWebKit/537.36 Chrome/124.0 Safari/537.36",
        "Mozilla/5.0 (Linux; Android 4.4.2; Discovery II) AppleWebKit/537.36 Chrome/81.0 Mobile",
        "Lynx/2.8.9rel.1 libwww-FM/2.14 SSL-MM/1.4.1",
    ],
)
def test_a_phone_named_like_a_machine_is_a_phone(agents: Agents, agent: str) -> None:
    """A model between the brackets of Android says nothing of machines."""
    assert agents.classes[agent].bot is None
    assert not agents.classes[agent].is_tool


def test_no_browser_is_taken_for_a_machine(agents: Agents) -> None:
    """0 false positives on the public lists of people's browsers."""
    wrong = [line for line in lines("browsers.txt") if agents.find_bot(line) or is_tool(line)]
    assert wrong == []


def test_machines_of_the_list_are_found(agents: Agents) -> None:
    """At least 95 % of what the public list of machines holds."""
    machines = lines("bots.txt")
    found = [line for line in machines if agents.find_bot(line) or is_tool(line)]
    assert len(found) / len(machines) >= 0.99


def test_a_nameless_tool_is_no_bot(agents: Agents) -> None:
    """What is no browser and declares nothing stays in the strictest tier."""
    looks = agents.classes["JaneDoe/1.0"]
    assert looks.bot is None
    assert looks.is_tool


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (CHROME, Device.DESKTOP),
        (IPHONE, Device.MOBILE),
        (TABLET, Device.TABLET),
        ("Mozilla/5.0 (Linux; Tizen 5.0) AppleWebKit/538.1 SamsungBrowser/1 TV", Device.OTHER),
        ("", Device.OTHER),
    ],
)
def test_devices_in_four_words(agents: Agents, agent: str, device: Device) -> None:
    """Screens of four classes; a television has none of them."""
    assert agents.classes[agent].device == device.value


def test_a_browser_is_a_family_a_major_version_and_a_system(agents: Agents) -> None:
    """What T1 keeps of an agent is three words."""
    assert agents.browsers[CHROME] == Browser("Chrome", "126", "Windows")
    assert agents.browsers[IPHONE] == Browser("Mobile Safari", "17", "iOS")


@given(st.text(max_size=700))
def test_any_agent_has_an_answer(agent: str) -> None:
    """No text raises, and no answer repeats the text."""
    one = AGENTS.classes[agent]
    assert one.device in [device.value for device in Device]
    assert AGENTS.browsers[agent].major.isdigit() or not AGENTS.browsers[agent].major


AGENTS = Agents()


def test_a_megabyte_of_agent_costs_what_512_characters_cost() -> None:
    """Only 512 characters are looked at, so no agent is slow."""
    whole = BotList.shipped()
    started = time.perf_counter()
    for text in ("(" * 1_000_000, "a@" * 500_000, "Android" * 100_000, "Mozilla/5.0 (" * 80_000):
        whole.find(text)
        is_tool(text)
    assert time.perf_counter() - started < 0.5


WORDS = st.text(alphabet="abc ./-", min_size=1, max_size=9)


@given(st.lists(WORDS, min_size=1, max_size=12), st.lists(WORDS, max_size=6), st.randoms())
def test_texts_are_found_by_their_words(
    texts: list[str], others: list[str], draw: random.Random
) -> None:
    """Exactly those that a plain search finds, whatever was asked before."""
    literals = Literals(texts)
    for _ in range(3):
        probe = "".join(draw.sample([*texts, *others], k=min(4, len(texts))))
        assert literals.standing_in(probe) == {text for text in texts if text in probe}


@pytest.mark.parametrize(
    ("pattern", "literals"),
    [
        (r"[wW]get", ["get"]),
        (r"^WhatsApp/\d[\d.]* ?[A-Z]?$", ["whatsapp/"]),
        (r"Automaton|Newsify Feed Fetcher", ["automaton", "newsify feed fetcher"]),
        (r"Ahrefs(Bot|SiteAudit)", ["ahrefs"]),
        (r"(a|b)[cd]?", [""]),
    ],
)
def test_a_cheap_look_loses_nothing(pattern: str, literals: list[str]) -> None:
    """What must stand in every find is read off the pattern; where nothing must, all are tried."""
    assert literals_of(pattern) == literals


@pytest.mark.parametrize("corpus", ["bots.txt", "browsers.txt"])
def test_looking_by_words_finds_what_reading_the_list_finds(corpus: str) -> None:
    """On the public lists each agent has the verdict and the name that a plain search gives it."""
    for agent in lines(corpus):
        for text in (agent, agent.upper(), agent[::-1], agent[len(agent) // 2 :] + agent):
            assert BOTS.find(text) == plainly(text), text


def plainly(agent: str) -> Bot | None:
    """The verdict by trying every text, pattern and word of the lists, one by one."""
    text = bots._without_model(agent[: bots.MAX_CHARS])
    low = text.lower()
    places = [(low.find(one), -len(one), one) for one in BOTS._kinds if one in low]
    found = [bot for pattern, bot in BOTS._patterns if pattern.search(text)]
    if bots._PEOPLE.search(low):
        return None
    if places:
        name, kind = BOTS._kinds[min(places)[2]]
        return Bot(name.strip(" /;(+")[:64] or name, kind)
    if found:
        return found[0]
    says = any(word in low for word in bots._WORDS.split("|")) or re.search(bots._FORMS, low)
    return UNLISTED if says else None


@pytest.mark.parametrize("corpus", ["bots.txt", "browsers.txt"])
def test_a_device_is_what_user_agents_makes_of_it(agents: Agents, corpus: str) -> None:
    """The package's own rules, which see here what the fast resolver found."""
    for agent in lines(corpus):
        if re.search("(?i:tv|playstation|nintendo|xbox|crkey|roku|watch)", agent):
            continue
        package = user_agents.parse(agent[: bots.MAX_CHARS])
        expected = (
            (Device.TABLET, package.is_tablet),
            (Device.MOBILE, package.is_mobile),
            (Device.DESKTOP, package.is_pc),
            (Device.OTHER, True),
        )
        assert agents.classes[agent].device == next(one for one, holds in expected if holds), agent


BOTS = BotList.shipped()
