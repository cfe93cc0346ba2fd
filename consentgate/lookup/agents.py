"""Owns what is made of a User-Agent; remembers few, and forgets the text with the answer.

ua-parser's own resolvers are used, the native one where it is installed (``fast`` extra):
``user_agents.parse`` never takes it and is 24 times slower. Raw agents live in bounded
tables in memory, here and with what a gate knows of callers, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from consentgate.domain.agents import NOBODY, Bot, Browser, Device, Looks
from consentgate.lookup.bots import MAX_CHARS, BotList, is_tool
from consentgate.memo import Memo, up_to

_MOST_REMEMBERED = 8_192
Answer = TypeVar("Answer")
_OTHER = ("tv", "playstation", "nintendo", "xbox", "crkey", "roku", "watch")
_TABLET = ("iPad", "Tablet", "tablet", "PlayBook", "Kindle")
_MOBILE = (
    *("Mobi", "mobi", "iPhone", "iPod", "Windows Phone", "BlackBerry", "Opera Mini", "MIDP"),
    *("Nokia", "UP.Browser", "KAIOS"),
)
_DESKTOP = ("Windows", "Macintosh", "X11", "CrOS", "Linux", "BSD")
_OLD_WINDOWS = re.compile(r"Win\d")


class Agents:
    """Answers two questions of an agent: how it looks (any tier) and what it is (T1)."""

    def __init__(self, bots: BotList | None = None) -> None:
        self._bots = bots
        self._resolve: Callable[[str], tuple[tuple[str, str], str]] | None = None
        self.looks: Callable[[str], Looks] = _memo(self._looks)
        """``looks(agent) -> Looks``: class of device and declared machine."""
        self.browser: Callable[[str], Browser] = _memo(self._browser)
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


def _memo(answer: Callable[[str], Answer]) -> Callable[[str], Answer]:
    return Memo(answer, _MOST_REMEMBERED, is_small=up_to(MAX_CHARS)).__getitem__


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
    if _has_any(agent.lower(), _OTHER):
        return Device.OTHER
    if _is_tablet(agent):
        return Device.TABLET
    if _has_any(agent, _MOBILE):
        return Device.MOBILE
    is_desktop = _has_any(agent, _DESKTOP) or _OLD_WINDOWS.search(agent)
    return Device.DESKTOP if is_desktop else Device.OTHER


def _is_tablet(agent: str) -> bool:
    """Android and Silk say so by not saying that they are mobile."""
    if _has_any(agent, _TABLET):
        return True
    _, name, rest = agent.rpartition("Android")
    if name and not _has_any(rest, ("Mobile", "mobile")):
        return True
    _, name, rest = agent.rpartition("Silk/")
    return bool(name) and "Mobile" not in rest


def _has_any(text: str, words: tuple[str, ...]) -> bool:
    for word in words:  # noqa: SIM110 - a generator costs more than the looks themselves
        if word in text:
            return True
    return False
