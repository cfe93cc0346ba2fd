"""Owns what the operator is told of hosts that nobody declared: each once, with the lines to add.

Whose a host commonly is comes from the catalogue and from public tables; what a site uses it for is
never guessed.
"""

from __future__ import annotations

import logging
import re
import threading
from collections import Counter
from collections.abc import Iterator
from functools import cached_property

from consentgate.asgi.startup.policy_file import load_catalogue
from consentgate.lookup.third_parties import known_third_parties

logger = logging.getLogger("consentgate")

UNDECLARED_HOST = "undeclared_host"
"""Name of what is counted."""
_MOST_HOSTS = 256
_PLAIN = re.compile(r"[a-z0-9._:\[\]-]{1,253}")
_MOST_KEYS = 4


class UndeclaredHosts:
    """Counts every one, and says each host once in the life of a process."""

    def __init__(self, counts: Counter[str], *, blocks: bool) -> None:
        """Start with nothing found.

        Args:
            counts: the gate's counters.
            blocks: whether such hosts are held, or only reported.
        """
        self._counts = counts
        self._does = "would load from" if blocks else "loads from"
        self._so = "nothing is asked of it" if blocks else "it is asked, whatever visitors say"
        self._told: set[str] = set()

    def warm(self) -> None:
        """Read the tables, which takes a moment."""
        known_third_parties()
        if load_catalogue.cache_info().currsize:
            self._keys.of("")

    def note(self, host: str, own: str) -> None:
        """Take in a host that a page or a header names.

        Args:
            host: as a browser looks it up.
            own: the host that the page comes from.
        """
        self._counts[UNDECLARED_HOST] += 1
        self.tell(host, own, f"a page {self._does}", self._so)

    def tell(self, host: str, own: str, who: str, so: str) -> None:
        """Tell of the host, unless that was done; only of so many, since pages quote strangers."""
        if host in self._told or len(self._told) >= _MOST_HOSTS or not _PLAIN.fullmatch(host):
            return
        self._told.add(host)
        if known_third_parties.cache_info().currsize:
            self._say(host, own, who, so)
        else:  # reading the tables would hold up other requests
            threading.Thread(target=self._say, args=(host, own, who, so), daemon=True).start()

    def _say(self, host: str, own: str, who: str, so: str) -> None:
        keys = self._keys.of(host) if load_catalogue.cache_info().currsize else ()
        said = advice(host, own, keys)
        logger.warning('consentgate: %s the undeclared host "%s", and %s%s', who, host, so, said)

    @cached_property
    def _keys(self) -> _Keys:
        return _Keys()


def advice(host: str, own: str, keys: tuple[str, ...] = ()) -> str:
    """Whose the host commonly is, and the lines that declare it.

    Args:
        host: that nobody declared.
        own: the host of the page that names it.
        keys: the services of the catalogue that have something on it.
    """
    if keys:
        others = f"  # or, by what you embed: {', '.join(keys[1:])}" if keys[1:] else ""
        return f'. To declare it, add:\n\n[service.{keys[0]}]\nuse = "{keys[0]}"{others}\n'
    party = known_third_parties().of_host(host)
    if party is not None:
        said = f", which public lists have under {party.purpose}" if party.purpose else ""
        return (
            f". It is {party.name}'s{said}. To declare it, add, and say what you use it for:\n\n"
            f"{_table(party.name, party.pattern)}"
        )
    if _is_near(host, own):
        return (
            ". If the computer is yours, add it to [site]:\n\n"
            f'same_party = ["{host}"]\n\n'
            "If its name only leads to somebody else (a CNAME), declare whose it is:\n\n"
            f"{_table(host, host)}"
        )
    return f". To declare it, add, and say what you use it for:\n\n{_table(host, host)}"


def _table(name: str, pattern: str) -> str:
    key = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-")
    key = key if key[:1].isalpha() else f"host-{key}"[:40].rstrip("-")
    shown = "".join(char for char in name if char not in '"\\')
    return (
        f'[service.{key}]\nname = "{shown}"\n'
        'purposes = []  # one or more of "functional", "statistics", "marketing", or your own\n'
        f'hosts = ["{pattern}"]\n'
    )


def _is_near(host: str, own: str) -> bool:
    """Whether the host may be the site's own: it ends as the site's name does, without ``www``."""
    home = own.removeprefix("www.")
    shared = home.partition(".")[2] if home.count(".") > 1 else home
    return "." in shared and (host == shared or host.endswith("." + shared))


class _Keys:
    """The services of the catalogue by host."""

    def __init__(self) -> None:
        self._exact: dict[str, list[str]] = {}
        self._below: dict[str, list[str]] = {}
        for key, entry in load_catalogue().items():
            for pattern in entry.get("hosts", ()):
                host = pattern.removeprefix("*.").partition("/")[0]
                table = self._below if pattern.startswith("*.") else self._exact
                table.setdefault(host, []).append(key)

    def of(self, host: str) -> tuple[str, ...]:
        """The keys of the services that have something on the host."""
        return tuple(dict.fromkeys(self._of(host)))[:_MOST_KEYS]

    def _of(self, host: str) -> Iterator[str]:
        yield from self._exact.get(host, ())
        while host:
            yield from self._below.get(host, ())
            host = host.partition(".")[2]
