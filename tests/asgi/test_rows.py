"""An app's own pages give out and erase what the site log keeps of whoever asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from consentgate.log.writing.background import TICKER
from tests.asgi import raw
from tests.asgi.raw import http, run

AGENT = [(b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")]


@pytest.mark.requirement("LOG-12")
def test_an_app_shows_and_erases_what_is_kept(tmp_path: Path) -> None:
    """The rows of today's visitor, nobody else's, and none once they are erased."""
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        consent = scope["state"]["consent"]
        if scope["path"] == "/mine":
            seen["rows"] = gate.rows_of(consent)
        elif scope["path"] == "/erase":
            seen["erased"] = gate.erase(consent)
        await raw.json_answer()(scope, receive, send)

    gate = raw.gated(app, log=tmp_path)
    cookie = raw.chosen(gate, choice="accept")
    run(gate, http("/a", headers=AGENT, cookie=cookie))
    run(gate, http("/b", headers=AGENT))
    TICKER.finish()
    run(gate, http("/mine", headers=AGENT, cookie=cookie))
    assert [row["path"] for row in seen["rows"]] == ["/a"]
    run(gate, http("/erase", headers=AGENT, cookie=cookie))
    assert seen["erased"] == 2  # the page that showed them is one of them
    gate.close()


def test_without_a_log_nothing_is_kept() -> None:
    """There is nothing to show, and nothing to erase."""
    gate = raw.gated(raw.json_answer())
    consent = gate._open(http())  # the visit whose consent the app sees
    view = consent.scope["consentgate"]
    assert gate.rows_of(view) == []
    assert gate.erase(view) == 0
