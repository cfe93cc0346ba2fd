"""Owns how a visit's tokens become one choice; never knows which cookies carry them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from consentgate.domain.choices import Choice, intersection
from consentgate.domain.decision import is_dated
from consentgate.domain.meaning import Meaning
from consentgate.formats.token import TokenCodec

_MOST_KEPT = 8_192
_MOST_TOKENS = 4


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

    def _verify(self, value: bytes, now: int) -> Choice | None:
        choice = self.codec.read(value, self._meanings, self.today, now)
        if choice is not None and is_dated(choice, now):
            if len(self._verified) >= _MOST_KEPT:
                self._verified.clear()
            self._verified[value] = choice
        return choice
