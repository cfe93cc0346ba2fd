"""Owns what is made of a User-Agent; remembers few, and forgets the text with the answer.

ua-parser's own resolvers are used, the native one where it is installed (``fast`` extra):
``user_agents.parse`` never takes it and is 24 times slower. Raw agents live in two bounded
tables in memory and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from consentgate.domain.agents import NOBODY, Bot, Browser, Device, Looks
from consentgate.lookup.bots import MAX_CHARS, BotList, is_tool

_MOST_REMEMBERED = 8_192
_TABLET = re.compile(r"iPad|[Tt]ablet|PlayBook|Kindle|Silk/(?!.*Mobile)|Android(?!.*[Mm]obile)")
_MOBILE = re.compile(
    r"[Mm]obi|iPhone|iPod|Windows Phone|BlackBerry|Opera Mini|MIDP|Nokia|UP\.Browser|KAIOS"
)
_OTHER = ("tv", "playstation", "nintendo", "xbox", "crkey", "roku", "watch")
_DESKTOP = re.compile(r"Windows|Macintosh|X11|CrOS|Linux|Win\d|BSD")


class Agents:
    """Answers two questions of an agent: how it looks (any tier) and what it is (T1)."""

    def __init__(self, bots: BotList | None = None) -> None:
        self._bots = bots
        self._resolve: Callable[[str], tuple[tuple[str, str], str]] | None = None
        self.looks = lru_cache(_MOST_REMEMBERED)(self._looks)
        """``looks(agent) -> Looks``: class of device and declared machine."""
        self.browser = lru_cache(_MOST_REMEMBERED)(self._browser)
        """``browser(agent) -> Browser``: family, major version, system."""

    @staticmethod
    def capped(agent: str) -> str:
        """The part of an agent that is looked at: what follows costs time and says nothing."""
        return agent[:MAX_CHARS]

    def bot(self, agent: str) -> Bot | None:
        """The machine that the agent declares itself to be."""
        if self._bots is None:
            self._bots = BotList.shipped()
        return self._bots.find(agent)

    def _looks(self, agent: str) -> Looks:
        if not agent.strip():
            return NOBODY
        bot = self.bot(agent)
        return Looks(device_of(agent), bot, bot is None and is_tool(agent))

    def _browser(self, agent: str) -> Browser:
        if self._resolve is None:
            self._resolve = _resolver()
        user_agent, system = self._resolve(agent[:MAX_CHARS])
        family, major = user_agent
        return Browser(family[:40], major[:4] if major.isdigit() else "", system[:40])


def _resolver() -> Callable[[str], tuple[tuple[str, str], str]]:
    """ua-parser's fastest resolver that is installed, without its own cache."""
    from ua_parser import BestAvailableResolver, Domain, load_builtins

    resolve = BestAvailableResolver(load_builtins())
    wanted = Domain.USER_AGENT | Domain.OS

    def answer(agent: str) -> tuple[tuple[str, str], str]:
        found = resolve(agent, wanted)
        browser, system = found.user_agent, found.os
        return (
            (browser.family, browser.major or "") if browser else ("", ""),
            system.family if system else "",
        )

    return answer


def device_of(agent: str) -> Device:
    """The class of device, by plain words of the agent."""
    low = agent.lower()
    if any(name in low for name in _OTHER):
        return Device.OTHER
    for pattern, device in (
        (_TABLET, Device.TABLET),
        (_MOBILE, Device.MOBILE),
        (_DESKTOP, Device.DESKTOP),
    ):
        if pattern.search(agent):
            return device
    return Device.OTHER
