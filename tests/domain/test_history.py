"""What a subject had permitted at a time, from its events."""

from __future__ import annotations

from consentgate.domain.events import State
from consentgate.domain.history import Standing, state_at
from tests.events import grant


def test_nothing_is_permitted_before_the_first_event() -> None:
    """Nothing had been said, and nothing is made up."""
    assert state_at([], 5) == state_at([grant(at_ms=6)], 5) == Standing()


def test_a_grant_holds_from_its_moment_to_its_end() -> None:
    """The last event before the time decides, in whatever order they come."""
    first = grant(at_ms=10, expires_ms=100, services={"maps": True})
    second = grant(at_ms=50, expires_ms=100, state=State.RENEWED, purposes={"marketing": True})
    for events in ([first, second], [second, first]):
        assert state_at(events, 10).purposes == first.purposes
        assert state_at(events, 49).services == {"maps": True}
        assert state_at(events, 50).purposes == {"marketing": True}
        assert state_at(events, 99).purposes == {"marketing": True}
        ended = state_at(events, 100)
        assert (ended.is_expired, ended.purposes, ended.services) == (
            True,
            {"marketing": False},
            {},
        )


def test_a_withdrawal_ends_it() -> None:
    """What was granted is refused from then on; of two events of one moment the later counts."""
    given = grant(at_ms=10)
    withdrawn = grant(at_ms=10, state=State.WITHDRAWN)
    found = state_at([given, withdrawn], 10)
    assert (found.event, found.is_expired) == (withdrawn, False)
    assert set(found.purposes.values()) == {False}
