"""Owns how far an answer is: its states, what can happen in each, and the state after it.

The table is walked by ``gates/answer``; nothing else changes a state.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType

from consentgate.gates.headers.validators import SharedValidators
from consentgate.gates.messages import Message
from consentgate.gates.pages.beacons import Beacons
from consentgate.gates.pages.rules import Rules
from consentgate.gates.pages.workers import Stamp

_NO_CONDITIONS: Mapping[bytes, bytes] = MappingProxyType({})


class State(enum.Enum):
    """How far the answer is."""

    STARTING = "nothing was sent yet"
    PASSING = "what comes passes as it is"
    PAGE_WAITING = "the start of a page waits for its first bytes"
    PAGE = "a page is on its way, rewritten as it comes"
    SHARED_WAITING = "a start waits for the first of the body, for its validator"
    OVER = "304 was answered in the app's place; nothing more goes on"

    __hash__ = object.__hash__  # in C: the table is read for every answer


class Event(enum.Enum):
    """What happened to the answer."""

    BEGAN = "a start went on, and the rest is nobody's to change"
    PAGE_BEGAN = "the start of a page went on"
    PAGE_WAITS = "the start of a page is held back"
    SHARED_WAITS = "a start is held back for its validator"
    RELEASED = "what was held back went on, and the body is still to come"
    ENDED = "the last of a page went on, or it turned out to be none to rewrite"
    ANSWERED = "the whole answer was given in the app's place"

    __hash__ = object.__hash__


TRANSITIONS: Mapping[State, Mapping[Event, State]] = {
    State.STARTING: {
        Event.BEGAN: State.PASSING,
        Event.PAGE_BEGAN: State.PAGE,
        Event.PAGE_WAITS: State.PAGE_WAITING,
        Event.SHARED_WAITS: State.SHARED_WAITING,
        Event.ANSWERED: State.OVER,
    },
    State.PAGE_WAITING: {Event.RELEASED: State.PAGE, Event.ENDED: State.PASSING},
    State.PAGE: {Event.ENDED: State.PASSING},
    State.SHARED_WAITING: {Event.RELEASED: State.PASSING, Event.ANSWERED: State.OVER},
    State.PASSING: {},
    State.OVER: {},
}
"""What can happen in each state, and the state after it. An app that starts an answer anew is
taken at its word: the state is STARTING again."""


class Progress:
    """What an answer that is not passed as it is has to remember on its way."""

    __slots__ = (
        "conditions",
        "has_begun",
        "is_collected",
        "is_explained",
        "is_line_added",
        "nonce",
        "page",
        "shared",
        "start",
    )

    def __init__(self) -> None:
        self.start: Message | None = None
        """The start that is held back."""
        self.page: Beacons | Stamp | Rules | None = None
        """The page that is rewritten, or what else is gated in its bytes."""
        self.shared: SharedValidators | None = None
        self.nonce = ""
        """The nonce that the page's own Content-Security-Policy gives out."""
        self.has_begun = False
        """Whether the first byte of a page was seen."""
        self.is_line_added = False
        """Whether our own ``Set-Cookie`` lines were written."""
        self.is_collected = False
        """Whether the gate answered in the place of a denied collector."""
        self.is_explained = False
        """Whether the gate explained a refused feature in the app's place."""
        self.conditions = _NO_CONDITIONS
        """What the app did not see of the request: conditions by lower-case name."""
