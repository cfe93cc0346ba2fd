"""What a page says of one visitor never comes from another."""

from __future__ import annotations

import pytest

from tests.asgi import raw
from tests.asgi.raw import NOW, http, run


@pytest.mark.requirement("SEC-08")
def test_after_a_clock_step_a_stranger_has_not_decided() -> None:
    """A choice that now lies in the future counts for nothing, and leaves no word for the next."""
    clock = [float(NOW)]
    gate = raw.gated(raw.page(), clock=lambda: clock[0])
    chosen = raw.chosen(gate, choice="accept")
    clock[0] -= 86_400
    first = run(gate, http(cookie=chosen))
    stranger = run(gate, http())
    for seen in (first, stranger):
        assert b'"decided":false' in seen.body.replace(b"&quot;", b'"')
