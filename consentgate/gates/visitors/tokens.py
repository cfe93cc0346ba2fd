"""Owns how a visit's tokens become one choice; never knows which cookies carry them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Protocol

from consentgate.domain.choices import Choice, intersection
from consentgate.domain.decision import CLOCK_LEEWAY_SECONDS
from consentgate.domain.policy.fingerprints import Meaning
from consentgate.formats.token import MAX_BYTES, PayloadReader, TokenCodec
from consentgate.memo import Memo, up_to

_MOST_REMEMBERED = 8_192
_MOST_SAID = 512
_MOST_TOKENS = 4
ONCE_SECONDS = 86_400
"""How long "once" lasts at most."""


class Revoked(Protocol):
    """What a reader asks about a grant that it reads for the first time."""

    def has(self, choice: Choice) -> bool:
        """Whether the grant that a choice carries has ended; asked only where there is an id."""
        ...


class TokenReader:
    """Reads the tokens of requests; those that come again are not verified again."""

    def __init__(
        self,
        codec: TokenCodec,
        meanings: Mapping[bytes, Meaning],
        today: Meaning,
        revoked: Revoked | None = None,
    ) -> None:
        """Start with no token known.

        Args:
            codec: verifies tokens.
            meanings: every meaning ever offered, under its hash.
            today: the meaning of the policy in force.
            revoked: knows the grants that have ended; None: none has.
        """
        self._revoked = revoked
        self.codec = codec
        self.today = today
        self._payloads = PayloadReader(meanings, today)
        self._choices = Memo(self._choice, _MOST_REMEMBERED, is_small=up_to(MAX_BYTES))
        self._with_once = Memo[tuple[object, object], Choice](None, _MOST_SAID)

    def read(self, values: Sequence[bytes], now: int) -> Choice | None:
        """The choice that the tokens of one request carry.

        What does not verify is ignored; of several that do, the intersection holds. Of a choice
        from the future only its denials count (VER-07).

        Args:
            values: the values of every cookie that has the token's name.
            now: whole seconds since the epoch.
        """
        if len(values) == 1:
            return self._read(values[0], now)
        choices = [self._read(value, now) for value in values[:_MOST_TOKENS]]
        found = tuple(choice for choice in choices if choice is not None)
        if len(values) > _MOST_TOKENS or not found:
            return None
        return intersection(found)

    def _read(self, value: bytes, now: int) -> Choice | None:
        choice = self._choices[value]
        if choice is None or choice.made_at <= now + CLOCK_LEEWAY_SECONDS:
            return choice
        return choice.denials

    def _choice(self, value: bytes) -> Choice | None:
        choice = self.codec.read(value, self._payloads)
        if choice is None or not self._has_ended(choice):
            return choice
        return self._ended(choice)

    def _has_ended(self, choice: Choice) -> bool:
        return self._revoked is not None and bool(choice.id) and self._revoked.has(choice)

    def _ended(self, choice: Choice) -> Choice:
        """What a token says whose grant was withdrawn or replaced: it refuses everything.

        Silence would grant under opt-out, and what the visitor said last is not in this token.
        """
        return Choice(
            made_at=choice.made_at,
            purposes=MappingProxyType({key: False for key, _ in self.today.purposes}),
            signalled=choice.signalled,
        )

    def ids(self, values: Sequence[bytes]) -> list[str]:
        """The ids of the grants that tokens carry, of those that have not ended."""
        choices = (self._choices[value] for value in values[:_MOST_TOKENS])
        return [choice.id for choice in choices if choice is not None and choice.id]

    def end_remembered(self, values: Sequence[bytes] = ()) -> None:
        """Have remembered tokens follow what has ended since they were read.

        Args:
            values: the tokens that are concerned; empty: any may be.
        """
        known = self._choices
        pairs = [(value, known[value]) for value in values] if values else known.remembered()
        for value, choice in pairs:
            if choice is not None and self._has_ended(choice):
                known.put(value, self._ended(choice))

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
        base = lasting or Choice(made_at=once.made_at, is_explicit=False)
        said = self._with_once.recall(
            (base.saying, once.saying), partial(_with_session_grants, base, once)
        )
        return said.by(base.id, base.made_at)


def _with_session_grants(base: Choice, once: Choice) -> Choice:
    granted = frozenset(key for key, said in once.services.items() if said)
    return replace(base, once=granted, once_told=once.told)
