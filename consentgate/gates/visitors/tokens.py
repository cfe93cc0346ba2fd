"""Owns how a visit's tokens become one choice; never knows which cookies carry them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from consentgate.domain.choices import Choice, intersection
from consentgate.domain.decision import is_dated
from consentgate.domain.policy.fingerprints import Meaning
from consentgate.formats.token import TokenCodec

_MOST_KEPT = 8_192
_MOST_TOKENS = 4
ONCE_SECONDS = 86_400
"""How long "once" lasts at most."""


class TokenReader:
    """Reads tokens, and remembers those that verified so that each is checked once."""

    def __init__(
        self, codec: TokenCodec, meanings: Mapping[bytes, Meaning], today: Meaning
    ) -> None:
        self.codec = codec
        self.today = today
        self._meanings = meanings
        self._verified: dict[bytes, Choice] = {}

    def read(self, values: Sequence[bytes], now: int) -> Choice | None:
        """The choice that the tokens of one request carry.

        What does not verify is ignored; of several that do, the intersection holds.

        Args:
            values: the values of every cookie that has the token's name.
            now: whole seconds since the epoch.
        """
        choices = []
        for value in values[:_MOST_TOKENS]:
            choice = self._verified.get(value) or self._verify(value, now)
            if choice is not None:
                choices.append(choice)
        if len(values) > _MOST_TOKENS or not choices:
            return None
        return choices[0] if len(choices) == 1 else intersection(tuple(choices))

    def read_once(self, values: Sequence[bytes], lasting: Choice | None, now: int) -> Choice | None:
        """The choice with what was granted for this browser session alone (COL-24).

        Args:
            values: the values of every cookie that has the name for it.
            lasting: what the visitor's token carries, if anything.
            now: whole seconds since the epoch.

        Returns:
            ``lasting`` itself where nothing is granted so, or where that is a day old: a browser
            may bring sessions back for ever.
        """
        once = self.read(values, now)
        if once is None or now >= once.made_at + ONCE_SECONDS:
            return lasting
        granted = frozenset(key for key, said in once.services.items() if said)
        base = lasting or Choice(made_at=once.made_at, is_explicit=False)
        return replace(base, once=granted, once_told=once.told)

    def _verify(self, value: bytes, now: int) -> Choice | None:
        choice = self.codec.read(value, self._meanings, self.today, now)
        if choice is not None and is_dated(choice, now):
            if len(self._verified) >= _MOST_KEPT:
                self._verified.clear()
            self._verified[value] = choice
        return choice
